"""What some data hold, and how their IRIs are written in a query."""

from __future__ import annotations

import random
from typing import Final

import pyoxigraph as ox
import pytest

from r2p_kg.sparql.engine_text import engine_text
from r2p_kg.sparql.known_terms import KnownTerms

PREFIXES: Final = {"e": "http://e/", "ns": "http://e/ns#", "": "http://default/"}
KNOWN: Final = KnownTerms.of(b"", PREFIXES)


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        ("http://e/a", "e:a"),
        ("http://e/ns#a", "ns:a"),
        ("http://default/a", ":a"),
        ("http://e/a.b.c", "e:a.b.c"),
        ("http://e/%41:b", "e:%41:b"),
        ("http://e/a/b", "<http://e/a/b>"),
        ("http://e/a,b", "<http://e/a,b>"),
        ("http://e/a.", "<http://e/a.>"),
        ("http://e/-a", "<http://e/-a>"),
        ("http://e/", "<http://e/>"),
        ("http://f/a", "<http://f/a>"),
    ],
)
def test_an_iri_is_written_as_a_name_if_every_parser_takes_that_name(iri: str, expected: str) -> None:
    assert expected == KNOWN.short(iri)


def test_what_is_written_stands_for_the_iri() -> None:
    chance = random.Random(13)
    head = "".join(f"PREFIX {prefix}: <{start}> " for prefix, start in PREFIXES.items())
    iris = [
        chance.choice([*PREFIXES.values()])
        + "".join(chance.choices("abZ09.-_:·é,/#%;", k=chance.randint(0, 6)))
        for _ in range(2000)
    ]
    written = 0
    for iri in iris:
        try:
            ox.NamedNode(iri)
        except ValueError:
            continue
        short = KNOWN.short(iri)
        written += not short.startswith("<")
        (row,) = ox.Store().query(engine_text(f"{head} SELECT ({short} AS ?x) {{}}").text)  # type: ignore[union-attr]
        assert iri == row["x"].value  # type: ignore[index]
    assert written > 400
