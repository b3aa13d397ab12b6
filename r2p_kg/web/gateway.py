"""The front door: every request comes here first, as granian's RSGI gives it, on one event loop.

What was answered before is answered from memory. A query whose answer is data goes straight to a query
worker. All else, pages and every error among it, is Flask's. Here are also read the bodies (bounded in bytes
and in time), here the answers are compressed, and here a new snapshot takes the place of the old one without
a request being lost.

RSGI: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import log
from r2p_kg.engine.borrower import Borrower
from r2p_kg.engine.answer_files import LARGE, AnswerFiles, in_file
from r2p_kg.errors import BusyError, QueryError, R2PError
from r2p_kg.web import answers, bridge, metrics, protocol, replies
from r2p_kg.web.bodies import Bodies
from r2p_kg.web.cache import Cache, Page, encoding
from r2p_kg.web.link import Link
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

    from r2p_kg.engine import Answer
    from r2p_kg.engine.answer_files import AnswerFile
    from r2p_kg.web.answers import Plan
    from r2p_kg.web.cache import Headers
    from r2p_kg.web.service import Service

_log = logging.getLogger(__name__)

#: Threads in which Flask answers, and those in which its pages wait for queries and writes.
_THREADS: Final = 16
_WAITING_THREADS: Final = 48
_MAY_WAIT: Final = ("/sparql", "/queries/", "/rdf-graph-store")

#: Headers that depend on the encoding.
_OURS: Final = frozenset({"etag", "content-length"})

#: Seconds within which the server has opened a file that it is to send.
_OPENED: Final = 30.0

_SAFE: Final = frozenset({"GET", "HEAD"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "QUERY", "DELETE"})
_ASKS: Final = frozenset({"POST", "QUERY"})
_SPARQL: Final = frozenset({"/sparql", "/sparql/"})

_NO_HOST: Final = "an HTTP/1.1 request names its host exactly once; send one Host header"


class Served:
    """One snapshot as this process serves it.

    The service, its application, its cache, and how many requests still need it.
    """

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


class _Request:
    """One request on its way.

    What the server gave, and the key under which its answer may be kept (None where it may not).
    """

    __slots__ = ("body", "method", "proto", "refused", "request", "scope", "served")

    def __init__(
        self, served: Served, scope: Any, proto: Any, method: str, request: tuple[str | None, ...] | None
    ) -> None:
        self.served = served
        self.scope = scope
        self.proto = proto
        self.method = method
        self.request = request
        self.body = b""
        #: It is no query that may be asked: nothing that would take long.
        self.refused = False


class Gateway:
    """The RSGI application of one front process.

    ``first``: what is served at the start. ``make``: path and notices of a snapshot → what is served from
    then on. ``address``: the broker's socket. ``queue``: queries that may wait.
    """

    def __init__(
        self, first: Served, make: Callable[[Path, tuple[str, ...]], Served], address: Path, queue: int
    ) -> None:
        self._served = first
        self._earlier: list[Served] = []
        self._make = make
        self._address = address
        self._queue = queue
        self._bodies = Bodies()
        self._hits = 0
        self._files = AnswerFiles()
        self._threads = ThreadPoolExecutor(_THREADS, "page")
        self._waiting = ThreadPoolExecutor(_WAITING_THREADS, "query-page")
        self._loop: asyncio.AbstractEventLoop
        self._engine: Borrower
        self._link: Link

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server before the first request."""
        self._loop = loop
        asyncio.set_event_loop(loop)
        self._engine = Borrower(self._address, self._queue)
        self._count()
        self._threads.submit(
            lambda: self._served.service.vocabulary
        )  # ready soon, without keeping the start waiting
        self._link = Link(
            self._address,
            self._served.digest,
            self._make,
            lambda made, version: loop.call_soon_threadsafe(self._switch, made, version),
        )

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server after the last request."""
        self._link.close()
        self._engine.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._waiting.shutdown(wait=False, cancel_futures=True)

    def _count(self) -> None:
        """Add up, once a second, what would cost too much at every request."""
        metrics.hits(self._hits)
        self._hits = 0
        self._loop.call_later(1, self._count)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        method, headers, served = scope.method, scope.headers, self._served
        request = None
        if method in _SAFE:
            accept = headers.get("accept")
            # Pages and descriptions may name the address by which they were asked, which is the client's
            # word; data that answer a query do not.
            data = (
                "query=" in scope.query_string
                and scope.path in _SPARQL
                and "html" not in scope.query_string
                and "html" not in (accept or "")
            )
            asked_by = () if data else (headers.get("host"), scope.scheme)
            request = (scope.path, scope.query_string, accept, *asked_by)
            page = served.cache.get(request)
            if page is not None:
                accepted, held = headers.get("accept-encoding"), headers.get("if-none-match")
                sent = page.sent.get(accepted)
                self._hits += 1
                if sent is not None and held is None and method == "GET":
                    proto.response_bytes(200, *sent)
                    return
                wanted = encoding(accepted)
                if len(page.body) < LARGE and page.ready(wanted):
                    page.send_again(accepted)
                    _send(proto, 200, page, wanted, held, empty=method == "HEAD")
                else:
                    await self._deliver(proto, page, wanted, held, empty=method == "HEAD")
                return
        served.requests += 1
        try:
            one = _Request(served, scope, proto, method, request)
            if request is not None and scope.path in _SPARQL and _one_host(scope) and await self._query(one):
                return
            await self._slowly(one)
        except Exception:  # noqa: BLE001 - as below
            _failed(one)
        finally:
            served.requests -= 1

    async def _slowly(self, one: _Request) -> None:
        """What needs a body, or Flask."""
        try:
            error: QueryError | None = None if _one_host(one.scope) else RequestError(400, _NO_HOST)
            if error is None and one.method in _WITH_BODY:
                try:
                    one.body = await self._bodies.read(
                        one.scope,
                        one.proto,
                        one.served.service.settings.body_bytes,
                        one.served.app if one.served.writable else None,
                    )
                except QueryError as refused:
                    error = refused
                if (
                    error is None
                    and one.method in _ASKS
                    and one.scope.path in _SPARQL
                    and await self._query(one)
                ):
                    return
            await self._page(one, error)
        except Exception:  # noqa: BLE001 - the last net: whatever it is, the client gets an answer and the log the cause
            _failed(one)

    async def _query(self, one: _Request) -> bool:
        """Answer a query whose answer is data.

        False where this is none, or has a mistake, of which Flask tells.
        """
        headers, served, service = one.scope.headers, one.served, one.served.service
        plan = _plan(one)
        if plan is None:
            return False
        page = served.cache.tagged(plan.etag) if plan.etag else None
        if page is not None:
            self._hits += 1
        else:
            held = headers.get("if-none-match")
            if plan.etag and held and replies.holds(held, plan.etag):
                page = Page(replies.cached(plan.media_type), b"", plan.media_type, plan.etag)
                _send(one.proto, 200, page, "", held, empty=True)
                return True
            try:
                answer = await self._asked(one, plan, plan.media_type)
            except QueryError as error:
                await self._page(one, error, plan.query)
                return True
            about = [
                *replies.cached(plan.media_type, kept=plan.etag is not None),
                *answers.about(service, answer, answer.warnings),
            ]
            large = in_file(answer.body)
            if large is not None and (plan.etag is None or not served.cache.takes(len(large))):
                self._large(one, about, large, plan.etag)
                return True
            page = Page(about, bytes(answer.body), plan.media_type, plan.etag)
        served.cache.put(one.request or (plan.etag,), page)
        wanted = encoding(headers.get("accept-encoding"))
        await self._deliver(one.proto, page, wanted, headers.get("if-none-match"), empty=one.method == "HEAD")
        return True

    def _large(self, one: _Request, about: Headers, body: AnswerFile, etag: str | None) -> None:
        """Send an answer that is not kept, as it is: to compress it would take longer than to send it."""
        headers = [*about, ("content-length", str(len(body))), *([("etag", f'"{etag}"')] if etag else [])]
        if one.method == "HEAD":
            one.proto.response_empty(200, headers)
        else:
            self._send_file(one.proto, headers, body)

    async def _deliver(self, proto: Any, page: Page, wanted: str, held: str | None, *, empty: bool) -> None:
        """Send a page; a large one from a file, so that no copy of it waits in memory for each slow reader."""
        if not page.ready(wanted):
            await self._loop.run_in_executor(self._threads, page.variant, wanted)
        headers, body = page.variant(wanted)
        if empty or len(body) < LARGE or (held and page.etag and replies.holds(held, page.etag)):
            _send(proto, 200, page, wanted, held, empty=empty)
            return
        try:
            room = self._files.create(len(body))
        except BusyError:  # the memory has it anyway
            _send(proto, 200, page, wanted, held, empty=empty)
            return
        memoryview(room)[:] = body
        self._send_file(proto, headers, room)

    def _send_file(self, proto: Any, headers: Headers, body: AnswerFile) -> None:
        """The server reads the file as fast as the client takes it.

        It opens it soon, and the file is there until everybody has closed it.
        """
        proto.response_file(200, headers, body.path)
        self._loop.call_later(_OPENED, lambda: body)

    async def _asked(self, one: _Request, plan: Plan, media_type: str) -> Answer:
        """The answer of a query worker, logged and counted; raises QueryError, logged and counted too."""
        service, started = one.served.service, time.perf_counter()
        slow = service.settings.slow_seconds
        try:
            answer = await self._engine.ask(
                plan.query,
                digest=one.served.digest,
                prefixes=service.snapshot.prefixes,
                media_type=media_type,
                dataset=plan.dataset,
                budget=plan.budget,
                client=_client(one.scope, service),
                gone=one.proto.client_disconnect,
            )
        except QueryError as error:
            metrics.refused(error.slug)
            log.query(plan.query, time.perf_counter() - started, slow, {"problem": error.slug})
            raise
        seconds = time.perf_counter() - started
        metrics.answered(answer, seconds)
        log.query(
            plan.query,
            seconds,
            slow,
            {
                "evaluated": round(answer.elapsed, 4),
                "rows": answer.rows,
                "bytes": len(answer.body),
                "worker": answer.worker,
            },
        )
        return answer

    async def _whole(self, one: _Request, plan: Plan, media_type: str) -> Answer:
        """As :meth:`_asked`, the body in memory, for a page."""
        answer = await self._asked(one, plan, media_type)
        return replace(answer, body=bytes(answer.body))

    async def _page(self, one: _Request, error: Exception | None, query: str = "") -> None:
        """Let Flask answer; ``error`` is what it has to tell of instead, ``query`` the text that this is about."""
        # What GET answers decides about HEAD's headers, also about those of the encoding.
        asked = bridge.environ(one.scope, "GET" if one.method == "HEAD" else one.method, one.body)
        asked["r2p.ask"] = lambda plan, media_type: asyncio.run_coroutine_threadsafe(
            self._whole(one, plan, media_type), self._loop
        ).result()
        if error is not None:
            asked["r2p.error"], asked["r2p.query"] = error, query
        # Pages that wait for queries have threads of their own: an error, a health check or a term's page
        # never waits behind them.
        quick = (
            error is not None
            or (one.refused and not one.served.writable)
            or not one.scope.path.startswith(_MAY_WAIT)
        )
        threads = self._threads if quick else self._waiting
        status, headers, content = await self._loop.run_in_executor(
            threads, bridge.call, one.served.app, asked
        )
        metrics.page(status)
        told = {name.lower(): value for name, value in headers}
        etag = replies.tag_of(told)
        kept = etag is not None and told.get("cache-control", "").startswith("public")
        page = Page(
            [pair for pair in headers if pair[0].lower() not in _OURS],
            content,
            told.get("content-type", ""),
            etag,
        )
        held = one.scope.headers.get("if-none-match")
        if status == 304 and etag and held:  # noqa: PLR2004
            _send(one.proto, status, page, "", held, empty=True)
            return
        if status != 200:  # noqa: PLR2004
            if one.method == "HEAD":
                one.proto.response_empty(status, headers)
            else:
                one.proto.response_bytes(status, headers, content)
            return
        if kept and error is None and one.request is not None:
            one.served.cache.put(one.request, page)
        wanted = encoding(one.scope.headers.get("accept-encoding"))
        await self._deliver(one.proto, page, wanted, None, empty=one.method == "HEAD")

    def _switch(self, made: Served, version: int) -> None:
        """Serve another snapshot from now on; the requests under way finish with the old one."""
        self._earlier.append(self._served)
        self._served = made
        self._threads.submit(lambda: made.service.vocabulary)
        self._drain(version)

    def _drain(self, version: int) -> None:
        """Tell the broker what is needed, again and again until only the present snapshot is."""
        self._earlier = [served for served in self._earlier if served.requests]
        self._link.say(version, [served.digest for served in (*self._earlier, self._served)])
        if self._earlier:
            self._loop.call_later(0.1, self._drain, version)


def _client(scope: Any, service: Service) -> str:
    """Whom a query is counted for: the peer, or whom a trusted proxy names; nobody on this machine itself."""
    peer = str(scope.client).rpartition(":")[0]
    if peer in service.settings.proxies and (forwarded := scope.headers.get("x-forwarded-for")):
        return str(forwarded).rpartition(",")[2].strip()
    return "" if peer in {"127.0.0.1", "[::1]", "::1"} else peer


def _plan(one: _Request) -> Plan | None:
    """How a query is answered whose answer is data; None where this is none, or may not be asked."""
    headers, service = one.scope.headers, one.served.service
    accepted = headers.get("accept") or "*/*"
    if "html" in accepted:
        return None
    try:
        kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
        question = protocol.read(one.method, one.scope.query_string.encode(), kind, one.body)
        if not question.query or (question.wanted and "html" in question.wanted.lower()):
            return None
        return answers.planned(
            service,
            question.query,
            question.chosen(service),
            wanted=question.wanted,
            timeout=question.timeout,
            accepted=accepted,
        )
    except R2PError:
        one.refused = True
        return None


def _send(proto: Any, status: int, page: Page, wanted: str, held: str | None, *, empty: bool) -> None:
    """Send a page, or 304 where the client holds it already (RFC 9110, section 13.1.2)."""
    if held is not None and page.etag is not None and replies.holds(held, page.etag):
        proto.response_empty(
            304, [*replies.UNCHANGED, ("etag", f'"{replies.held(held, page.etag) or page.tag(wanted)}"')]
        )
        return
    headers, body = page.variant(wanted)
    if empty:
        proto.response_empty(status, headers)
    else:
        proto.response_bytes(status, headers, body)


def _one_host(scope: Any) -> bool:
    """True where the request names one host, as it must since HTTP/1.1 (RFC 9112, section 3.2)."""
    return len(scope.headers.get_all("host")) == 1 or scope.http_version == "1"


def _failed(one: _Request) -> None:
    _log.exception("%s %s", one.method, one.scope.path)
    one.proto.response_str(500, list(replies.FAILED), "the service made a mistake; its log says more\n")
