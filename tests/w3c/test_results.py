"""Results that differ are told apart, and those that differ in names of blank nodes or spellings of values only are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.w3c import results
from tests.w3c.cases import Source

if TYPE_CHECKING:
    from pathlib import Path

XSD = "http://www.w3.org/2001/XMLSchema#"
Plain = dict[str, str]


def uri(name: str) -> Plain:
    return {"type": "uri", "value": f"a:{name}"}


def blank(name: str) -> Plain:
    return {"type": "bnode", "value": name}


def typed(value: str, name: str) -> Plain:
    return {"type": "literal", "value": value, "datatype": XSD + name}


def text(value: str, language: str) -> Plain:
    return {"type": "literal", "value": value, "xml:lang": language}


def table(*rows: dict[str, Plain]) -> results.Result:
    names = sorted({name for row in rows for name in row})
    return results.given(
        json.dumps({"head": {"vars": names}, "results": {"bindings": rows}}).encode(), results.JSON, "select"
    )


def graph(*triples: str) -> results.Result:
    return results.given("\n".join(triples).encode(), results.TRIPLES, "graph")


ROWS = ({"x": uri("1"), "y": blank("p")}, {"x": uri("2"), "y": blank("q")}, {"x": uri("3"), "y": blank("p")})

SAME = [
    (table(*ROWS), table(*reversed(ROWS)), "term"),
    (table({"x": blank("a")}, {"x": blank("b")}), table({"x": blank("b")}, {"x": blank("c")}), "term"),
    (table({"x": blank("a")}, {"x": blank("a")}), table({"x": blank("b")}, {"x": blank("b")}), "term"),
    (table({"x": text("a", "EN")}), table({"x": text("a", "en")}), "term"),
    (table({"x": typed("01.50", "decimal")}), table({"x": typed("1.5", "decimal")}), "value"),
    (table({"x": typed("-0100", "integer")}), table({"x": typed("-100", "integer")}), "value"),
    (table({"x": typed("1.0e6", "double")}), table({"x": typed("1000000", "double")}), "value"),
    (table({"x": typed("1", "boolean")}), table({"x": typed("true", "boolean")}), "value"),
    (
        table({"x": typed("2001-01-01T00:00:00.500+00:00", "dateTime")}),
        table({"x": typed("2001-01-01T00:00:00.5Z", "dateTime")}),
        "value",
    ),
    (graph("_:a <a:p> _:b .", "_:b <a:p> <a:o> ."), graph("_:b <a:p> _:a .", "_:a <a:p> <a:o> ."), "term"),
    (
        results.given(b"x,y\r\n1.0,_:a\r\n", results.CSV, "select"),
        results.given(b"y,x\r\n_:b,1\r\n", results.CSV, "select"),
        "term",
    ),
]

DIFFERENT = [
    (table(*ROWS), table(*ROWS[:2])),
    (table(*ROWS), table(*ROWS, ROWS[0])),
    (
        table({"x": uri("1")}, {"x": uri("1")}, {"x": uri("2")}),
        table({"x": uri("1")}, {"x": uri("2")}, {"x": uri("2")}),
    ),
    (table({"x": blank("a")}, {"x": blank("b")}), table({"x": blank("a")}, {"x": blank("a")})),
    (table({"x": blank("a"), "y": blank("a")}), table({"x": blank("a"), "y": blank("b")})),
    (table({"x": uri("1")}), table({"y": uri("1")})),
    (table({"x": uri("1")}), table({"x": blank("a")})),
    (table({"x": typed("1", "integer")}), table({"x": typed("1", "decimal")})),
    (table({"x": typed("1", "integer")}), table({"x": typed("2", "integer")})),
    (table({"x": typed("1", "string")}), table({"x": typed("01", "string")})),
    (table({"x": typed("one", "integer")}), table({"x": typed("1", "integer")})),
    (table({"x": text("a", "en")}), table({"x": text("a", "de")})),
    (graph("_:a <a:p> _:b ."), graph("_:a <a:p> _:a .")),
    (graph("<a:s> <a:p> <a:o> ."), graph("<a:s> <a:p> <a:o> .", "<a:s> <a:p> <a:q> .")),
    (graph("<a:s> <a:p> <a:o> ."), table({"x": uri("1")})),
    (
        results.given(b'{"head":{},"boolean":true}', results.JSON, "ask"),
        results.given(b'{"head":{},"boolean":false}', results.JSON, "ask"),
    ),
    (
        results.given(b"x\r\n1\r\n1\r\n", results.CSV, "select"),
        results.given(b"x\r\n1\r\n", results.CSV, "select"),
    ),
]


@pytest.mark.parametrize(("wanted", "got", "degree"), SAME)
def test_equal_results_are_seen_as_such(wanted: results.Result, got: results.Result, degree: str) -> None:
    assert degree == results.same(wanted, got)


@pytest.mark.parametrize(("wanted", "got"), DIFFERENT)
def test_different_results_are_seen_as_such(wanted: results.Result, got: results.Result) -> None:
    assert results.same(wanted, got) is None


def test_repetitions_count_unless_the_test_is_lax() -> None:
    wanted, got = (
        table({"x": uri("1")}, {"x": uri("1")}, {"x": blank("a")}),
        table({"x": uri("1")}, {"x": blank("b")}, {"x": blank("b")}),
    )
    assert results.same(wanted, got) is None
    assert "term" == results.same(wanted, got, lax=True)
    assert results.same(wanted, table({"x": blank("b")}), lax=True) is None


def test_the_sequence_counts_where_the_expected_result_numbers_its_rows(tmp_path: Path) -> None:
    def expected(first: int, second: int) -> results.Result:
        path = tmp_path / "result.ttl"
        rows = (
            f"[ rs:index {place} ; rs:binding [ rs:variable 'x' ; rs:value <a:{name}> ] ]"
            for name, place in enumerate((first, second), 1)
        )
        prefix = "@prefix rs: <http://www.w3.org/2001/sw/DataAccess/tests/result-set#> ."
        path.write_text(
            f"{prefix} [] a rs:ResultSet ; rs:resultVariable 'x' ; rs:solution {','.join(rows)} .",
            encoding="utf-8",
        )
        return results.expected(Source("http://example.org/result.ttl", path))

    got = table({"x": uri("1")}, {"x": uri("2")})
    assert "term" == results.same(expected(1, 2), got)
    assert results.same(expected(2, 1), got) is None
