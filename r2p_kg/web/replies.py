"""Headers of every answer: entity tags, caching, compression, CORS, and what protects the person who looks at a page."""

from __future__ import annotations

import gzip
import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Response, request

if TYPE_CHECKING:
    from flask import Flask

#: Answers below this size gain nothing from compression.
_SMALL: Final = 1024
_COMPRESSIBLE: Final = ("text/", "application/json", "application/sparql", "application/ld+json", "application/rdf+xml", "application/n-", "application/trig")

_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Allow, Content-Disposition, Content-Location, ETag, Link, Retry-After, R2P-Rows, R2P-Seconds, R2P-Snapshot",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, QUERY, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match, X-Requested-With, User-Agent",
    "Access-Control-Max-Age": "86400",
}
_SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def tag(*parts: object) -> str:
    """A strong entity tag (RFC 9110, section 8.8.3) over everything that decides a body."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def unchanged(etag: str) -> Response | None:
    """304 where the client already holds the body of this tag, in whichever encoding; else None (RFC 9110, section 13.1.2)."""
    held = request.if_none_match
    for known in (etag, f"{etag}-gzip"):
        if held.contains_weak(known):
            return _cached(Response(status=304), known)
    return None


def data(body: bytes | str, media_type: str, etag: str | None) -> Response:
    """A whole answer that clients may keep and must revalidate; without a tag it may not be kept."""
    text = media_type.startswith("text/") or media_type.endswith(("+xml", "/xml"))
    reply = Response(body, content_type=f"{media_type}; charset=utf-8" if text else media_type)
    if etag is None:
        reply.headers["Cache-Control"] = "no-store"
        return reply
    return _cached(reply, etag)


def _cached(reply: Response, etag: str) -> Response:
    reply.set_etag(etag)
    reply.headers["Cache-Control"] = "public, no-cache"
    reply.vary.update(("Accept", "Accept-Encoding"))
    return reply


def finish(reply: Response) -> Response:
    """The headers that every answer carries, and its compression."""
    for name, value in (_CORS | _SECURITY).items():
        reply.headers.setdefault(name, value)
    if request.method == "OPTIONS":
        reply.headers.extend(_PREFLIGHT)
    return _compressed(reply)


def register(app: Flask) -> None:
    """Finish every answer of an application."""
    app.after_request(finish)


def _compressed(reply: Response) -> Response:
    """The answer as gzip where that helps and is accepted; another encoding has another tag (RFC 9110, section 8.8.3.3)."""
    if reply.direct_passthrough or reply.status_code != HTTPStatus.OK or "Content-Encoding" in reply.headers:
        return reply
    if not (reply.mimetype or "").startswith(_COMPRESSIBLE) or (reply.content_length or 0) < _SMALL:
        return reply
    reply.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0:
        return reply
    # mtime 0: the same body always gives the same bytes, as a strong tag promises.
    reply.set_data(gzip.compress(reply.get_data(), 5, mtime=0))
    reply.headers["Content-Encoding"] = "gzip"
    etag, weak = reply.get_etag()
    if etag is not None and not weak:
        reply.set_etag(f"{etag}-gzip", weak=False)
    return reply
