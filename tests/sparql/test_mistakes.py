"""Errors that teach: for each common mistake its own place, what it is, and what to write."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyoxigraph as ox
import pytest

from r2p_kg.engine import Budget, Dataset
from r2p_kg.engine.evaluate import evaluate
from r2p_kg.sparql import mistakes, policy
from r2p_kg.sparql.errors import SparqlRefusedError, SparqlSyntaxError
from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.tokens import place, tokens
from tests.growth import LINEAR, growth

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).parent / "errors"
EXPECTED: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    (FOLDER / "expected.toml").read_text(encoding="utf-8")
)
GALLERY: Final = sorted((Path(__file__).parent.parent.parent / "queries").rglob("*.rq"))
PREFIXES: Final = {
    "r2p": "https://w3id.org/r2p-kg/ns#",
    "id": "https://w3id.org/r2p-kg/id/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.rq").read_bytes().decode()


def refusal(query: str) -> SparqlSyntaxError | None:
    """What the service answers: policy first, then the engine, whose error is explained."""
    try:
        policy.inspect(query, policy.Limits(graphs=frozenset()))
        evaluate(ox.Store(), query, _media_type(query), Dataset(), Budget())
    except SyntaxError as error:
        return mistakes.explain(str(error), query, PREFIXES)
    except SparqlSyntaxError as error:
        return error
    return None


def _media_type(query: str) -> str:
    return (
        "application/n-triples"
        if policy.inspect(query).kind == "graph"
        else "application/sparql-results+json"
    )


def test_no_mistake_of_the_collection_is_lost() -> None:
    assert 190 == len(EXPECTED)
    assert sorted(EXPECTED) == sorted(path.stem for path in FOLDER.glob("*.rq"))
    assert 118 == sum("mend" in one for one in EXPECTED.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mistake_is_named_at_its_place_with_what_to_write(name: str) -> None:
    error = refusal(text_of(name))
    assert error is not None
    expected = EXPECTED[name]
    found = {"line": error.line, "column": error.column, "detail": str(error), "hint": error.hint}
    assert {key: expected[key] for key in found} == found
    assert error.hint


@pytest.mark.parametrize("name", [name for name, one in EXPECTED.items() if "mend" in one])
def test_who_does_what_the_hint_says_has_a_query_that_the_engine_takes(name: str) -> None:
    wrong, right = EXPECTED[name]["mend"]
    text = text_of(name)
    assert wrong in text
    assert refusal(text.replace(wrong, right)) is None


def test_the_place_is_in_the_text() -> None:
    for name, expected in EXPECTED.items():
        lines = text_of(name).split("\n")
        assert 1 <= expected["line"] <= len(lines), name
        assert 1 <= expected["column"] <= len(lines[expected["line"] - 1]) + 1, name


def test_a_prefix_of_the_snapshot_is_spelt_out_before_the_one_that_everybody_knows() -> None:
    query = "SELECT * { ?s skos:note ?o }"
    message = "error at 1:22: expected Prefix not found"
    assert "<http://www.w3.org/2004/02/skos/core#>" in str(mistakes.explain(message, query, {}).hint)
    assert (
        "Add the line PREFIX skos: <a:b> at the top."
        == mistakes.explain(message, query, {"skos": "a:b"}).hint
    )


def test_a_prefix_that_resembles_one_of_the_snapshot_leads_to_it() -> None:
    error = mistakes.explain("error at 1:1: x", "SELECT * { ?s rp2:note ?o }", PREFIXES)
    assert (
        "Did you mean r2p:note? Then add PREFIX r2p: <https://w3id.org/r2p-kg/ns#> at the top." == error.hint
    )


@pytest.mark.parametrize(
    ("message", "query", "detail", "place"),
    [
        ("error at 1:10: expected x", "SELECT * {} # fine", "'{' is not allowed here", (1, 10)),
        ("error at 1:99: expected x", "SELECT * {}", "the query cannot be read up to its end", (1, 99)),
        ("something else\nmore", "SELECT * {}", "something else", (None, None)),
        ("", "SELECT * {}", "the query cannot be read", (None, None)),
        (
            "error at 1:9: expected one of Duplicated variable name in SELECT",
            "SELECT * {}",
            "a variable is in the SELECT twice",
            (1, 9),
        ),
    ],
)
def test_where_no_mistake_is_seen_the_place_of_the_engine_stands(
    message: str, query: str, detail: str, place: tuple[int | None, int | None]
) -> None:
    error = mistakes.explain(message, query, {})
    assert (detail, place) == (str(error), (error.line, error.column))


def test_a_text_that_may_be_sparql_read_otherwise_is_left_to_the_engine() -> None:
    error = mistakes.explain("error at 1:30: expected x", "SELECT * { ?s ?p ?o FILTER(?s<?a&&?b>?c) } ?x", {})
    assert (1, 30) == (error.line, error.column)


def test_a_long_name_does_not_make_a_long_message() -> None:
    error = mistakes.explain("error at 1:1: x", "SELECT * { ?s " + "a" * 200 + ":" + "b" * 9000 + " ?o }", {})
    assert len(str(error)) < 500
    assert len(str(error.hint)) < 500


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_the_grammar_sees_no_mistake_in_a_query_of_the_gallery(path: Path) -> None:
    text = re.sub(r"\$\w+", "<a:parameter>", path.read_text(encoding="utf-8"))
    assert parse(text).mistake is None


@pytest.mark.parametrize(
    "query",
    [
        "BASE <http://x/> PREFIX : <a#> VERSION '1.2' SELECT REDUCED ?s (COUNT(DISTINCT ?o) AS ?n) FROM <a> FROM NAMED <b> { ?s ?p ?o } GROUP BY ?s",
        "SELECT * { ?s ^(<a:p>|!(<a:q>|^a))*/a+ ?o ; ; a ?c , ?d . [] ?p [ ?q ( 1 -2.5 'x'@en '1'^^<a:t> true _:b <<( ?s a ?o )>> ) ] . ( 1 ) ?p 2 }",
        (
            "SELECT (GROUP_CONCAT(DISTINCT STR(?s); SEPARATOR = ', ') AS ?x) { ?s ?p ?o } GROUP BY (STR(?o) AS ?k) STR(?p) HAVING(COUNT(*) > 1) (1 = 1)"
            " ORDER BY DESC(?x) ?k OFFSET 1 LIMIT 2 VALUES ?z { UNDEF 1 }"
        ),
        "CONSTRUCT { ?s ?p [] . [] a <a:c> } FROM <a:g> WHERE { ?s ?p ?o } LIMIT 1",
        "CONSTRUCT WHERE { ?s ?p ?o . }",
        "DESCRIBE <a:a> ?x FROM <a:g> WHERE { ?x ?p ?o }",
        "DESCRIBE *",
        "ASK { FILTER NOT EXISTS { ?s ?p ?o } FILTER(?s NOT IN (1, 2) && !BOUND(?o) || -?x * 2 < 3) BIND(IF(1 = 1, <a:f>(1), COALESCE()) AS ?y) MINUS { } }",
        "SELECT * { { SELECT ?s { ?s ?p ?o } } UNION { GRAPH <a:g> { ?s ?p ?o } } UNION { } . OPTIONAL { } ?s ?p ?o FILTER REGEX(?o, 'x') . LATERAL { } }",
        (
            "SELECT * { VALUES (?a ?b) { (1 UNDEF) (<a:a> 'x') } VALUES () { () } VALUES ?c { }"
            " ?s ?p ?o ~ ?r {| ?q 1 |} . << ?s ?p ?o ~ ?i >> ?q 1 . << ?s a ?o >> }"
        ),
        "SELECT * { SERVICE SILENT <a:e> { ?s ?p ?o } }",
    ],
)
def test_the_grammar_takes_every_construct_of_the_language(query: str) -> None:
    with pytest.raises(
        RuntimeError
    ):  # that there is no such variable is said of what was parsed, and before anything is asked or fetched
        ox.Store().query(query, substitutions={ox.Variable("not_there"): ox.Literal("")})
    assert parse(query).mistake is None


def test_a_query_spoilt_anywhere_is_answered_with_a_place_in_it_and_the_grammar_blames_none_that_the_engine_takes() -> (
    None
):
    """Tokens of gallery queries are left out, put in and exchanged at random; the engine is the judge."""
    chance = random.Random(7)
    texts = [path.read_text(encoding="utf-8").partition("PREFIX")[2] for path in GALLERY]
    texts = ["PREFIX" + text for text in texts if text]
    pieces = sorted(
        {token.text for text in texts for token in tokens(text)}
        | {"<", ">", "'", '"', "(", ")", "{", "}", "[", "]", ".", ";", ",", "\\", "“"}
    )
    spoilt = hinted = 0
    for _ in range(1500):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 2)):
            token = chance.choice(list(tokens(text)))
            put = chance.choice(["", chance.choice(pieces) + " "])
            text = (
                text[: token.start]
                + put
                + text[token.start + (len(token.text) if chance.random() < 0.5 or not put else 0) :]
            )
        error = _judged(text)
        if error is None:
            mistake = parse(text).mistake
            assert mistake is None or not mistake.expected, text
            continue
        spoilt += 1
        hinted += error.hint is not None
        assert error.line is not None
        assert 1 <= error.line <= text.count("\n") + 1
    assert spoilt > 500
    assert hinted > 0.95 * spoilt


def _judged(text: str) -> SparqlSyntaxError | None:
    try:
        policy.inspect(text)
        ox.Store().query(text)
    except SyntaxError as error:
        return mistakes.explain(str(error), text, PREFIXES)
    except SparqlSyntaxError as error:
        return error
    except SparqlRefusedError:
        return None
    return None


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda count: "SELECT * {\n" + "{\n}\n" * count, 16_000),
        (lambda count: "SELECT " + "(?x AS ?y) " * count + "{ ?s ?p ?o }", 5_900),
        (lambda count: "SELECT (COUNT(" + "?x+" * count + "?x) AS ?n) ?z { ?s ?p ?o }", 16_000),
        (lambda count: "SELECT * {" + "{SELECT ?x {?x ?y ?z}}" * count + " _:a ?b ?c {_:a ?b ?c} }", 2_800),
        (lambda count: "SELECT * { FILTER(" + "(" * count, 60_000),
        (lambda count: "SELECT * { ?s ?p <a" + " x" * count + " }", 30_000),
    ],
)
def test_the_longest_wrong_text_is_explained_in_a_moment(make: Callable[[int], str], count: int) -> None:
    assert growth(_explained_anew, make, count) < LINEAR


def _explained_anew(text: str) -> object:
    parse.cache_clear()
    return mistakes.explain("error at 1:1: expected x", text, PREFIXES)


def test_place_and_tokens_agree_on_lines() -> None:
    text = text_of("unclosed-inner-brace")
    assert (4, 12) == place(text, text.index("{", text.index("OPTIONAL")))
