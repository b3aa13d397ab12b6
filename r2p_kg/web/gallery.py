"""``/queries``: the saved questions, each as a form, as a table and as data at one address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template

from r2p_kg.graph import media
from r2p_kg.library import params
from r2p_kg.web import accept, answers, preparing, protocol, replies, service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.library import SavedQuery

blueprint = Blueprint("gallery", __name__)


@blueprint.route("/queries")
def listing() -> Response:
    """All saved queries by topic, as a page or as JSON."""
    now = service.current()
    page = accept.is_page()
    etag = replies.tag(now.version, "queries", page)
    if same := replies.unchanged(etag):
        return same
    if page:
        return replies.data(render_template("queries.html", topics=now.library.topics()), "text/html", etag)
    return replies.data(
        _json({"queries": [_summary(query) for query in now.library.queries]}), "application/json", etag
    )


@blueprint.route("/queries/<query_id>")
def query(query_id: str) -> Response:
    """The page of one saved query; its answer as data goes out before Flask is asked."""
    found = preparing.current()
    saved, values = found.saved, found.values or {}
    if saved is None or saved.id != query_id:
        abort(404)
    context = _context(saved, values)
    if found.plan is None:
        return replies.data(
            render_template("query.html", table=None, query=None, warnings=(), **context), "text/html", None
        )
    return answers.page(found, "query.html", **context)


@blueprint.route("/queries/<query_id>.rq")
def source(query_id: str) -> Response:
    """The SPARQL text of a saved query, its parameters as variables."""
    saved = service.current().library.get(query_id)
    if saved is None:
        abort(404)
    etag = replies.tag(saved.text)
    return replies.unchanged(etag) or replies.data(saved.text, protocol.DIRECT, etag)


def _context(saved: SavedQuery, values: Mapping[str, str]) -> dict[str, object]:
    index = service.current().index
    return {
        "saved": saved,
        "values": {param.name: values.get(param.name) or param.default or "" for param in saved.params},
        "choices": {param.name: _choices(saved, param, values) for param in saved.params if param.of},
        "formats": media.formats("graph" if saved.form in {"construct", "describe"} else saved.form),
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
        "address": f"{service.current().prefix}/queries/{saved.id}",
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
