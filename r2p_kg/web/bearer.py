"""A token as proof of who may do what (RFC 6750): one for those who write, one for the operator."""

from __future__ import annotations

import hmac

from flask import abort, request

from r2p_kg.web import problems
from r2p_kg.web.problems import RequestError


def fits(authorization: str, token: str | None) -> bool:
    """True if an Authorization header brings this token, found out in a time that tells nothing of it.

    An empty one, or none, is nobody's.
    """
    scheme, _, given = authorization.partition(" ")
    return (
        bool(token)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode("utf-8", "replace"), (token or "").encode())
    )


def sent(token: str | None) -> bool:
    """True if the request carries this token."""
    return fits(request.headers.get("Authorization", ""), token)


def require(token: str | None, off: str, needed: str) -> None:
    """Let the request pass if it carries the token; else it ends here.

    Raises RequestError (403) with the text ``off`` if there is no such token, and aborts with 401 if it
    is missing (``needed``) or wrong.
    """
    if not token:
        raise RequestError(403, off)
    if sent(token):
        return
    tried = request.headers.get("Authorization", "").lower().startswith("bearer ")
    detail = "the token is not the one of this service" if tried else needed
    reply = problems.body(401, "unauthorized", "This needs a token", detail)
    reply.headers["WWW-Authenticate"] = 'Bearer realm="r2p-kg"' + (', error="invalid_token"' if tried else "")
    abort(reply)
