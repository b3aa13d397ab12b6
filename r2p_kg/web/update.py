"""Updates over ``/sparql`` (SPARQL 1.1 Protocol, section 2.2), and the one gate that every write passes.

Writes are off unless the operator gives the service a token; then each needs it as ``Authorization: Bearer``
(RFC 6750).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from flask import Response, current_app, g, request

from r2p_kg.engine.changes import Update
from r2p_kg.limits import Limits
from r2p_kg.web import bearer, protocol
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from flask import Flask

    from r2p_kg.engine.changes import Change, Writer, Written
    from r2p_kg.web.protocol import Sent

_KEY: Final = "r2p-kg-writing"
_OFF: Final = (
    "this service is read-only: it answers SELECT, ASK, CONSTRUCT and DESCRIBE and takes no update; "
    "its operator has not switched writing on"
)


@dataclass(frozen=True)
class Gate:
    """Who may write and how much.

    ``writer`` and ``token`` are None if nobody may; ``body_bytes``: the longest body of a write.
    """

    writer: Writer | None = None
    token: str | None = None
    body_bytes: int = Limits.write_bytes


def install(app: Flask, gate: Gate) -> None:
    """Make this the gate of an application's writes."""
    app.extensions[_KEY] = gate


def write(change: Change) -> Written:
    """Apply a change for the one who sent the request.

    Raises as :meth:`Writer.write` does. Pass :func:`authorise` before the body is read.
    """
    writer = _gate().writer
    if writer is None:
        raise RequestError(403, _OFF)
    return writer.write(change)


def writable() -> bool:
    """True if the owner of the token may write."""
    gate = _gate()
    return gate.writer is not None and bool(gate.token)


def longest_body(app: Flask, authorization: str) -> int:
    """Bytes that a write may have whose sender has this Authorization header; 0 if it may not write."""
    gate = cast("Gate", app.extensions.get(_KEY, Gate()))
    return gate.body_bytes if gate.writer is not None and bearer.fits(authorization, gate.token) else 0


def authorise() -> None:
    """Let the request pass if it may write.

    Else it ends here, with 403 if writing is off and 401 if the token is missing or wrong.
    """
    gate = _gate()
    bearer.require(
        gate.token if gate.writer is not None else None,
        _OFF,
        "a write needs the operator's token; send it as Authorization: Bearer and the token",
    )
    request.max_content_length = gate.body_bytes
    request.max_form_memory_size = gate.body_bytes


def done(written: Written, status: int = 204) -> Response:
    """The reply to a write that was applied: no body, the new snapshot's digest as a header."""
    reply = Response(status=status)
    reply.headers["R2P-Snapshot"] = written.digest
    reply.headers["Cache-Control"] = "no-store"
    return reply


def respond(sent: Sent) -> Response:
    """Apply the update of the current request."""
    authorise()
    if sent.method != "POST":
        message = (
            f"an update is sent with POST, as a body of type {protocol.UPDATE} or {protocol.FORM}; "
            f"{sent.method} never changes anything"
        )
        raise RequestError(405, message)
    if sent.kind not in {protocol.UPDATE, protocol.FORM}:
        message = (
            f"a body of type {sent.kind or 'none'} is not understood; "
            f"send {protocol.UPDATE} or {protocol.FORM}"
        )
        raise RequestError(415, message, accepted=[protocol.UPDATE, protocol.FORM])
    texts = [_text(sent)] if sent.kind == protocol.UPDATE else []
    texts += sent.values("update")
    queries = [name for name, _ in sent.fields if name in {"query", "default-graph-uri", "named-graph-uri"}]
    if queries:
        message = (
            f"{queries[0]} belongs to queries; for an update write update, using-graph-uri and "
            "using-named-graph-uri"
        )
        raise RequestError(400, message, parameter=queries[0])
    if len(texts) != 1:
        message = f"the request has {len(texts)} updates; send exactly one, with its operations parted by ;"
        raise RequestError(400, message, parameter="update")
    g.query = texts[0]
    return done(write(Update(texts[0], sent.values("using-graph-uri"), sent.values("using-named-graph-uri"))))


def _text(sent: Sent) -> str:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        message = f"the body says that it is in {charset}; updates are sent in UTF-8"
        raise RequestError(415, message, accepted=[protocol.UPDATE])
    return sent.text()


def _gate() -> Gate:
    return cast("Gate", current_app.extensions.get(_KEY, Gate()))
