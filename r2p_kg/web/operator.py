"""What the operator alone may see and do: the queries that run, with their text, and ending one of them.

Off unless the operator gives the service a token (:mod:`r2p_kg.web.bearer`). What others ask is nobody else's
business: without the token ``/status`` tells of a running query only its hash, its process and its time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, abort, current_app

from r2p_kg.web import bearer, service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

blueprint = Blueprint("operator", __name__, url_prefix="/operator")

_KEY: Final = "r2p-kg-operator"
_OFF: Final = "this service takes no orders over HTTP: its operator has given it no token"
_NEEDED: Final = "this is the operator's; send the operator's token as Authorization: Bearer and the token"

#: What everybody may know of a running query.
_PUBLIC: Final = ("id", "seconds", "pid", "slow", "hash")


def install(app: Flask, token: str | None) -> None:
    """Make this the operator's token of an application; None if nobody operates it over HTTP."""
    app.extensions[_KEY] = token
    app.register_blueprint(blueprint)


@blueprint.before_request
def authorise() -> None:
    """Let nobody else in."""
    bearer.require(_token(), _OFF, _NEEDED)


@blueprint.route("/queries")
def queries() -> Response:
    """The queries that have run for over a tenth of a second, with their texts, and how many wait."""
    stats = service.current().engine.stats()
    return _reply({"queries": stats["running"], "waiting": stats["waiting"]})


@blueprint.route("/queries/<number>", methods=["DELETE"])
def cancel(number: str) -> Response:
    """End a running query: 204; 404 if no query of that id runs any more."""
    if not service.current().engine.cancel(number):
        abort(404)
    return Response(status=204, headers={"Cache-Control": "no-store"})


def seen(stats: Mapping[str, Any]) -> Mapping[str, Any]:
    """The engine's counters as the sender of the current request may see them."""
    if "running" not in stats or bearer.sent(_token()):
        return stats
    return {
        **stats,
        "running": [{name: query[name] for name in _PUBLIC if name in query} for query in stats["running"]],
    }


def _token() -> str | None:
    return current_app.extensions.get(_KEY)


def _reply(content: object) -> Response:
    reply = Response(json.dumps(content, ensure_ascii=False, indent=1) + "\n", mimetype="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply
