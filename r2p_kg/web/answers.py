"""A question to the engine → an HTTP answer: negotiated, tagged, as data or as a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Response, render_template, request

from r2p_kg import __version__, media, rdf
from r2p_kg.engine import Budget, Dataset, policy
from r2p_kg.web import accept, replies, service, terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from r2p_kg.engine import Answer

#: What the engine is asked for when a page will show the answer.
_FOR_PAGE: Final = {"select": "application/sparql-results+json", "ask": "application/sparql-results+json", "graph": "application/n-triples"}


@dataclass(frozen=True)
class Table:
    """An answer as a page shows it: at most ``table_rows`` of ``total`` rows; ``boolean`` instead for ASK."""

    columns: tuple[str, ...]
    rows: tuple[tuple[terms.Node | None, ...], ...]
    total: int
    boolean: bool | None = None


@dataclass(frozen=True)
class Plan:
    """How one query will be answered: what it gives (``kind``), in which type, within which budget, under which tag."""

    query: str
    dataset: Dataset
    kind: str
    media_type: str
    budget: Budget
    etag: str | None

    @property
    def page(self) -> bool:
        """True where the answer is a page for a person."""
        return self.media_type == "text/html"


def plan(query: str, dataset: Dataset, wanted: str | None, timeout: float | None) -> Plan:
    """Policy and negotiation, before the engine is asked.

    Raises QuerySyntaxError, QueryRefusedError or NotAcceptableError.
    """
    now = service.current()
    limits = now.settings
    inspection = policy.inspect(query, now.limits)
    policy.refuse_unknown_graphs((*dataset.default, *dataset.named), now.graphs)
    if accept.wants_html() and (wanted is None or wanted == "html"):
        media_type = "text/html"
    else:
        media_type = media.negotiate(request.headers.get("Accept"), inspection.kind, wanted).media_type
    budget = Budget(min(limits.seconds, timeout or limits.seconds), limits.rows, limits.bytes)
    # A query that asks for the time or for chance has another answer each time: it may not be kept.
    parts = (now.snapshot.digest, __version__, query, dataset, media_type, limits.rows, limits.bytes, limits.table_rows)
    etag = None if inspection.volatile else replies.tag(*parts)
    return Plan(query, dataset, inspection.kind, media_type, budget, etag)


def ask(one: Plan) -> Answer:
    """The engine's answer, whole or an error."""
    media_type = _FOR_PAGE[one.kind] if one.page else one.media_type
    return service.current().engine.ask(one.query, media_type=media_type, dataset=one.dataset, budget=one.budget)


def as_data(one: Plan, name: str = "answer") -> Response:
    """The answer in its own format, or 304 without asking the engine."""
    if one.etag and (same := replies.unchanged(one.etag)):
        return same
    answer = ask(one)
    reply = replies.data(answer.body, answer.media_type, one.etag)
    reply.headers["R2P-Seconds"] = f"{answer.elapsed:.4f}"
    reply.headers["R2P-Snapshot"] = service.current().snapshot.digest
    if answer.rows is not None:
        reply.headers["R2P-Rows"] = str(answer.rows)
    if suffix := accept.suffix(answer.media_type):
        reply.headers["Content-Disposition"] = f'inline; filename="{name}{suffix}"'
    return reply


def as_page(one: Plan, template: str, **context: object) -> Response:
    """The answer as a page made from ``template``, which gets ``table`` and ``seconds``; or 304 without asking the engine."""
    etag = one.etag and replies.tag(one.etag, request.full_path)
    if etag and (same := replies.unchanged(etag)):
        return same
    answer = ask(one)
    text = render_template(template, table=table(answer), seconds=answer.elapsed, query=one.query, **context)
    return replies.data(text, "text/html", etag)


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
    rows = tuple(tuple(terms.of_binding(row[name]) if name in row else None for name in columns) for row in bindings[:limit])
    return Table(columns, rows, len(bindings))


def _triples(body: bytes, limit: int) -> Table:
    quads = rdf.quads_of(body)
    rows: Sequence[tuple[terms.Node, ...]] = [tuple(terms.of_term(part) for part in (quad.subject, quad.predicate, quad.object)) for quad in quads[:limit]]
    return Table(("subject", "predicate", "object"), tuple(rows), len(quads))
