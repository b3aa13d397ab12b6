"""Expected and given results as comparable values.

Solutions as multisets (sequences where the test says so), graphs up to blank nodes.

Blank nodes are compared by RDFC-1.0: two graphs have one canonical form exactly where they are isomorphic.
Solutions with blank nodes are compared as the graph that states them.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import pyoxigraph as ox

from r2p_kg.graph import rdf, vocab
from tests.w3c.cases import Triples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.w3c.cases import Source

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Row = tuple[tuple[str, Term], ...]

JSON: Final = "application/sparql-results+json"
XML: Final = "application/sparql-results+xml"
CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
TRIPLES: Final = "application/n-triples"

#: Suffix of a result file → the format in which the same is asked of the service.
FORMATS: Final = {".srx": XML, ".srj": JSON, ".tsv": TSV, ".csv": CSV}

_RS: Final = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
_DECIMALS: Final = frozenset(
    vocab.XSD + name
    for name in [
        *(
            "decimal",
            "integer",
            "nonPositiveInteger",
            "negativeInteger",
            "nonNegativeInteger",
            "positiveInteger",
        ),
        *("long", "int", "short", "byte", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
    ]
)
_FLOATS: Final = frozenset({vocab.XSD + "float", vocab.XSD + "double"})
_TIMES: Final = frozenset({vocab.XSD + "dateTime", vocab.XSD + "time", vocab.XSD + "date"})


@dataclass(frozen=True)
class Solutions:
    """The rows of a SELECT, each with its bound variables only.

    ``ordered``: their sequence is part of the result.
    """

    rows: tuple[Row, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Cells:
    """A CSV file: its lines as cells by column, since the order of columns is free where a query says ``*``."""

    columns: frozenset[str]
    rows: tuple[tuple[tuple[str, str], ...], ...]


#: What a query gives: rows, yes or no, a graph, or a CSV file.
Result = Solutions | bool | frozenset[ox.Quad] | Cells


def given(body: bytes, media_type: str, kind: str) -> Result:
    """What the service answered; ``kind`` as in Answer."""
    if kind == "graph":
        return frozenset(ox.parse(body, ox.RdfFormat.N_TRIPLES))
    return _cells(body) if media_type == CSV else _table(body, media_type)


def expected(file: Source) -> Result:
    """What a result file of the suites says."""
    form = FORMATS.get(file.path.suffix)
    body = file.path.read_bytes()
    if form is not None:
        return _cells(body) if form == CSV else _table(body, form)
    found = Triples(file)
    sets = tuple(found.subjects(vocab.RDF_TYPE, ox.NamedNode(_RS + "ResultSet")))
    if not sets:
        return frozenset(ox.parse(body, rdf.SUFFIXES[file.path.suffix], base_iri=file.iri))
    answer = found.one(sets[0], _RS + "boolean")
    if isinstance(answer, ox.Literal):
        return answer.value in {"true", "1"}
    solutions = found.all(sets[0], _RS + "solution")
    places = {one: _place(found, one) for one in solutions}
    ordered = bool(solutions) and None not in places.values()
    in_order = sorted(solutions, key=lambda one: places[one] or 0) if ordered else solutions
    return Solutions(tuple(_solution(found, one) for one in in_order), ordered)


def same(wanted: Result, got: Result, *, lax: bool = False) -> str | None:
    """``"term"`` where both are equal term by term, ``"value"`` where only the values of their literals are, None where they differ.

    ``lax``: how often a row comes back is free.
    """
    if isinstance(wanted, Cells) and isinstance(got, Cells):
        return "term" if (wanted.columns, Counter(wanted.rows)) == (got.columns, Counter(got.rows)) else None
    if isinstance(wanted, Solutions) and isinstance(got, Solutions):
        return _degree(
            lambda by: _same_rows(_rows(wanted, by), _rows(got, by), ordered=wanted.ordered, lax=lax)
        )
    if isinstance(wanted, frozenset) and isinstance(got, frozenset):
        return _degree(lambda by: _canonical(_graph(wanted, by)) == _canonical(_graph(got, by)))
    return "term" if isinstance(wanted, bool) and wanted is got else None


def value(term: Term) -> Term:
    """The term with the canonical lexical form of its value, its datatype kept; any other term as it is."""
    if isinstance(term, ox.Triple):
        return ox.Triple(value(term.subject), term.predicate, value(term.object))  # type: ignore[arg-type]
    if not isinstance(term, ox.Literal):
        return term
    kind, text = term.datatype.value, term.value
    try:
        if kind in _DECIMALS:
            text = format(Decimal(text).normalize() + 0, "f")
        elif kind in _FLOATS:
            text = repr(float(text))
    except (InvalidOperation, ValueError):
        return term  # not of its datatype, and equal to itself only
    if kind == vocab.XSD + "boolean":
        text = {"1": "true", "0": "false"}.get(text, text)
    elif kind in _TIMES:
        text = re.sub(r"(?:\.0+|(\.\d*[1-9])0+)(?=Z|[+-]|$)", r"\1", text).replace("+00:00", "Z")
    return term if text == term.value else ox.Literal(text, datatype=term.datatype)


def _plain(term: Term) -> Term:
    """Language tags compare without case (RDF 1.1 Concepts, section 3.3)."""
    if isinstance(term, ox.Triple):
        return ox.Triple(_plain(term.subject), term.predicate, _plain(term.object))  # type: ignore[arg-type]
    if isinstance(term, ox.Literal) and term.language and term.language != term.language.lower():
        return ox.Literal(term.value, language=term.language.lower(), direction=term.direction)
    return term


def _degree(compare: Callable[[Callable[[Term], Term]], bool]) -> str | None:
    if compare(_plain):
        return "term"
    return "value" if compare(lambda term: value(_plain(term))) else None


def _same_rows(wanted: tuple[Row, ...], got: tuple[Row, ...], *, ordered: bool, lax: bool) -> bool:
    """A row without blank nodes is compared as it is.

    Those with them together, as a graph, because they may share some.
    """
    if ordered:
        return len(wanted) == len(got) and _canonical(_stated(wanted)) == _canonical(_stated(got))
    one, other = (Counter(dict.fromkeys(rows, 1)) if lax else Counter(rows) for rows in (wanted, got))
    if {row: count for row, count in one.items() if not _blank(row)} != {
        row: count for row, count in other.items() if not _blank(row)
    }:
        return False
    return _canonical(_counted(one)) == _canonical(_counted(other))


def _rows(found: Solutions, by: Callable[[Term], Term]) -> tuple[Row, ...]:
    return tuple(tuple((name, by(term)) for name, term in row) for row in found.rows)


def _graph(found: frozenset[ox.Quad], by: Callable[[Term], Term]) -> Iterable[ox.Quad]:
    return (ox.Quad(quad.subject, quad.predicate, by(quad.object)) for quad in found)


def _canonical(quads: Iterable[ox.Quad]) -> frozenset[str]:
    dataset = ox.Dataset(quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return frozenset(map(str, dataset))


def _counted(rows: Counter[Row]) -> Iterable[ox.Quad]:
    """Each different row with blank nodes as a node of its own, with its values and how often it comes back."""
    for place, (row, count) in enumerate(rows.items()):
        if _blank(row):
            node = ox.BlankNode(f"row{place}")
            yield ox.Quad(node, ox.NamedNode(_RS + "count"), ox.Literal(count))
            yield from (ox.Quad(node, ox.NamedNode("urn:variable:" + name), term) for name, term in row)


def _stated(rows: tuple[Row, ...]) -> Iterable[ox.Quad]:
    """Each row named by its place."""
    for place, row in enumerate(rows):
        yield from (
            ox.Quad(ox.NamedNode(f"urn:row:{place}"), ox.NamedNode("urn:variable:" + name), term)
            for name, term in row
        )


def _blank(row: Row) -> bool:
    def blank(term: Term) -> bool:
        return (
            blank(term.subject) or blank(term.object)
            if isinstance(term, ox.Triple)
            else isinstance(term, ox.BlankNode)
        )

    return any(blank(term) for _, term in row)


def _table(body: bytes, media_type: str) -> Solutions | bool:
    form = ox.QueryResultsFormat.from_media_type(media_type)
    if form is None:
        raise ValueError(media_type)
    found = ox.parse_query_results(body, form)
    if isinstance(found, ox.QueryBoolean):
        return bool(found)
    names = [variable.value for variable in found.variables]
    return Solutions(tuple(_row(zip(names, solution, strict=True)) for solution in found))


def _row(pairs: Iterable[tuple[str, Term | None]]) -> Row:
    return tuple(sorted(((name, term) for name, term in pairs if term is not None), key=lambda pair: pair[0]))


def _cells(body: bytes) -> Cells:
    head, *lines = csv.reader(io.StringIO(body.decode(), newline=""))
    return Cells(
        frozenset(head),
        tuple(
            tuple(sorted((name, _cell(cell)) for name, cell in zip(head, line, strict=True)))
            for line in lines
        ),
    )


def _cell(text: str) -> str:
    """CSV has no datatypes.

    A number is compared by value, a blank node by being one (SPARQL 1.1 CSV and TSV, section 3.2).
    """
    if text.startswith("_:"):
        return "_:"
    try:
        return repr(float(text))
    except ValueError:
        return text


def _place(found: Triples, solution: object) -> int | None:
    place = found.one(solution, _RS + "index")
    return int(place.value) if isinstance(place, ox.Literal) else None


def _solution(found: Triples, solution: object) -> Row:
    pairs = (
        (found.one(binding, _RS + "variable"), found.one(binding, _RS + "value"))
        for binding in found.all(solution, _RS + "binding")
    )
    return _row((name.value, term) for name, term in pairs if isinstance(name, ox.Literal))
