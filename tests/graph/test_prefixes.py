"""A prefixed name is one that parsers read back as the same IRI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import NamedNode, RdfFormat
from rdflib import Graph

from r2p_kg.graph import rdf
from r2p_kg.graph.prefixes import Prefixes

EX = "http://e.example/"
PREFIXES = Prefixes({"ex": EX, "deep": EX + "deep/", "": EX + "empty#", "rdf": rdf.vocab.RDF})

PROBES = {
    EX + "a/b": r"ex:a\/b",
    EX + "a.b": "ex:a.b",
    EX + "a.b.c": "ex:a.b.c",
    EX + "a.b.": f"<{EX}a.b.>",
    EX + ".a": r"ex:\.a",
    EX + "-a": r"ex:\-a",
    EX + "7-a": "ex:7-a",
    EX: "ex:",
    EX + "a,b": r"ex:a\,b",
    EX + "a%41b": "ex:a%41b",
    EX + "a%4": r"ex:a\%4",
    EX + "\u00e9": "ex:\u00e9",
    EX + "\u0301": f"<{EX}\u0301>",
    EX + "a\u00d7": f"<{EX}a\u00d7>",
    EX + "deep/x": "deep:x",
    EX + "empty#x": ":x",
    "http://other.example/": "<http://other.example/>",
    rdf.vocab.RDF_TYPE: "rdf:type",
}


@pytest.mark.parametrize("iri", PROBES)
def test_each_probe_has_one_name(iri: str) -> None:
    assert PROBES[iri] == PREFIXES.shorten(iri)


def read_back(name: str) -> str:
    head = "".join(f"@prefix {prefix}: <{space}> .\n" for prefix, space in PREFIXES.items())
    (quad,) = rdf.parse_text(f"{head}{name} a 1 .", RdfFormat.TURTLE)
    assert isinstance(quad.subject, NamedNode)
    return quad.subject.value


@pytest.mark.parametrize("name", PROBES.values())
def test_another_parser_reads_each_probe_as_the_same_iri(name: str) -> None:
    head = "".join(f"@prefix {prefix}: <{space}> .\n" for prefix, space in PREFIXES.items())
    (subject,) = Graph().parse(data=f"{head}{name} a 1 .", format="turtle").subjects()
    assert [str(subject)] == [iri for iri, other in PROBES.items() if other == name]


LETTERS = st.characters(exclude_characters='<>"{}|^`\\ ', exclude_categories=["Cs", "Cc", "Zs", "Cn", "Co"])


@given(st.sampled_from([EX, EX + "deep/", EX + "empty#"]), st.text(LETTERS | st.sampled_from(".-%:/,~a4")))
def test_whatever_is_shortened_is_read_back_as_the_same_iri(space: str, local: str) -> None:
    try:
        iri = NamedNode(space + local).value
    except ValueError:  # not an IRI, so that no graph can hold it
        return
    name = PREFIXES.shorten(iri)
    assert iri == read_back(name)
    assert name.startswith("<") or iri == PREFIXES.expand(name)


def test_what_lacks_escapes_is_expanded_as_it_is_meant() -> None:
    assert EX + "modality/stated" == PREFIXES.expand("ex:modality/stated")
    assert None is PREFIXES.expand("ex")


def test_prefixes_are_a_mapping_like_any_other() -> None:
    assert {"ex": EX} == Prefixes({"ex": EX})
    assert PREFIXES is Prefixes.of(PREFIXES)
    assert {"ex": EX, "b": "c"} == {**Prefixes({"ex": EX}), "b": "c"}
