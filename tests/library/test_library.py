"""Saved queries: strict headers, typed parameters, and binding that no value can break out of."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2p_kg import library
from r2p_kg.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

WHERE = "queries/tools/tools-used.rq"

GOOD = """\
#+ title: Tools used in a situation
#+ question: Which tools were used in a situation, and by whom?
#+ params:
#+   situation: {type: class-instance, of: r2p:Situation, label: Situation, default: id:libya-2011}
#+   most: {type: integer, label: At most, default: 10}
#+ returns:
#+   - tool: the tool that was used
#+   - uses: how often it was used
#+ expect: rows
#+ note: "What is proposed is not used: see proposals."
#+ tags: [tools, responses]
PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
PREFIX id: <https://w3id.org/r2p-kg/id/>
# $situation in a comment stays
SELECT ?tool (COUNT(?r) AS ?uses)
WHERE {
  ?r r2p:appliedIn $situation ; r2p:usedTool ?tool
  FILTER(STR(?tool) != "$situation" && ?tool != <http://example.org/$most>)
}
GROUP BY ?tool
LIMIT $most
"""

TEXT = """\
#+ title: A text
#+ question: What has this label?
#+ params:
#+   value: {type: TYPE, label: Value}
#+ returns:
#+   - thing: what has it
#+ expect: rows
PREFIX ex: <http://example.org/>
SELECT ?thing WHERE { ?thing ex:p $value }
"""


ECHO = """\
#+ title: t
#+ question: q
#+ params: {v: {type: string, label: l, default: x}}
#+ returns: [{x: it}]
#+ expect: rows
SELECT (STR($v) AS ?x) {}
"""


def one(kind: str) -> library.SavedQuery:
    """A query with one parameter of a type, used as the object of a triple."""
    return library.read(
        TEXT.replace("TYPE", kind + (", of: ex:C" if kind == "class-instance" else "")), "queries/t/one.rq"
    )


def test_a_saved_query_is_what_its_file_says() -> None:
    query = library.read(GOOD, WHERE)
    assert ("tools-used", "tools", "select", "rows") == (query.id, query.topic, query.form, query.expect)
    assert "Tools used in a situation" == query.title
    assert ("situation", "most") == tuple(param.name for param in query.params)
    assert "https://w3id.org/r2p-kg/ns#Situation" == query.params[0].of
    assert ("tool", "uses") == tuple(column.name for column in query.returns)
    assert ("tools", "responses") == query.tags
    assert "What is proposed is not used: see proposals." == query.note
    assert {"r2p": "https://w3id.org/r2p-kg/ns#", "id": "https://w3id.org/r2p-kg/id/"} == query.prefixes
    assert query.text.startswith("PREFIX r2p:")


def test_binding_replaces_parameters_and_nothing_that_only_looks_like_one() -> None:
    bound = library.bind(library.read(GOOD, WHERE), {"most": "3"})
    assert "r2p:appliedIn <https://w3id.org/r2p-kg/id/libya-2011> ;" in bound
    assert "LIMIT 3\n" in bound
    assert "# $situation in a comment stays" in bound
    assert '"$situation"' in bound
    assert "<http://example.org/$most>" in bound
    ox.Store().query(bound)


@pytest.mark.parametrize(
    "value",
    [
        "libya-2011",
        "id:libya-2011",
        "https://w3id.org/r2p-kg/id/libya-2011",
        "<https://w3id.org/r2p-kg/id/libya-2011>",
    ],
)
def test_an_entity_may_be_given_by_name_prefix_or_iri(value: str) -> None:
    bound = library.bind(library.read(GOOD, WHERE), {"situation": value})
    assert "<https://w3id.org/r2p-kg/id/libya-2011> ;" in bound


def test_prefixes_of_the_data_may_stand_in_values_besides_those_of_the_query() -> None:
    query = library.read(GOOD, WHERE)
    with pytest.raises(LibraryError, match="prefix wp08: is not declared"):
        library.bind(query, {"situation": "wp08:para-1"})
    assert "<http://w/para-1>" in library.bind(query, {"situation": "wp08:para-1"}, {"wp08": "http://w/"})


@pytest.mark.parametrize(
    ("kind", "value", "term"),
    [
        ("string", 'say "no"', r'"say \"no\""'),
        ("string", "back\\slash\nline", r'"back\\slash\nline"'),
        ("string", "$value ?thing", '"$value ?thing"'),
        ("iri", "http://example.org/é", "<http://example.org/é>"),
        ("iri", "libya-2011", "<https://w3id.org/r2p-kg/id/libya-2011>"),
        ("iri", "urn:isbn:0451450523", "<urn:isbn:0451450523>"),
        ("iri", "ex:a.b", "<http://example.org/a.b>"),
        ("integer", " +007 ", "7"),
        ("integer", "-3", "-3"),
        ("decimal", "2", "2.0"),
        ("decimal", "-2.50", "-2.50"),
        ("date", "2011-03-17", '"2011-03-17"^^<http://www.w3.org/2001/XMLSchema#date>'),
        ("boolean", "True", "true"),
    ],
)
def test_a_value_becomes_one_term_of_its_type(kind: str, value: str, term: str) -> None:
    assert f"ex:p {term} }}" in library.bind(one(kind), {"value": value})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("iri", "http://example.org/> . ?s ?p ?o } #"),
        ("iri", "http://example.org/\\u003E"),
        ("iri", "no iri"),
        ("iri", "nope:x"),
        ("iri", "http://example.org/{x}"),
        ("iri", "http://example.org/\na"),
        ("class-instance", "x> } DROP ALL #"),
        ("class-instance", "a b"),
        ("integer", "1 } UNION { ?s ?p ?o"),
        ("integer", "1e3"),
        ("integer", "٣"),
        ("integer", "9" * 400),
        ("decimal", "1.0.0"),
        ("decimal", "NaN"),
        ("date", "2011-02-30"),
        ("date", '2011-03-17"^^<x:y> . #'),
        ("boolean", "yes"),
        ("string", "x" * 3000),
        ("string", "\ud800"),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_name_of_its_parameter(kind: str, value: str) -> None:
    with pytest.raises(LibraryError, match=r"^parameter value: "):
        library.bind(one(kind), {"value": value})


@given(st.text(max_size=200))
def test_no_text_gets_out_of_its_string(value: str) -> None:
    """The engine reads back exactly the value: it was one literal, whatever it holds."""
    query = library.read(ECHO, WHERE)
    try:
        bound = library.bind(query, {"v": value})
    except LibraryError:
        return
    solutions = ox.Store().query(bound)
    assert isinstance(solutions, ox.QuerySolutions)
    assert [value or "x"] == [row["x"].value for row in solutions]


@given(st.text(max_size=60))
def test_no_text_gets_out_of_an_iri(value: str) -> None:
    try:
        bound = library.bind(one("iri"), {"value": f"http://example.org/{value}"})
    except LibraryError:
        return
    assert re.fullmatch(
        r"PREFIX ex: <http://example.org/>\nSELECT \?thing WHERE \{ \?thing ex:p <[^<>\"{}|^`\\\s]+> \}\n",
        bound,
    )


def test_unknown_and_missing_parameters_are_named() -> None:
    with pytest.raises(LibraryError, match=r"^parameter when: one has no such parameter; it has value$"):
        library.bind(one("string"), {"value": "x", "when": "2011"})
    with pytest.raises(LibraryError, match=r"^parameter value: one needs a value for it \(Value\)$"):
        library.bind(one("string"), {})


def changed(old: str, new: str) -> str:
    """The good file with one thing wrong."""
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (changed("#+ tags:", "#+ tag:"), 11, "unknown key tag; known are title"),
        (
            changed("#+ title: Tools used in a situation\n", ""),
            1,
            "title is missing or not a text; write '#+ title: …'",
        ),
        (changed("#+ expect: rows", "#+ expect: many"), 9, "expect: many is wrong here"),
        (
            changed("#+ expect: rows", "#+ expect: boolean"),
            9,
            "expect: boolean is wrong here; write boolean for ASK",
        ),
        (
            changed("most: {type: integer", "most: {type: int"),
            5,
            "parameter most: type is missing or unknown; known are iri",
        ),
        (changed("label: At most", "lable: At most"), 5, "parameter most: unknown key lable"),
        (changed("label: At most, ", ""), 5, "parameter most: label is missing"),
        (
            changed("default: 10", "default: ten"),
            5,
            "parameter most: 'ten' is not a whole number; mend the default",
        ),
        (
            changed("of: r2p:Situation, ", ""),
            4,
            "parameter situation: 'of' names the class of a class-instance",
        ),
        (
            changed("of: r2p:Situation", "of: no:Situation"),
            4,
            "parameter situation: no:Situation is not a class",
        ),
        (
            changed("LIMIT $most", "LIMIT 10"),
            5,
            "parameter most is not used; write $most in the query or take it out",
        ),
        (
            changed("LIMIT $most", "LIMIT $mots"),
            21,
            "$mots is not a declared parameter; declare it under params or write ?mots",
        ),
        (
            changed("{\n  ?r", "{\n  ?situation a ?r . ?r"),
            17,
            "?situation has the name of a parameter; write $situation or rename it",
        ),
        (
            changed("#+   - uses: how often", "#+   - use: how often"),
            8,
            "column use is not projected; the query gives tool, uses",
        ),
        (
            changed("#+   - uses: how often it was used\n", ""),
            6,
            "column uses is projected and not described",
        ),
        (changed("- uses: how often it was used", "- uses"), 8, "a column is not 'name: description'"),
        (changed("#+ tags: [tools, responses]", "#+ tags: tools"), 11, "tags is not a list of texts"),
        (changed("#+ note:", "#+ title: again\n#+ note:"), 10, "title stands twice; keep one"),
        (
            changed('"What is proposed is not used: see proposals."', "What: is: it"),
            10,
            "the header is not YAML",
        ),
        (
            changed("most: {type: integer", "format: {type: integer").replace("$most", "$format"),
            5,
            "parameter format: the service uses this name itself",
        ),
        ("SELECT * {}", 1, "no header; begin the file with lines such as '#+ title: …'"),
        ("#+ - title\nSELECT * {}", 1, "the header is not a list of 'key: value' lines"),
    ],
)
def test_a_fault_is_told_with_file_line_and_repair(text: str, line: int, message: str) -> None:
    with pytest.raises(LibraryError) as caught:
        library.read(text, WHERE)
    assert f"{WHERE}:{line}: {message}" in "\n".join(
        part for part in str(caught.value).splitlines() if message in part
    )


def test_every_file_is_read_and_all_faults_are_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    for topic, name, text in [
        ("a", "good", GOOD),
        ("b", "good", GOOD),
        ("a", "bad", GOOD.replace("$most", "$more")),
        ("a", "Not An Id", GOOD),
    ]:
        (folder / topic).mkdir(parents=True, exist_ok=True)
        (folder / topic / f"{name}.rq").write_text(text, "utf-8")
    (folder / "a" / "latin.rq").write_bytes(b"#+ title: caf\xe9\n")
    with pytest.raises(LibraryError) as caught:
        library.load(folder)
    lines = str(caught.value).splitlines()
    assert any(line.startswith("queries/b/good.rq:1: the id good is taken by topic a") for line in lines)
    assert any(line.startswith("queries/a/bad.rq:21: $more is not a declared parameter") for line in lines)
    assert any(line.startswith("queries/a/Not An Id.rq:1: Not An Id is not an id") for line in lines)
    assert any(
        line.endswith("queries/a/latin.rq: cannot be read as UTF-8; save it as UTF-8") for line in lines
    )


def test_a_library_orders_by_topic_and_finds_by_id(tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    for topic, name in [("b", "one"), ("a", "two"), ("a", "three")]:
        (folder / topic).mkdir(parents=True, exist_ok=True)
        (folder / topic / f"{name}.rq").write_text(GOOD, "utf-8")
    found = library.load(folder)
    assert ["three", "two", "one"] == [query.id for query in found.queries]
    assert {"a": 2, "b": 1} == {topic: len(queries) for topic, queries in found.topics().items()}
    assert found.get("two") is found.queries[1]
    assert None is found.get("four")


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no such folder"):
        library.load(tmp_path / "queries")


def test_the_queries_of_the_project_are_all_well_formed() -> None:
    """Each parses with its defaults; a query without defaults for all parameters is not run here."""
    for query in library.load(library.queries_folder()).queries:
        if not any(param.required for param in query.params):
            ox.Store().query(library.bind(query, {}))


def test_dates_are_those_of_the_calendar() -> None:
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    assert f'"{today}"^^' in library.bind(one("date"), {"value": today})
