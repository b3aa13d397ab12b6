"""One query over one store, in this process.

Text in, serialised answer out. Runs inside a worker that may be killed at any time.
"""

from __future__ import annotations

import io
import json
import re
from functools import cache
from typing import Final

import pyoxigraph as ox

from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.errors import AnswerTooLargeError, NotAcceptableError, QueryError
from r2p_kg.graph import vocab, xml_form
from r2p_kg.sparql.engine_text import engine_text

#: Rows of longer answers are counted only where they could be too many: counting takes a third of the time
#: that writing them took.
_COUNTED: Final = 1024 * 1024

#: Bytes of the shortest row of a format, where that is more than one.
_SHORTEST_ROW: Final = {"application/sparql-results+json": 3, "application/sparql-results+xml": 9}


#: Text inside quotes in CSV; two quotes in it are one of its own, and end and begin it here.
_QUOTED: Final = re.compile(rb'"[^"]*"')

#: A row without any value in JSON, or a literal that looks like one.
_EMPTY_ROW: Final = re.compile(rb"\{\}")

#: What stands between two rows in JSON: the end of one, and the first sign of the name of a variable. Quotes
#: in a literal are escaped, so that it can hold this only at its very end, where } or , follows; neither is
#: the first sign of a name.
_BETWEEN: Final = re.compile(rb'\}\},\{"[^},]')


class _Capped(io.RawIOBase):
    """A writer that keeps what it is given and raises as soon as it is more than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self._left = limit

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._left -= len(part)
        if self._left < 0:
            raise OSError("over the byte limit")  # noqa: EM101, TRY003 - seen by the engine only, which passes it on as it is
        self.parts.append(part)
        return len(part)


def evaluate(store: ox.Store, query: str, media_type: str, dataset: Dataset, budget: Budget) -> Answer:
    """The whole answer.

    Raises SyntaxError as the engine words it, AnswerTooLargeError over a row or byte limit, and QueryError
    where evaluation fails.
    """
    asked = engine_text(query, vocab.BASE)
    try:
        results = _ask(store, asked.text, dataset)
    except SyntaxError as error:
        raise SyntaxError(asked.message(str(error))) from error
    except (RuntimeError, ValueError, OSError) as error:
        message = f"the query could not be evaluated: {error}"
        raise QueryError(message) from error
    kind = (
        "graph"
        if isinstance(results, ox.QueryTriples)
        else "ask"
        if isinstance(results, ox.QueryBoolean)
        else "select"
    )
    form = _form(kind, media_type)
    if form is None:
        message = f"{media_type} cannot carry the answer of this query, which is of the kind {kind}"
        raise NotAcceptableError(message)
    sink = _Capped(budget.bytes)
    try:
        results.serialize(sink, form)  # type: ignore[arg-type]
    except (RuntimeError, OSError, MemoryError) as error:
        if "byte limit" in str(error):
            message = (
                f"the answer has more than {budget.bytes:,} bytes, the most this service sends; "
                "add LIMIT, or ask for fewer columns. Nothing was sent"
            )
            raise AnswerTooLargeError(message) from error
        if (refusal := xml_form.refusal(error, media_type, kind)) is not None:
            raise refusal from error
        message = f"the query could not be evaluated: {error}"
        raise QueryError(message) from error
    body = xml_form.checked(b"".join(sink.parts), media_type, kind)
    rows = (
        _rows(kind, media_type, body)
        if len(body) <= _COUNTED or len(body) > budget.rows * _SHORTEST_ROW.get(media_type, 1)
        else None
    )
    if rows is not None and rows > budget.rows:
        message = (
            f"the answer has {rows:,} rows; this service sends at most {budget.rows:,}. "
            "Add LIMIT, or narrow the pattern. Nothing was sent"
        )
        raise AnswerTooLargeError(message)
    return Answer(kind, media_type, body, 0.0, rows)


@cache
def _form(kind: str, media_type: str) -> ox.RdfFormat | ox.QueryResultsFormat | None:
    return (
        ox.RdfFormat.from_media_type(media_type)
        if kind == "graph"
        else ox.QueryResultsFormat.from_media_type(media_type)
    )


def _ask(
    store: ox.Store, query: str, dataset: Dataset
) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    """SPARQL 1.1 Protocol, section 2.1.4.

    A dataset of the protocol replaces that of the query; none means the query's own FROM.

    Without either it is the store's own. Relative IRIs are resolved against the project's base, whatever the
    address of the service.
    """
    if dataset.default or dataset.named:
        return store.query(
            query,
            base_iri=vocab.BASE,
            default_graph=[ox.NamedNode(iri) for iri in dataset.default],
            named_graphs=[ox.NamedNode(iri) for iri in dataset.named],
        )
    return store.query(query, base_iri=vocab.BASE)


def _rows(kind: str, media_type: str, body: bytes) -> int | None:
    """Solutions of a SELECT or lines of N-Triples; None where the format cannot be counted."""
    if kind != "select":
        return body.count(b"\n") if media_type in {"application/n-triples", "application/n-quads"} else None
    if media_type == "text/tab-separated-values":
        return max(body.count(b"\n") - 1, 0)
    if media_type == "application/sparql-results+xml":
        return body.count(b"</result>") + body.count(b"<result/>")
    if media_type == "text/csv":
        # A line end inside quotes is text. No reader of the standard library's: it takes no cell of over
        # 131,072 characters.
        return _QUOTED.sub(b"", body).count(b"\r\n") - 1
    if _EMPTY_ROW.search(body):
        return len(json.loads(body)["results"]["bindings"])
    return 0 if body.endswith(b'"bindings":[]}}') else len(_BETWEEN.findall(body)) + 1
