"""Warnings about a query: only what is sure, never a refusal, and cheap enough for every request."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2p_kg import library
from r2p_kg.graph import vocab
from r2p_kg.sparql import lint as linting
from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.known_terms import KnownTerms, local, namespace
from r2p_kg.sparql.lint import LintWarning, lint, products
from r2p_kg.sparql.tokens import tokens
from tests.growth import LINEAR, growth

if TYPE_CHECKING:
    from collections.abc import Callable

    from r2p_kg.curate.build import Built

QUADS: Final = (
    '<http://x/id/peace> <http://x/ns#says> "war and <http://x/ns#nothing> \\"peace\\""@en-GB <http://x/graph/a> .\n'
    "<http://x/id/peace> <http://x/ns#concerns> <http://x/id/kenya-2007> <http://x/graph/a> .\n"
    "<http://x/id/kenya-2007> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://x/ns#Situation> <http://x/graph/a> .\n"
    '<http://x/id/kenya-2007> <http://www.w3.org/2000/01/rdf-schema#label> "Kenya"@fr <http://x/graph/a> .\n'
    '<http://x/id/kenya-2007> <http://x/ns#asOf> "2007-12-30"^^<http://www.w3.org/2001/XMLSchema#date> <http://x/graph/b> .\n'
    '<http://x/ns#about> <http://www.w3.org/2002/07/owl#deprecated> "true"^^<http://www.w3.org/2001/XMLSchema#boolean> <http://x/graph/a> .\n'
    '<http://x/ns#says> <http://www.w3.org/2002/07/owl#deprecated> "false"^^<http://www.w3.org/2001/XMLSchema#boolean> <http://x/graph/a> .\n'
)
RDFS_LABEL: Final = "http://www.w3.org/2000/01/rdf-schema#label"
PREFIXES: Final = {"x": "http://x/ns#", "id": "http://x/id/", "rdfs": "http://www.w3.org/2000/01/rdf-schema#"}
VOCABULARY: Final = KnownTerms.of(QUADS.encode(), PREFIXES)
HEAD: Final = (
    "PREFIX x: <http://x/ns#> PREFIX id: <http://x/id/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
    "PREFIX foaf: <http://xmlns.com/foaf/0.1/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n"
)


def told(query: str) -> list[tuple[str, int]]:
    """Code and column of each warning; all of them stand in the second line."""
    found = lint(HEAD + query, VOCABULARY)
    assert all(one.line == 2 for one in found)
    return [(one.code, one.column) for one in found]


def message(query: str) -> str:
    (only,) = lint(HEAD + query, VOCABULARY)
    return only.message


def rows(query: str) -> int:
    store = ox.Store()
    for quad in ox.parse(QUADS.encode(), ox.RdfFormat.N_QUADS):
        store.add(quad)
    return len(list(store.query(HEAD + query, use_default_graph_as_union=True)))  # type: ignore[arg-type]


def test_a_vocabulary_holds_the_iris_of_a_snapshot_and_not_what_its_texts_mention() -> None:
    assert VOCABULARY.terms is not None
    assert {
        "http://x/id/peace",
        "http://x/ns#concerns",
        "http://x/graph/b",
        vocab.XSD + "date",
    } <= VOCABULARY.terms
    assert "http://x/ns#nothing" not in VOCABULARY.terms
    assert (frozenset({"http://x/ns#about"}), frozenset({"en-gb", "fr"})) == (
        VOCABULARY.deprecated,
        VOCABULARY.languages,
    )


SURE: Final = [
    ("SELECT * { ?s a x:Situaton }", "unknown-term", 17),
    ("SELECT * { ?s x:concern ?o }", "unknown-term", 15),
    ("SELECT * { ?s <http://x/ns#nothing> ?o }", "unknown-term", 15),
    ("SELECT * { ?s foaf:name ?o }", "unknown-vocabulary", 15),
    ("SELECT * { VALUES ?s { id:paece } ?s ?p ?o }", "unknown-term", 24),
    ("SELECT * { ?s ?p ?o FILTER(LANG(?o) = 'de') }", "unknown-language", 39),
    ("SELECT * { ?s ?p ?o FILTER('de' = lang(?o)) }", "unknown-language", 28),
    ("SELECT * { ?s ?p ?o FILTER(LANG(?o) = 'en-GB') }", "unknown-language", 39),
    ("SELECT * { ?s ?p ?o FILTER(LANGMATCHES(LANG(?o), 'de')) }", "unknown-language", 50),
    ("SELECT * { ?s ?p 'Krieg'@de }", "unknown-language", 25),
    ("SELECT * { ?s rdfs:label 'Kenya' }", "untagged-text", 26),
    ("SELECT * { ?s x:concerns [ rdfs:label ?o , 'Kenya' ] }", "untagged-text", 44),
    ("SELECT * { ?s rdfs:label ?l FILTER(?l = 'Kenya') }", "untagged-text", 41),
    ("SELECT * { ?s x:concerns/rdfs:label 'Kenya' }", "untagged-text", 37),
    ("SELECT * { ?s rdfs:label ?l FILTER(?s = ?s && ('Kenya' = ?l)) }", "untagged-text", 48),
    (
        "SELECT * { VALUES ?l { 'Kenya' 'Kenya'@fr } ?s rdfs:label ?l FILTER(LANG(?l) = '') }",
        "untagged-text",
        24,
    ),
    ("SELECT ?s (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?s HAVING(?n > 0)", "alias-in-having", 60),
    ("SELECT * { 'peace' x:says ?o }", "literal-subject", 12),
    ("SELECT * { ?s ?p ?o . 'peace' a ?o }", "literal-subject", 23),
    ("SELECT ?s { ?s ?p ?o FILTER(COUNT(?o) > 0) } GROUP BY ?s", "aggregate-in-filter", 29),
]


@pytest.mark.parametrize(("query", "code", "column"), SURE)
def test_what_is_warned_of_matches_nothing(query: str, code: str, column: int) -> None:
    assert [(code, column)] == told(query)
    assert 0 == rows(query)


def test_a_warning_about_a_text_without_its_language_says_what_to_write() -> None:
    assert "write 'Kenya'@fr" in message("SELECT * { ?s rdfs:label 'Kenya' }")
    assert "write 'Kenya'@fr" in message("SELECT * { ?s rdfs:label ?l FILTER(?l = 'Kenya') }")


def test_a_warning_about_a_name_of_a_column_in_having_says_what_to_write() -> None:
    query = "SELECT ?s (COUNT( * ) + 1 AS ?n) { ?s ?p ?o } GROUP BY ?s HAVING(?n > 0)"
    assert "?n has no value in HAVING, which so keeps nothing; write COUNT( * ) + 1 for it" == message(query)


def test_a_property_has_a_language_only_if_all_its_texts_have_one() -> None:
    assert {RDFS_LABEL: "fr", "http://x/ns#says": "en-gb"} == VOCABULARY.tags
    mixed = (
        QUADS
        + '<a:a> <http://x/ns#says> "plain" .\n<a:a> <a:new> "a"@de .\n<a:a> <a:new> "b"@en .\n<a:b> <a:new> "c"@en .\n'
    )
    assert {RDFS_LABEL: "fr", "a:new": "en"} == KnownTerms.of(mixed.encode(), PREFIXES).tags


def test_a_deprecated_term_is_told_and_one_that_says_it_is_none_is_not() -> None:
    assert [("deprecated-term", 15)] == told("SELECT * { ?s x:about ?o ; x:says ?t }")


def test_a_date_that_is_a_subtraction_is_told() -> None:
    assert [("arithmetic-date", 37)] == told("SELECT * { ?s x:asOf ?d FILTER(?d > 2007-01-01) }")
    assert 'write "2007-01-01"^^xsd:date' in message("SELECT * { ?s x:asOf ?d FILTER(?d > 2007-01-01) }")


def test_the_nearest_term_is_suggested_as_people_write_it() -> None:
    assert "the graph has no x:Situaton; did you mean x:Situation?" == message("SELECT * { ?s a x:Situaton }")
    assert "the graph has no x:situation; did you mean x:Situation?" == message(
        "SELECT * { ?s a x:situation }"
    )
    assert "the graph has no x:label; did you mean rdfs:label?" == message("SELECT * { ?s x:label ?o }")
    assert "the graph has no x:qqq" == message("SELECT * { ?s x:qqq ?o }")
    assert "the graph has nothing from <http://xmlns.com/foaf/0.1/>, so foaf:name matches nothing" == message(
        "SELECT * { ?s foaf:name ?o }"
    )
    assert 'write "en-gb", tags are in lower case here' in message(
        "SELECT * { ?s ?p ?o FILTER(LANG(?o) = 'en-GB') }"
    )


HARMLESS: Final = [
    "SELECT * FROM <http://x/graph/z> { ?s ?p ?o }",
    "SELECT * { GRAPH <http://x/graph/z> { ?s ?p ?o } }",
    "SELECT * { ?s x:asOf '2007'^^x:newType }",
    "SELECT * { ?s ?p ?o FILTER(xsd:integer(?o) > 2) }",
    "SELECT (x:new AS ?a) (IF(?s = ?s, x:other, x:third) AS ?b) ?s { ?s ?p ?o }",
    "SELECT * { ?s ?p ?o BIND(x:new AS ?x) BIND('neu'@de AS ?y) }",
    "CONSTRUCT { ?s x:new 'neu'@de . 'a' a ?o } WHERE { ?s ?p ?o }",
    "SELECT * { ?s ?p ?o FILTER(?s<?p&&?p>?o) }",
    "SELECT * { ?s ?p ?o FILTER(LANG(?o) = '' || LANG(?o) != 'de' || LANGMATCHES(LANG(?o), '*') || LANGMATCHES(LANG(?o), 'EN')) }",
    "SELECT * { ?s ?p ?o BIND(STRLANG(?o, 'de') AS ?d) FILTER(LANG(?d) = 'de') }",
    "SELECT * { ?s rdfs:label 'Kenya'@fr ; x:asOf '2007' ; ?p 'Kenya' ; rdfs:label|x:asOf 'Kenya' }",
    "SELECT * { ?s rdfs:label ?l FILTER(STR(?l) = 'Kenya' || CONCAT(?l, '!') = 'Kenya!' || ?l != 'Kenya') }",
    "SELECT * { ?s rdfs:label|x:asOf ?l FILTER(?l = 'Kenya') }",
    "SELECT * { ?s x:asOf|x:concerns/rdfs:label 'Kenya' ; x:concerns/^rdfs:label 'Kenya' ; rdfs:label? 'Kenya' }",
    "SELECT * { { ?s rdfs:label ?l } UNION { ?s x:asOf ?l } FILTER(?l = 'Kenya') }",
    "SELECT * { { ?s rdfs:label ?t } UNION { ?s rdfs:label ?l . BIND(STR(?l) AS ?t) } FILTER(?t = 'Kenya') }",
    "SELECT ?s (STR(?l) AS ?t) { ?s rdfs:label ?l } GROUP BY ?s ?l HAVING(COUNT(*) > 0 && ?l = 'Kenya'@fr)",
    "SELECT * { VALUES ?x { 'a' 'b' } ?s ?p ?x . VALUES (?y ?z) { ('c' id:peace) } ?s ?y ?z }",
    "SELECT ?s { ?s ?p ?o } GROUP BY ?s HAVING(COUNT(*) > 1)",
    "SELECT * { ?s x:asOf ?d FILTER(?d > '2007-01-01'^^xsd:date && 2007 - 01 < 3) }",
    "BASE <http://x/ns#> SELECT * { ?s <#concerns> ?o }",
]


@pytest.mark.parametrize("query", HARMLESS)
def test_what_is_not_sure_is_not_told(query: str) -> None:
    ox.Store().query(HEAD + query)
    assert [] == told(query)


PRODUCTS: Final = [
    ("SELECT * { ?a ?p ?b . ?c ?q ?d }", [23]),
    ("SELECT * { ?a x:says ?b . ?c x:says ?d . ?e x:says ?f }", [27, 42]),
    ("SELECT * { ?a x:says ?b ; x:concerns ?c . ?d x:says [ x:concerns ?e ] . ?c x:says ?f }", [43]),
    ("SELECT * { ?a x:says ?b . { ?c x:says ?d } ?e x:says ?f }", [44]),
    ("SELECT * { ?a x:says ?b OPTIONAL { ?a x:concerns ?c . ?d x:says ?e } }", [55]),
    ("SELECT * { { SELECT ?a { ?a x:says ?b . ?c x:says ?d } } ?a x:concerns ?z }", [41]),
    ("SELECT * { GRAPH ?g { ?a x:says ?b . ?c x:says ?d } }", [38]),
    ("SELECT * { ?a x:says _:b . _:b x:says ?c . ?d x:says _:e }", [44]),
    ("CONSTRUCT { ?a x:says ?b . ?c x:says ?d } WHERE { ?a x:says ?b . ?c x:says ?d }", [66]),
    ("CONSTRUCT WHERE { ?a x:says ?b . ?c x:says ?d }", [34]),
    ("SELECT ?a ?c { ?a x:says ?b . ?c x:says ?d } ORDER BY ?a ?c", [31]),
    ("SELECT * { ?a a x:Situation . ?c a x:Situation }", [31]),
    ("SELECT * { id:peace x:says ?a . id:kenya-2007 x:asOf ?b }", [33]),
]


@pytest.mark.parametrize(("query", "columns"), PRODUCTS)
def test_triples_that_share_no_variable_are_told(query: str, columns: list[int]) -> None:
    assert [("cartesian-product", column) for column in columns] == told(query)


JOINED: Final = [
    "SELECT * { ?a x:says ?b . ?b x:says ?c . ?c x:says ?d }",
    "SELECT * { ?a x:says ?b . ?c x:says ?d FILTER(?b = ?d) }",
    "SELECT * { ?a x:says ?b . ?c x:says ?d FILTER NOT EXISTS { ?a x:concerns ?c } }",
    "SELECT * { ?a x:says ?b . ?c x:says ?d FILTER(?z && EXISTS { ?a x:concerns ?z } || ?c) }",
    "SELECT * { ?a x:says ?b . ?c x:says ?d . { ?a x:concerns ?x } UNION { ?x x:concerns ?c } }",
    "SELECT * { ?a x:says ?b . ?c x:says ?d . VALUES (?b ?d) { (1 2) } }",
    "SELECT * { ?a x:says ?b . ?c x:says ?d BIND(CONCAT(?b, ?d) AS ?z) }",
    "SELECT * { ?a x:says ?c OPTIONAL { ?a x:says ?x . ?c x:says ?y } }",
    "SELECT * { ?a x:concerns ?c FILTER EXISTS { ?a x:says ?x . ?c x:says ?y } }",
    "SELECT * { GRAPH ?g { ?a x:says ?b } GRAPH ?g { ?c x:says ?d } }",
    "SELECT * { id:peace x:says ?b . id:peace x:concerns id:kenya-2007 . ?b x:says ?c }",
    "SELECT * { { ?a x:says ?b } UNION { ?c x:says ?d } }",
    "SELECT * { { SELECT ?a ?c { ?a x:says ?b . ?c x:says ?d } } ?a x:concerns ?c }",
    "ASK { ?a ?b ?c }",
    "SELECT * { ?a x:concerns id:kenya-2007 . id:kenya-2007 rdfs:label ?b }",
    "SELECT * { id:kenya-2007 rdfs:label ?a . id:kenya-2007 x:asOf ?b }",
]


@pytest.mark.parametrize("query", JOINED)
def test_whatever_could_join_two_triples_keeps_the_warning_away(query: str) -> None:
    ox.Store().query(HEAD + query)
    assert [] == told(query)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_a_product_is_told_once_for_each_part_of_the_pattern_that_hangs_apart(
    pairs: list[tuple[int, int]],
) -> None:
    """The parts are counted here by spreading numbers until nothing changes."""
    part = {name: name for pair in pairs for name in pair}
    for _ in part:
        for one, other in pairs:
            part[one] = part[other] = min(part[one], part[other])
    text = "SELECT * { " + " . ".join(f"?v{one} <a:p> ?v{other}" for one, other in pairs) + " }"
    assert len(set(part.values())) - 1 == len(list(products.warnings(parse(text))))


def test_the_first_ten_warnings_are_given_in_the_order_of_the_text() -> None:
    found = lint(
        HEAD + "SELECT * { " + " ".join(f"?s x:none{number} ?o ." for number in range(30)) + " }", VOCABULARY
    )
    assert linting.MOST == len(found)
    assert sorted(found, key=lambda one: one.column) == list(found)


def test_a_warning_is_a_value_that_knows_its_place() -> None:
    assert (LintWarning("unknown-term", "the graph has no <http://x/ns#qqq>", 3, 3),) == lint(
        "SELECT *\n{\n  <http://x/ns#qqq> ?p ?o }", VOCABULARY
    )


def test_a_term_that_stands_twice_is_told_once() -> None:
    assert [("unknown-term", 15)] == told("SELECT * { ?s x:qqq ?o . ?o x:qqq ?s }")


def test_a_text_too_long_for_people_is_not_looked_at() -> None:
    assert () == lint("SELECT * { ?s <http://x/ns#qqq> ?o } #" + " " * linting.LONGEST, VOCABULARY)


def test_a_snapshot_with_too_many_iris_is_not_kept_and_nothing_is_said_of_terms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("r2p_kg.sparql.known_terms._MOST", 3)
    large = KnownTerms.of(QUADS.encode(), PREFIXES)
    assert large.terms is None
    assert ["unknown-language"] == [one.code for one in lint("SELECT * { ?s <a:b> 'x'@de }", large)]


def test_namespace_and_local_name_divide_an_iri_at_its_last_sign() -> None:
    assert ("http://x/ns#", "a") == (namespace("http://x/ns#a"), local("http://x/ns#a"))
    assert ("http://x/", "a") == (namespace("http://x/a"), local("http://x/a"))
    assert ("", "urn:a:b") == (namespace("urn:a:b"), local("urn:a:b"))


def test_a_text_of_any_kind_is_looked_at_without_failing() -> None:
    chance = random.Random(3)
    pieces = sorted(
        {token.text for query, *_ in [*SURE, *PRODUCTS] for token in tokens(query)}
        | {"'", "<", "CONSTRUCT", "VALUES", "(", "GRAPH"}
    )
    for _ in range(3000):
        lint(" ".join(chance.choices(pieces, k=chance.randint(0, 14))), VOCABULARY)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (
            lambda count: (
                "SELECT * { VALUES ?x { " + " ".join(f"x:a{number}" for number in range(count)) + " } }"
            ),
            1100,
        ),
        (
            lambda count: (
                "SELECT * { " + " ".join(f"?a{number} ?b{number} ?c ." for number in range(count)) + " }"
            ),
            450,
        ),
        (lambda count: "SELECT * { FILTER(" + "COUNT(?x)+" * count + "1) }", 780),
        (lambda count: "SELECT * { " + "?s ?p 'a'@de ." * count + " }", 560),
        (lambda count: "SELECT " + "(?x AS ?y) " * count + "{}", 720),
        (lambda count: "SELECT * { " + "{ ?a ?b ?c . ?d ?e ?f " * count + "}" * (count + 1), 190),
    ],
)
def test_the_time_of_the_longest_text_is_in_proportion_to_its_length(
    make: Callable[[int], str], count: int
) -> None:
    assert len(HEAD + make(count)) <= linting.LONGEST
    assert growth(lambda text: _anew(HEAD + text), make, count) < LINEAR


def _anew(text: str) -> object:
    parse.cache_clear()
    return lint(text, replace(VOCABULARY, clean=set()))


def test_no_query_of_the_gallery_is_warned_of(snapshot_of_the_checkout: Built) -> None:
    vocabulary = KnownTerms.of(
        snapshot_of_the_checkout.snapshot.quads, snapshot_of_the_checkout.snapshot.prefixes, vocab.BASE
    )
    questions = library.load(Path(__file__).parent.parent.parent / "queries").queries
    assert len(questions) >= 86
    bound = {one.id: library.bind(one, {}) for one in questions}
    assert [] == [name for name, text in bound.items() if parse(text).mistake]
    assert {} == {name: found for name, text in bound.items() if (found := lint(text, vocabulary))}
