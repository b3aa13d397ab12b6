"""The front in this process: the real gateway over any engine, without a socket, for a test's requests.

``client(app)`` speaks as Flask's test client does; ``Front.send`` also sends what no WSGI client can, such as
the same header twice. Nothing is kept between requests unless the settings allow the cache bytes.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flask import Response
from werkzeug.test import Client

from r2p_kg.web import service_of
from r2p_kg.web.cache import Cache
from r2p_kg.web.gateway import Gateway
from r2p_kg.web.mount import Mount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask

Pairs = list[tuple[str, str]]


@dataclass
class Engine:
    """A blocking engine, asked as the front asks its own."""

    engine: Any

    async def ask(self, query: str, **arguments: Any) -> Any:
        """The answer, from a thread."""
        wanted = {name: arguments[name] for name in ("media_type", "dataset", "budget")}
        return await asyncio.to_thread(self.engine.ask, query, **wanted)


class Fields:
    """Header lines as granian's RSGI gives them: names without regard to case, lines in order."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]

    def get_all(self, name: str) -> list[str]:
        """The lines of that name."""
        return [value for other, value in self._pairs if other == name]

    def get(self, name: str) -> str | None:
        """The first line of that name."""
        return next(iter(self.get_all(name)), None)

    def items(self) -> Pairs:
        """Every line."""
        return self._pairs


@dataclass
class Scope:
    """A request as granian's RSGI gives it."""

    method: str
    path: str
    query_string: str
    headers: Fields
    scheme: str = "http"
    client: str = "127.0.0.1:40000"
    server: str = "127.0.0.1:80"
    http_version: str = "1.1"
    authority: str | None = None


@dataclass
class Proto:
    """The other end: it gives the body, and keeps what is answered."""

    body: bytes
    status: int = 0
    headers: Pairs = field(default_factory=list)
    answer: bytes = b""

    async def __aiter__(self) -> Any:
        if self.body:
            yield self.body
        yield b""

    async def client_disconnect(self) -> None:
        """End when the client leaves, which it does not."""
        await asyncio.Event().wait()

    def response_empty(self, status: int, headers: Pairs) -> None:
        """Keep an answer without a body."""
        self.response_bytes(status, headers, b"")

    def response_bytes(self, status: int, headers: Pairs, body: bytes) -> None:
        """Keep an answer."""
        self.status, self.headers, self.answer = status, list(headers), body

    def response_str(self, status: int, headers: Pairs, body: str) -> None:
        """Keep an answer that is text."""
        self.response_bytes(status, headers, body.encode())

    def response_file(self, status: int, headers: Pairs, path: str) -> None:
        """Keep an answer that is a file."""
        self.response_bytes(status, headers, Path(path).read_bytes())


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop for all fronts, in a thread that ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


class Front:
    """The gateway of an application, callable as WSGI."""

    def __init__(self, app: Flask, *, kept: int = 0, writable: bool = True) -> None:
        now = service_of(app)
        self.app = app
        self.url_map = app.url_map
        mount = Mount(now, app, writable=writable)
        mount.cache = Cache(kept)
        self.gateway = Gateway(mount, _unexpected, Path(), 0)
        self.gateway.begin(_loop(), Engine(now.engine))  # type: ignore[arg-type]

    def send(
        self,
        path: str,
        method: str = "GET",
        headers: Pairs | None = None,
        body: bytes = b"",
        host: str | None = "localhost",
    ) -> Proto:
        """One request and its answer; ``headers`` may hold a name more than once."""
        path, _, address = path.partition("?")
        given = [*([("host", host)] if host else []), *(headers or [])]
        return self.exchanged(Scope(method, path, address, Fields(given)), body)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer what a WSGI client asks."""
        given = [
            (name.removeprefix("HTTP_").replace("_", "-"), value)
            for name, value in environ.items()
            if name.startswith("HTTP_") or (name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
        ]
        scope = Scope(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
            environ["QUERY_STRING"],
            Fields(given),
            scheme=environ["wsgi.url_scheme"],
        )
        length = environ.get("CONTENT_LENGTH")
        found = self.exchanged(scope, environ["wsgi.input"].read(int(length) if length else 0))
        start(f"{found.status} -", found.headers)
        return [found.answer]

    def exchanged(self, scope: Scope, body: bytes = b"") -> Proto:
        """One request, as the server would give it, and its answer."""
        proto = Proto(body)
        asyncio.run_coroutine_threadsafe(self.gateway.__rsgi__(scope, proto), _loop()).result(60)
        return proto


class FrontClient(Client):
    """A test client that may be the value of a ``with`` statement."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def client(app: Flask, **options: Any) -> FrontClient:
    """A test client of an application behind the front."""
    return FrontClient(Front(app, **options), Response)


def _unexpected(*_: object) -> Mount:
    message = "no other snapshot is served here"
    raise AssertionError(message)
