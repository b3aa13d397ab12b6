"""The front door: every request comes here first, as granian's RSGI gives it, on one event loop.

What was answered before is answered from memory. A query whose answer is data goes straight to a query worker. All else, pages and every
error among it, is Flask's. Here are also read the bodies (bounded in bytes and in time), here the answers are compressed, and here a new
snapshot takes the place of the old one without a request being lost.

RSGI: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine.loans import Loans
from r2p_kg.errors import QueryError, R2PError
from r2p_kg.web import answers, bridge, metrics, protocol, replies
from r2p_kg.web.cache import Cache, Page, encoding
from r2p_kg.web.link import Link
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

    from r2p_kg.engine import Answer
    from r2p_kg.web.service import Service

_log = logging.getLogger(__name__)

#: Threads in which Flask answers; pages wait for queries in them.
_THREADS: Final = 48

#: Seconds within which the whole body of a request must have come.
_BODY_SECONDS: Final = 20.0

#: Bytes of a body that is read for a write; everything else has the service's own limit.
_WRITE_BYTES: Final = 64 * 1024 * 1024

_SAFE: Final = frozenset({"GET", "HEAD"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "QUERY", "DELETE"})
_SPARQL: Final = frozenset({"/sparql", "/sparql/"})
_WRITES: Final = ("/sparql", "/rdf-graph-store")


class Served:
    """One snapshot as this process serves it: the service, its application, its cache, and how many requests still need it."""

    def __init__(self, service: Service, app: Flask, *, writable: bool) -> None:
        self.service = service
        self.app = app
        self.cache = Cache(service.settings.cache_bytes)
        self.writable = writable
        self.requests = 0

    @property
    def digest(self) -> str:
        """The digest of the snapshot."""
        return self.service.snapshot.digest


class Gateway:
    """The RSGI application of one front process.

    ``first``: what is served at the start. ``make``: path and notices of a snapshot → what is served from then on. ``address``: the broker's
    socket. ``queue``: queries that may wait.
    """

    def __init__(self, first: Served, make: Callable[[Path, tuple[str, ...]], Served], address: Path, queue: int) -> None:
        self._served = first
        self._earlier: list[Served] = []
        self._make = make
        self._address = address
        self._queue = queue
        self._threads = ThreadPoolExecutor(_THREADS, "page")
        self._loop: asyncio.AbstractEventLoop
        self._loans: Loans
        self._link: Link

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server before the first request."""
        self._loop = loop
        asyncio.set_event_loop(loop)
        self._loans = Loans(self._address, self._queue)
        self._link = Link(self._address, self._served.digest, self._make, lambda made, version: loop.call_soon_threadsafe(self._switch, made, version))

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server after the last request."""
        self._link.close()
        self._loans.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        method, headers, served = scope.method, scope.headers, self._served
        request = None
        if method in _SAFE:
            request = (scope.path, scope.query_string, headers.get("accept"), headers.get("host"), scope.scheme)
            page = served.cache.get(request)
            if page is not None and page.ready(wanted := encoding(headers.get("accept-encoding"))):
                metrics.HITS.inc()
                _send(proto, 200, page, wanted, headers.get("if-none-match"), empty=method == "HEAD")
                return
        served.requests += 1
        try:
            if request is not None and scope.path in _SPARQL and await self._query(served, scope, proto, method, b"", request):
                return
            # Granian's own tasks are no asyncio tasks, which timeouts and the like need.
            await self._loop.create_task(self._slowly(served, scope, proto, method, request))
        finally:
            served.requests -= 1

    async def _slowly(self, served: Served, scope: Any, proto: Any, method: str, request: tuple[object, ...] | None) -> None:
        """What needs a body, or Flask."""
        try:
            body, error = b"", None
            if method in _WITH_BODY:
                try:
                    body = await self._body(served, scope, proto)
                except RequestError as refused:
                    error = refused
                if error is None and scope.path in _SPARQL and await self._query(served, scope, proto, method, body, None):
                    return
            await self._page(served, scope, proto, method, body, error, request)
        except Exception:
            _log.exception("%s %s", method, scope.path)
            proto.response_str(500, [("content-type", "text/plain"), ("cache-control", "no-store")], "the service made a mistake; its log says more\n")

    async def _body(self, served: Served, scope: Any, proto: Any) -> bytes:
        """The whole body; raises RequestError where it is too long (413) or does not come (408)."""
        limit = served.service.settings.body_bytes
        if served.writable and scope.path.startswith(_WRITES):
            limit = max(limit, _WRITE_BYTES)
        told = scope.headers.get("content-length") or "0"
        if told.isdecimal() and int(told) > limit:
            raise _too_long(limit)
        parts, size = [], 0
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for part in proto:
                    size += len(part)
                    if size > limit:
                        raise _too_long(limit)
                    parts.append(bytes(part))
        except TimeoutError as late:
            message = f"the body of the request did not come within {_BODY_SECONDS:g} seconds; send it in one go"
            raise RequestError(408, message) from late
        return b"".join(parts)

    async def _query(self, served: Served, scope: Any, proto: Any, method: str, body: bytes, request: tuple[object, ...] | None) -> bool:
        """Answer a query whose answer is data; False where this is none, or has a mistake, of which Flask tells."""
        headers, service = scope.headers, served.service
        accepted = headers.get("accept") or "*/*"
        if "html" in accepted:
            return False
        try:
            kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
            question = protocol.read(method, scope.query_string.encode(), kind, body)
            if not question.query or (question.wanted and "html" in question.wanted.lower()):
                return False
            plan = answers.planned(service, question.query, question.chosen(service), question.wanted, question.timeout, accepted)
        except R2PError:
            return False
        page = served.cache.tagged(plan.etag) if plan.etag else None
        if page is None:
            held = headers.get("if-none-match")
            if plan.etag and held and replies.holds(held, plan.etag):
                page = Page(replies.cached(plan.media_type), b"", plan.etag)
                _send(proto, 200, page, "", held, empty=True)
                return True
            started = time.perf_counter()
            try:
                answer = await self._loans.ask(
                    plan.query,
                    digest=served.digest,
                    prefixes=service.snapshot.prefixes,
                    media_type=plan.media_type,
                    dataset=plan.dataset,
                    budget=plan.budget,
                    client=self._client(scope, service),
                    gone=proto.client_disconnect,
                )
            except QueryError as error:
                metrics.refused(error.slug)
                await self._page(served, scope, proto, method, body, error, None, query=plan.query)
                return True
            self._told(answer, plan.query, time.perf_counter() - started, service)
            page = Page([*replies.cached(plan.media_type, kept=plan.etag is not None), *answers.about(service, answer)], answer.body, plan.etag)
        if request is not None:
            served.cache.put(request, page)
        wanted = encoding(headers.get("accept-encoding"))
        if not page.ready(wanted):
            await self._loop.run_in_executor(self._threads, page.variant, wanted)
        _send(proto, 200, page, wanted, headers.get("if-none-match"), empty=method == "HEAD")
        return True

    async def _page(
        self, served: Served, scope: Any, proto: Any, method: str, body: bytes, error: Exception | None, request: tuple[object, ...] | None, query: str = ""
    ) -> None:
        """Let Flask answer; ``error`` is what it has to tell of instead, ``query`` the text that this is about."""
        asked = bridge.environ(scope, method, body)
        if error is not None:
            asked["r2p.error"], asked["r2p.query"] = error, query
        status, headers, content = await self._loop.run_in_executor(self._threads, bridge.call, served.app, asked)
        metrics.page(status)
        etag, kept = replies.tag_of(headers)
        page = Page(headers, content, etag)
        if status == 200 and kept and request is not None and method == "GET":  # noqa: PLR2004
            served.cache.put(request, page)
        wanted = encoding(scope.headers.get("accept-encoding"))
        if status != 200 or method == "HEAD":  # noqa: PLR2004
            proto.response_bytes(status, headers, b"" if method == "HEAD" else content)
            return
        if not page.ready(wanted):
            await self._loop.run_in_executor(self._threads, page.variant, wanted)
        _send(proto, status, page, wanted, None, empty=False)

    def _client(self, scope: Any, service: Service) -> str:
        """Whom a query is counted for: the peer, or whom a trusted proxy names; nobody on this machine itself."""
        peer = str(scope.client).rpartition(":")[0]
        if peer in service.settings.proxies and (forwarded := scope.headers.get("x-forwarded-for")):
            return str(forwarded).rpartition(",")[2].strip()
        return "" if peer in {"127.0.0.1", "[::1]", "::1"} else peer

    def _told(self, answer: Answer, query: str, seconds: float, service: Service) -> None:
        metrics.answered(answer, seconds)
        level = logging.WARNING if seconds >= service.settings.slow_seconds else logging.INFO
        if _queries.isEnabledFor(level):
            about = {
                "hash": hashlib.sha256(query.encode()).hexdigest()[:16],
                "seconds": round(seconds, 4),
                "evaluated": round(answer.elapsed, 4),
                "rows": answer.rows,
                "bytes": len(answer.body),
                "worker": answer.worker,
            }
            _queries.log(level, "slow query" if level == logging.WARNING else "query", extra={"about": about | ({"query": query[:2000]} if level == logging.WARNING else {})})

    def _switch(self, made: Served, version: int) -> None:
        """Serve another snapshot from now on; the requests under way finish with the old one."""
        self._earlier.append(self._served)
        self._served = made
        self._drain(version)

    def _drain(self, version: int) -> None:
        """Tell the broker what is needed, again and again until only the present snapshot is."""
        self._earlier = [served for served in self._earlier if served.requests]
        self._link.say(version, [served.digest for served in (*self._earlier, self._served)])
        if self._earlier:
            self._loop.call_later(0.1, self._drain, version)


_queries = logging.getLogger("r2p_kg.queries")


def _send(proto: Any, status: int, page: Page, wanted: str, held: str | None, *, empty: bool) -> None:
    """Send a page, or 304 where the client holds it already (RFC 9110, section 13.1.2)."""
    if held is not None and page.etag is not None and replies.holds(held, page.etag):
        proto.response_empty(304, [*replies.UNCHANGED, ("etag", f'"{page.etag}"')])
        return
    headers, body = page.variant(wanted)
    if empty:
        proto.response_empty(status, headers)
    else:
        proto.response_bytes(status, headers, body)


def _too_long(limit: int) -> RequestError:
    return RequestError(413, f"the body is larger than the {limit:,} bytes that this service takes; /status states its limits")
