"""A question to the engine → an HTTP answer.

Negotiated and tagged before it is asked, then data or a page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Response, render_template

from r2p_kg.engine import Budget, Dataset, policy
from r2p_kg.graph import media, rdf, vocab
from r2p_kg.web import accept, replies, service, terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from r2p_kg.engine import Answer
    from r2p_kg.sparql.lint import LintWarning
    from r2p_kg.web.preparing import Prepared
    from r2p_kg.web.protocol import Question
    from r2p_kg.web.service import Service

#: Characters of the header that warns.
_LONGEST_HEADER: Final = 1024

_WHOLE: Final = Dataset()

#: Bytes of an answer of which a page is made: reading it takes many times as much memory, and no person reads
#: more.
_PAGE_BYTES: Final = 8 * 1024 * 1024

#: What the engine is asked for when a page will show the answer.
_FOR_PAGE: Final = {
    "select": "application/sparql-results+json",
    "ask": "application/sparql-results+json",
    "graph": "application/n-triples",
}


@dataclass(frozen=True)
class Table:
    """An answer as a page shows it.

    Attributes:
        columns: names of the columns.
        rows: the first rows, at most as many as a page shows.
        total: how many rows there are.
        boolean: the answer to ASK, which has no rows; else None.

    """

    columns: tuple[str, ...]
    rows: tuple[tuple[terms.Node | None, ...], ...]
    total: int
    boolean: bool | None = None


@dataclass(frozen=True)
class Plan:
    """How one query will be answered.

    Attributes:
        query: its text.
        dataset: the graphs that it sees.
        kind: what it gives: select, ask or graph.
        media_type: what the client gets, ``text/html`` for a page.
        budget: what it may cost.
        etag: the tag of the answer, known before it is made; None if the answer may not be kept.
        name: what the answer is saved under.

    """

    query: str
    dataset: Dataset
    kind: str
    media_type: str
    budget: Budget
    etag: str | None
    name: str = "answer"

    @property
    def page(self) -> bool:
        """True if the answer is a page for a person."""
        return self.media_type == accept.HTML

    @property
    def engine_type(self) -> str:
        """The media type that the engine is asked for."""
        return _FOR_PAGE[self.kind] if self.page else self.media_type


def planned(
    now: Service,
    query: str,
    question: Question,
    accepted: str | None,
    address: str,
    *,
    name: str = "answer",
) -> Plan:
    """Policy and negotiation, before the engine is asked.

    ``accepted``: the Accept header; ``address``: path and query of the request, which a page repeats;
    ``name``: what the answer is saved under. Raises QuerySyntaxError, QueryRefusedError or
    NotAcceptableError.
    """
    limits, dataset = now.settings, question.dataset
    inspection = policy.inspect(query, now.limits)
    if not question.entailed and dataset == _WHOLE and not (inspection.default or inspection.named):
        dataset = _written(now)
    if now.graphs is not None and dataset != _WHOLE:
        policy.refuse_unknown_graphs((*dataset.default, *dataset.named), now.graphs)
    media_type = accept.media_type(accepted, inspection.kind, question.wanted)
    page = media_type == accept.HTML
    budget = Budget(
        min(limits.seconds, question.timeout or limits.seconds),
        limits.rows,
        min(limits.bytes, _PAGE_BYTES) if page else limits.bytes,
    )
    # A query that asks for the time or for chance has another answer each time: it may not be kept.
    etag = None
    if not inspection.volatile:
        # Another name is another header, and a page repeats its address: so another answer.
        about = address if page else name
        etag = replies.tag(now.version, query, dataset.default, dataset.named, media_type, about)
    return Plan(query, dataset, inspection.kind, media_type, budget, etag, name)


def _written(now: Service) -> Dataset:
    """All graphs of the data but the entailed one; the whole if there is no such graph."""
    if now.graphs is None or vocab.ENTAILED_GRAPH not in now.graphs:
        return _WHOLE
    written = tuple(sorted(now.graphs - {vocab.ENTAILED_GRAPH, vocab.SERVICE_GRAPH}))
    return Dataset(written, written)


def about(now: Service, plan: Plan, answer: Answer, warnings: Sequence[LintWarning]) -> list[tuple[str, str]]:
    """All headers of an answer in its own format but those that depend on its encoding.

    Besides what every answer has: time, snapshot, rows, warnings, and a name to save it under.
    """
    found = [
        *replies.cached(plan.media_type, kept=plan.etag is not None),
        ("R2P-Seconds", f"{answer.elapsed:.4f}"),
        ("R2P-Snapshot", now.snapshot.digest),
    ]
    if answer.rows is not None:
        found.append(("R2P-Rows", str(answer.rows)))
    if warnings:
        found.append(("R2P-Warnings", warned(warnings)))
    # What programs read is not saved under a name.
    if plan.media_type != _FOR_PAGE["select"] and (form := media.by_type(plan.media_type)) is not None:
        found.append(("Content-Disposition", f'inline; filename="{plan.name}{form.suffix}"'))
    return found


def warned(warnings: Sequence[LintWarning]) -> str:
    """Warnings as one header, a list of structured fields (RFC 8941, section 3.1).

    Each its code, with line, column and message.

    What is not ASCII becomes a question mark, and what would make the header longer than a kilobyte is left
    out.
    """
    said = []
    for one in warnings:
        message = one.message.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
        message = "".join(sign if " " <= sign <= "~" else " " for sign in message)
        said.append(f'{one.code};line={one.line};column={one.column};message="{message}"')
    while len(said) > 1 and sum(map(len, said)) > _LONGEST_HEADER:
        said.pop()
    return ", ".join(said) if len(said[0]) <= _LONGEST_HEADER else warnings[0].code


def page(prepared: Prepared, template: str, **context: object) -> Response:
    """The answer as a page made from ``template``, which gets ``table``, ``seconds`` and ``warnings``."""
    plan, answer = prepared.plan, prepared.answer
    if plan is None or answer is None:
        message = "a page of an answer needs the answer"
        raise TypeError(message)
    text = render_template(
        template,
        table=table(answer),
        seconds=answer.elapsed,
        query=plan.query,
        warnings=prepared.warnings,
        **context,
    )
    return replies.data(text, accept.HTML, plan.etag)


def table(answer: Answer) -> Table:
    """The answer's terms, cut to what a page shows; the total says so."""
    limit = service.current().settings.table_rows
    if answer.kind == "graph":
        return _triples(answer.body, limit)
    content = json.loads(answer.body)
    if "boolean" in content:
        return Table((), (), 1, bool(content["boolean"]))
    columns = tuple(content["head"]["vars"])
    bindings = content["results"]["bindings"]
    rows = tuple(
        tuple(terms.of_binding(row[name]) if name in row else None for name in columns)
        for row in bindings[:limit]
    )
    return Table(columns, rows, len(bindings))


def _triples(body: bytes, limit: int) -> Table:
    quads = rdf.quads_of(body)
    rows: Sequence[tuple[terms.Node, ...]] = [
        tuple(terms.of_term(part) for part in (quad.subject, quad.predicate, quad.object))
        for quad in quads[:limit]
    ]
    return Table(("subject", "predicate", "object"), tuple(rows), len(quads))
