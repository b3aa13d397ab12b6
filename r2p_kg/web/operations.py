"""The landing page, and what an operator asks: is it alive, is it ready, how is it."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, render_template

from r2p_kg import __version__
from r2p_kg.errors import BusyError, QueryError
from r2p_kg.limits import declared
from r2p_kg.web import accept, metrics, operator, replies, service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.library import SavedQuery

blueprint = Blueprint("operations", __name__)

_NO_WORKER: Final = "the processes that answer queries are just being started; come back in a moment"

#: How many saved questions the landing page shows.
_EXAMPLES: Final = 3


@blueprint.route("/")
def home() -> Response:
    """What this is, three questions to begin with, and the counts."""
    now = service.current()
    etag = replies.tag(now.version, "home")
    page = render_template(
        "home.html", examples=_examples(), snapshot=now.snapshot, settings=now.settings, library=now.library
    )
    return replies.unchanged(etag) or replies.data(page, "text/html", etag)


@blueprint.route("/healthz")
def alive() -> Response:
    """200 as long as the front answers at all."""
    return _plain("ok")


@blueprint.route("/readyz")
def ready() -> Response:
    """200 if the engine is there to answer; a problem (503) if it is not, or has no worker yet."""
    stats = service.current().engine.stats()
    if stats and not stats["idle"] + stats["lent"]:
        raise BusyError(_NO_WORKER)
    return _plain("ready")


@blueprint.route("/status")
def status() -> Response:
    """Version, digest, limits, counts, the engine's counters and notices, as a page or as JSON."""
    page, content = accept.is_page(), _status()
    if page:
        reply = Response(render_template("status.html", status=content), mimetype="text/html")
    else:
        reply = Response(
            json.dumps(content, ensure_ascii=False, indent=1) + "\n", mimetype="application/json"
        )
    reply.headers["Cache-Control"] = "no-store"
    reply.vary.add("Accept")
    return reply


@blueprint.route("/metrics")
def counted() -> Response:
    """Counters of all processes for Prometheus."""
    stats = _engine()
    reply = Response(metrics.text(stats), content_type=metrics.MEDIA_TYPE)
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _status() -> Mapping[str, object]:
    now = service.current()
    settings = now.settings
    return {
        "version": __version__,
        "snapshot": now.snapshot.digest,
        "data": settings.title,
        "checked": settings.checked,
        "notices": list(settings.notices),
        "limits": {name: getattr(settings, name) for name, _, _ in declared()},
        "census": dict(now.snapshot.census),
        "queries": len(now.library.queries),
        "engine": operator.seen(_engine()),
    }


def _engine() -> Mapping[str, Any]:
    """The engine's own counters; what it says instead if it cannot give them."""
    try:
        return service.current().engine.stats()
    except QueryError as error:
        return {"unavailable": str(error)}


def _examples() -> list[SavedQuery]:
    """Questions to begin with.

    Those tagged ``start``, else one of each topic in turn; each gives rows and needs no value.
    """
    topics = service.current().library.topics().values()
    askable = [
        [one for one in queries if one.expect != "empty" and not any(param.required for param in one.params)]
        for queries in topics
    ]
    chosen = [one for queries in askable for one in queries if "start" in one.tags]
    in_turn = [one for row in zip_longest(*askable) for one in row if one]
    return (chosen or in_turn)[:_EXAMPLES]


def _plain(text: str) -> Response:
    reply = Response(text + "\n", mimetype="text/plain")
    reply.headers["Cache-Control"] = "no-store"
    return reply
