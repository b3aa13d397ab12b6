"""``/queries``: the saved questions, each as a form, as a table and as data at one address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template, request

from r2p_kg import library
from r2p_kg.engine import Dataset
from r2p_kg.errors import LibraryError
from r2p_kg.library import params
from r2p_kg.web import accept, answers, protocol, replies, service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.library import SavedQuery

blueprint = Blueprint("gallery", __name__)


@blueprint.route("/queries")
def listing() -> Response:
    """All saved queries by topic, as a page or as JSON."""
    now = service.current()
    etag = replies.tag(now.snapshot.digest, *now.library.queries, accept.wants_html())
    if same := replies.unchanged(etag):
        return same
    if accept.wants_html():
        return replies.data(render_template("queries.html", topics=now.library.topics()), "text/html", etag)
    return replies.data(
        _json({"queries": [_summary(query) for query in now.library.queries]}), "application/json", etag
    )


@blueprint.route("/queries/<query_id>")
def query(query_id: str) -> Response:
    """One saved query: its page, or its answer as data where the request asks for data."""
    now = service.current()
    saved = now.library.get(query_id)
    if saved is None:
        abort(404)
    named = {name: request.args.getlist(name) for name in (*protocol.FORMAT, "timeout")}
    values = _values(saved)
    wanted = protocol.wanted(named)
    missing = [param for param in saved.params if param.required and not values.get(param.name)]
    if missing and accept.wants_html() and not values:
        return replies.data(_page(saved, values), "text/html", None)
    plan = answers.plan(
        library.bind(saved, values, now.snapshot.prefixes, now.index),
        Dataset(),
        wanted,
        protocol.timeout(named["timeout"]),
    )
    if plan.page:
        return answers.as_page(plan, "query.html", **_context(saved, values))
    return answers.as_data(plan, saved.id)


@blueprint.route("/queries/<query_id>.rq")
def source(query_id: str) -> Response:
    """The SPARQL text of a saved query, its parameters as variables."""
    saved = service.current().library.get(query_id)
    if saved is None:
        abort(404)
    etag = replies.tag(saved.text)
    return replies.unchanged(etag) or replies.data(saved.text, protocol.DIRECT, etag)


def _values(saved: SavedQuery) -> Mapping[str, str]:
    """The parameters as given; empty ones count as not given, names of the service are not parameters.

    Raises LibraryError where a name is unknown or is given twice.
    """
    found: dict[str, str] = {}
    for name, given in request.args.lists():
        if name in params.RESERVED:
            continue
        if len(given) > 1:
            message = f"parameter {name}: given {len(given)} times; give it once"
            raise LibraryError(message)
        if given[0] or name not in {param.name for param in saved.params}:
            found[name] = given[0]
    return found


def _page(saved: SavedQuery, values: Mapping[str, str]) -> str:
    return render_template("query.html", table=None, query=None, **_context(saved, values))


def _context(saved: SavedQuery, values: Mapping[str, str]) -> dict[str, object]:
    index = service.current().index
    return {
        "saved": saved,
        "values": {param.name: values.get(param.name) or param.default or "" for param in saved.params},
        "choices": {param.name: _choices(saved, param, values) for param in saved.params if param.of},
        "formats": accept.formats("graph" if saved.form in {"construct", "describe"} else saved.form),
        "index": index,
    }


def _choices(
    saved: SavedQuery, param: params.Param, values: Mapping[str, str]
) -> list[tuple[str, str, bool]]:
    """(value, label, chosen) for each instance of the parameter's class."""
    now = service.current()
    given = values.get(param.name) or param.default
    chosen = (
        params.term(param, given, {**now.snapshot.prefixes, **saved.prefixes}).strip("<>") if given else None
    )
    return [(iri, label, iri == chosen) for iri, label in now.index.instances(param.of or "")]


def _summary(saved: SavedQuery) -> dict[str, object]:
    return {
        "id": saved.id,
        "topic": saved.topic,
        "title": saved.title,
        "question": saved.question,
        "address": f"/queries/{saved.id}",
        "params": [
            {
                "name": param.name,
                "type": param.type,
                "label": param.label,
                "default": param.default,
                "of": param.of,
            }
            for param in saved.params
        ],
        "returns": [{"name": column.name, "description": column.description} for column in saved.returns],
        "expect": saved.expect,
        "note": saved.note,
        "tags": list(saved.tags),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
