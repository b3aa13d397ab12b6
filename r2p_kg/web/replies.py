"""Headers of every answer: entity tags, caching, CORS, and what protects the person who looks at a page."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import Response, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

#: Clients and proxies may keep an answer, and ask each time whether it still holds: a 304 costs next to
#: nothing.
_KEPT: Final = "public, no-cache"
_VARY: Final = ("Accept", "Accept-Encoding")

_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Allow, Content-Disposition, Content-Location, ETag, Link, Retry-After, "
        "R2P-Rows, R2P-Seconds, R2P-Snapshot, R2P-Warnings"
    ),
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, QUERY, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match, X-Requested-With, User-Agent",
    "Access-Control-Max-Age": "86400",
}
_SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PAGE: Final = {**_CORS, **_SECURITY}

#: Data are looked at by programs: what concerns scripts, frames and referrers of pages costs every one of
#: them without use.
_DATA: Final = {
    **_CORS,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

#: The headers of the one answer that Flask does not give: it failed, or what leads to it.
FAILED: Final = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"), *_DATA.items())

#: What a 304 carries besides its tag.
UNCHANGED: Final = (("cache-control", _KEPT), ("vary", ", ".join(_VARY)), *_CORS.items())


def tag(*parts: object) -> str:
    """A strong entity tag (RFC 9110, section 8.8.3) over everything that decides a body."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def holds(sent: str | None, etag: str) -> bool:
    """True if an If-None-Match header names this tag, in whichever encoding (RFC 9110, section 13.1.2)."""
    return sent is not None and (etag in sent or sent.strip() == "*")


def held(sent: str, etag: str) -> str | None:
    """The form of a tag that an If-None-Match header names, with the encoding of the client's body.

    None if the header says ``*``.

    A 304 carries this one: a client brings only that stored body up to date whose tag it has (RFC 9111,
    section 4.3.4).

    >>> held('"a", W/"b-br"', "b"), held('"b"', "b"), held("*", "b")
    ('b-br', 'b', None)
    """
    start = sent.find(etag)
    return sent[start : sent.find('"', start)] if start >= 0 and '"' in sent[start:] else None


def tag_of(headers: Mapping[str, str]) -> str | None:
    """The strong tag among the headers of an answer (names in lower case), without its quotes.

    None if it has none.
    """
    etag = headers.get("etag", "")
    return etag[1:-1] if len(etag) > 2 and etag[0] == etag[-1] == '"' else None  # noqa: PLR2004 - more than the two quotes


@lru_cache(maxsize=64)
def cached(media_type: str, *, kept: bool = True) -> tuple[tuple[str, str], ...]:
    """The headers of an answer that is data, all but its tag, its length and what tells of it.

    The same that Flask's answers get.
    """
    return (
        ("content-type", _content_type(media_type)),
        ("cache-control", _KEPT if kept else "no-store"),
        ("vary", ", ".join(_VARY)),
        *_DATA.items(),
    )


def unchanged(etag: str) -> Response | None:
    """304 if the client already holds the body of this tag; else None (RFC 9110, section 13.1.2)."""
    held = holds(request.headers.get("If-None-Match"), etag)
    return _cached(Response(status=304), etag) if held else None


def data(body: bytes | str, media_type: str, etag: str | None) -> Response:
    """A whole answer that clients may keep and must revalidate; without a tag it may not be kept."""
    reply = Response(body, content_type=_content_type(media_type))
    if etag is None:
        reply.headers["Cache-Control"] = "no-store"
        reply.vary.update(_VARY)
        return reply
    return _cached(reply, etag)


def _content_type(media_type: str) -> str:
    text = media_type.startswith("text/") or media_type.endswith(("+xml", "/xml"))
    return f"{media_type}; charset=utf-8" if text else media_type


def _cached(reply: Response, etag: str) -> Response:
    reply.set_etag(etag)
    reply.headers["Cache-Control"] = _KEPT
    reply.vary.update(_VARY)
    return reply


def finish(reply: Response) -> Response:
    """The headers that every answer carries."""
    for name, value in (_PAGE if reply.mimetype == "text/html" else _DATA).items():
        reply.headers.setdefault(name, value)
    if request.method == "OPTIONS":
        reply.headers.extend(_PREFLIGHT)
    return reply


def register(app: Flask) -> None:
    """Finish every answer of an application."""
    app.after_request(finish)
