"""A question to the engine → an HTTP answer: negotiated, tagged, as data or as a page."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from flask import Response, render_template, request

from r2p_kg.engine import Budget, Dataset, policy
from r2p_kg.graph import media, rdf
from r2p_kg.sparql.lint import lint
from r2p_kg.web import accept, replies, service, terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from r2p_kg.engine import Answer, Engine
    from r2p_kg.sparql.lint import LintWarning
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
    """An answer as a page shows it: at most ``table_rows`` of ``total`` rows; ``boolean`` instead for ASK."""

    columns: tuple[str, ...]
    rows: tuple[tuple[terms.Node | None, ...], ...]
    total: int
    boolean: bool | None = None


@dataclass(frozen=True)
class Plan:
    """How one query will be answered.

    What it gives (``kind``), in which type, within which budget, under which tag.
    """

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
    """How the current request is answered; raises as :func:`planned`."""
    page = accept.wants_html() and (wanted is None or wanted == "html")
    return planned(
        service.current(),
        query,
        dataset,
        wanted=wanted,
        timeout=timeout,
        accepted=None if page else request.headers.get("Accept", "*/*"),
    )


def planned(
    now: Service,
    query: str,
    dataset: Dataset,
    *,
    wanted: str | None,
    timeout: float | None,
    accepted: str | None,
) -> Plan:
    """Policy and negotiation, before the engine is asked. ``accepted``: the Accept header, None for a page.

    Raises QuerySyntaxError, QueryRefusedError or NotAcceptableError.
    """
    limits = now.settings
    inspection = policy.inspect(query, now.limits)
    if now.graphs is not None and dataset != _WHOLE:
        policy.refuse_unknown_graphs((*dataset.default, *dataset.named), now.graphs)
    media_type = (
        "text/html" if accepted is None else media.negotiate(accepted, inspection.kind, wanted).media_type
    )
    budget = Budget(min(limits.seconds, timeout or limits.seconds), limits.rows, limits.bytes)
    # A query that asks for the time or for chance has another answer each time: it may not be kept.
    etag = (
        None
        if inspection.volatile
        else replies.tag(now.version, query, dataset.default, dataset.named, media_type)
    )
    return Plan(query, dataset, inspection.kind, media_type, budget, etag)


def ask(one: Plan) -> Answer:
    """The engine's answer, whole or an error.

    Behind the front it is the front that asks, with the fairness and the log of its own queries.
    """
    media_type = _FOR_PAGE[one.kind] if one.page else one.media_type
    budget = replace(one.budget, bytes=min(one.budget.bytes, _PAGE_BYTES)) if one.page else one.budget
    through_front: Callable[[Plan, str], Answer] | None = request.environ.get("r2p.ask")
    if through_front is not None:
        return through_front(replace(one, budget=budget), media_type)
    return cast("Engine", service.current().engine).ask(one.query, media_type=media_type, dataset=one.dataset, budget=budget)


def as_data(one: Plan, name: str = "answer") -> Response:
    """The answer in its own format, or 304 without asking the engine."""
    # Another name is another header, so another answer.
    etag = replies.tag(one.etag, name) if one.etag and name != "answer" else one.etag
    if etag and (same := replies.unchanged(etag)):
        return same
    answer, now = ask(one), service.current()
    reply = replies.data(answer.body, answer.media_type, etag)
    reply.headers.extend(about(now, answer, lint(one.query, now.vocabulary), name))
    return reply


def about(
    now: Service, answer: Answer, warnings: Sequence[LintWarning] = (), name: str = "answer"
) -> list[tuple[str, str]]:
    """The headers that tell of an answer in its own format.

    Time, snapshot, rows, warnings, and a name to save it under.
    """
    found = [("R2P-Seconds", f"{answer.elapsed:.4f}"), ("R2P-Snapshot", now.snapshot.digest)]
    if answer.rows is not None:
        found.append(("R2P-Rows", str(answer.rows)))
    if warnings:
        found.append(("R2P-Warnings", warned(warnings)))
    # What programs read is not saved under a name.
    if answer.media_type != _FOR_PAGE["select"] and (suffix := accept.suffix(answer.media_type)):
        found.append(("Content-Disposition", f'inline; filename="{name}{suffix}"'))
    return found


def warned(warnings: Sequence[LintWarning]) -> str:
    """Warnings as one header, a list of structured fields (RFC 8941, section 3.1).

    Each its code, with line, column and message.

    What is not ASCII becomes a question mark, and what would make the header longer than a kilobyte is left
    out.
    """
    told = []
    for one in warnings:
        message = one.message.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
        message = "".join(sign if " " <= sign <= "~" else " " for sign in message)
        told.append(f'{one.code};line={one.line};column={one.column};message="{message}"')
    while len(told) > 1 and sum(map(len, told)) > _LONGEST_HEADER:
        told.pop()
    return ", ".join(told) if len(told[0]) <= _LONGEST_HEADER else warnings[0].code


def as_page(one: Plan, template: str, **context: object) -> Response:
    """The answer as a page made from ``template``, which gets ``table``, ``seconds`` and ``warnings``.

    Or 304 without asking the engine.
    """
    etag = one.etag and replies.tag(one.etag, request.full_path)
    if etag and (same := replies.unchanged(etag)):
        return same
    answer = ask(one)
    warnings = lint(one.query, service.current().vocabulary)
    text = render_template(
        template, table=table(answer), seconds=answer.elapsed, query=one.query, warnings=warnings, **context
    )
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
