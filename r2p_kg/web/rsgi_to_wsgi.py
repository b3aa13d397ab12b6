"""From the server's RSGI to Flask's WSGI (PEP 3333): one request with its whole body, one whole answer."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from r2p_kg.web.door import Asked

_LEFT_OUT: Final = frozenset({"CONTENT_LENGTH", "ACCEPT_ENCODING", "TRANSFER_ENCODING"})


def environ(scope: Any, asked: Asked, prefix: str = "") -> dict[str, Any]:
    """The WSGI environment of a request.

    ``scope`` is granian's RSGI scope, ``prefix`` the path below which the service is published.
    Accept-Encoding is left out, because the front compresses, and so is whatever a client could use to pass
    for somebody else.
    """
    host, _, port = scope.server.rpartition(":")
    found: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": prefix,
        "PATH_INFO": asked.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),  # PEP 3333: a character for each byte
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "CONTENT_LENGTH": str(len(asked.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        # CGI cannot tell it from the name with a hyphen, so that it could pass for a header that a proxy
        # sets.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            found[key] = value
        elif key not in _LEFT_OUT and not (key == "IF_NONE_MATCH" and asked.held is None):
            key = f"HTTP_{key}"
            found[key] = f"{found[key]}, {value}" if key in found else value
    if "HTTP_HOST" not in found and scope.authority:
        found["HTTP_HOST"] = scope.authority
    return found


def call(app: Flask, asked: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body that the application answers."""
    said: list[tuple[int, list[tuple[str, str]]]] = []

    def start(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Callable[[bytes], object]:
        said[:] = [(int(status.split(" ", 1)[0]), headers)]
        return lambda _part: None  # PEP 3333's old way to send a body, which Flask does not use

    parts = app.wsgi_app(asked, start)
    try:
        body = b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    status, headers = said[0]
    return status, headers, body
