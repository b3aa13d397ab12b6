"""Every error body: RFC 9457 problem details, and the same on a page for browsers.

``type`` is an IRI below the project's ``problem/`` that never changes its meaning; ``instance`` names this
one occurrence, and stands in the log beside the cause of every error of ours.
"""

from __future__ import annotations

import json
import logging
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from r2p_kg.errors import LibraryError, QueryError, QueryRefusedError, QuerySyntaxError
from r2p_kg.graph import media, vocab
from r2p_kg.web import accept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

_log = logging.getLogger(__name__)

#: The longest line of a query that an error repeats.
_LONGEST_LINE: Final = 500

_FOUND: Final = {
    400: ("bad-request", "The request cannot be understood"),
    403: ("forbidden", "This is not allowed here"),
    404: ("not-found", "There is nothing at this address"),
    405: ("method-not-allowed", "This address does not take that method"),
    406: ("not-acceptable", "No acceptable format"),
    408: ("request-timeout", "The request did not come in time"),
    413: ("too-large", "The request is larger than this service takes"),
    415: ("unsupported-media-type", "A body of this media type is not understood here"),
    500: ("internal-error", "The service made a mistake"),
}


class RequestError(QueryError):
    """The request itself is wrong, whatever the query.

    The status decides type and title. ``headers``: what the answer says besides.
    """

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.slug, self.title = _FOUND[status]
        self.headers = dict(headers or {})
        self.members = members


def body(status: int, slug: str, title: str, detail: str, **members: object) -> Response:
    """The one maker of error bodies (RFC 9457, section 3); ``members`` that are None are left out."""
    content: dict[str, object] = {
        "type": vocab.PROBLEM + slug,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{uuid.uuid4()}",
        **{name: value for name, value in members.items() if value is not None},
    }
    if accept.wants_html():
        reply = Response(
            render_template(
                "problem.html", problem=content, query=g.get("query"), formats=media.formats("select")
            ),
            status,
            mimetype="text/html",
        )
    else:
        reply = Response(
            json.dumps(content, ensure_ascii=False, indent=1) + "\n",
            status,
            mimetype="application/problem+json",
        )
    reply.headers["Cache-Control"] = "no-store"
    reply.vary.add("Accept")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A query that took too long, or a full queue, is not the service's fault.
        level = logging.INFO if status == HTTPStatus.SERVICE_UNAVAILABLE else logging.ERROR
        _log.log(
            level,
            "%s %s -> %s %s: %s (%s)",
            request.method,
            request.path,
            status,
            slug,
            detail,
            content["instance"],
        )
    return reply


def of_query_error(error: QueryError) -> Response:
    """The problem of a question that was not answered, with the line of the query if it is known."""
    members: dict[str, object] = dict(getattr(error, "members", {}))
    if isinstance(error, QuerySyntaxError | QueryRefusedError):
        members |= {
            "line": error.line,
            "column": error.column,
            "text": _line(error.line),
            "hint": getattr(error, "hint", None),
        }
    reply = body(error.status, error.slug, error.title, str(error), **members)
    if isinstance(error, RequestError):
        reply.headers.extend(error.headers)
    if error.retry_after is not None:
        reply.headers["Retry-After"] = str(error.retry_after)
    return reply


def of_library_error(error: LibraryError) -> Response:
    """The problem of a saved query that was asked with a bad parameter, which the detail names."""
    return body(400, "bad-parameter", "A parameter of the saved query is wrong", str(error))


def of_http(error: HTTPException) -> Response:
    """The problem of what the framework refused, its headers kept (``Allow``, ``Location`` …)."""
    status = error.code or 500
    if status in range(300, 400):
        return Response(
            error.get_response(request.environ).response, status, dict(error.get_headers(request.environ))
        )
    slug, title = _FOUND.get(status, ("http-error", error.name))
    details = {
        404: f"this service has nothing at {request.path}; begin at /",
        405: f"{request.path} does not take {request.method}; the Allow header lists what it takes",
        413: "the body is larger than the service takes; /status states the limit",
    }
    reply = body(status, slug, title, details.get(status) or error.description or error.name)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            reply.headers[name] = value
    return reply


def of_bug(error: Exception) -> Response:
    """The problem of a mistake of ours: the cause goes to the log, never to the client."""
    reply = body(
        500,
        *_FOUND[500],
        "the request met a fault in the service; its operator finds the cause in the log under this instance",
    )
    _log.error("%s %s", request.method, request.path, exc_info=error)
    return reply


def register(app: Flask) -> None:
    """Make every error of an application one of the above."""
    app.register_error_handler(QueryError, of_query_error)
    app.register_error_handler(LibraryError, of_library_error)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, of_bug)


def _line(number: int | None) -> str | None:
    """The line of the query that the error is about; None if it is unknown, or too long to help."""
    lines = str(g.get("query", "")).splitlines()
    line = lines[number - 1] if number and 0 < number <= len(lines) else None
    return line if line is not None and len(line) <= _LONGEST_LINE else None
