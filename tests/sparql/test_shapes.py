"""A query of a shape that was found clean is warned of just as if it were read."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from r2p_kg.sparql import lint as linting
from r2p_kg.sparql.known_terms import KnownTerms
from r2p_kg.sparql.lint import lint, shapes

if TYPE_CHECKING:
    import pytest

QUADS: Final = b"".join(
    b"<http://x/id/%s> <http://x/ns#near> <http://x/id/b> .\n" % name for name in (b"a", b"b", b"c", b"d")
) + (
    b'<http://x/id/old> <http://www.w3.org/2002/07/owl#deprecated> "true"^^'
    b"<http://www.w3.org/2001/XMLSchema#boolean> .\n"
    b'<http://x/id/a> <http://x/ns#says> "x"@en .\n'
)
HEAD: Final = "PREFIX x: <http://x/ns#> PREFIX id: <http://x/id/> "

#: What may be filled in, among it what must be warned of.
FILLINGS: Final = (
    *(f"<http://x/id/{name}>" for name in ("a", "b", "c", "old", "nowhere")),
    *("1", "7", "2011", "2011-03-05", "12.5", "<http://y/>", "id:a", '"x"', "?v"),
)
TEMPLATES: Final = (
    "SELECT * { @ x:near ?o . ?o x:near @ }",
    "SELECT * { @ x:near ?o . @ x:near ?p }",
    "SELECT ?o (@ AS ?n) { ?s x:says ?o ; x:near @ FILTER(?o != @) }",
    "SELECT * { ?s x:says @ } LIMIT 10",
    "ASK { ?s ?p ?o BIND(@ - 3 - 4 AS ?n) }",
    "SELECT * { VALUES ?s { @ @ } ?s x:near ?o }",
    "SELECT * { GRAPH @ { @ x:near ?o } }",
    "SELECT * { ?s ?p ?o FILTER(?o<@) }",
    "SELECT (COUNT(?s) AS ?n) { ?s x:near ?o } GROUP BY ?o HAVING(?n > @)",
    "CONSTRUCT { @ x:near @ } WHERE { ?s x:near @ }",
)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(TEMPLATES), st.lists(st.sampled_from(FILLINGS), min_size=3, max_size=3))
def test_warnings_do_not_depend_on_what_was_read_before(template: str, fillings: list[str]) -> None:
    fill = iter(fillings)
    query = HEAD + re.sub("@", lambda _: next(fill), template)
    assert lint(query, replace(KNOWN, clean=set())) == lint(query, KNOWN)


#: Keeps what it has read from one example to the next.
KNOWN: Final = KnownTerms.of(QUADS, {})


def test_queries_that_differ_in_what_is_filled_in_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownTerms.of(QUADS, {})
    read: list[str] = []
    parse = linting.parse
    monkeypatch.setattr(linting, "parse", lambda query: read.append(query) or parse(query))
    for number, name in enumerate(("a", "b", "c")):
        assert () == lint(f"{HEAD}SELECT ?o ({number} AS ?n) {{ <http://x/id/{name}> x:near ?o }}", known)
    assert 1 == len(read)


def test_a_prologue_that_may_mean_something_else_is_no_part_of_a_shape() -> None:
    one, other = (
        shapes.of(f"PREFIX x: <http://x/{name}#> SELECT * {{ ?s x:near ?o }}", KNOWN) for name in ("ns", "id")
    )
    assert one != other
    assert shapes.of("BASE <http://x/id/> SELECT * { <a> ?p ?o }", KNOWN) is None


def test_no_more_shapes_are_kept_than_a_program_has() -> None:
    known = KnownTerms.of(QUADS, {})
    for number in range(2000):
        lint(f"SELECT ?v{number} {{ ?v{number} ?p ?o }}", known)
    assert shapes._MOST == len(known.clean)
