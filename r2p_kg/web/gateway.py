"""The front door: every request comes here first, as granian's RSGI gives it, on one event loop.

What was answered before is answered from memory. Else the request is read once and becomes a plan or an error
(:mod:`r2p_kg.web.preparing`); a query worker answers the plan; what is data goes out from here, and Flask
renders everything else: pages and errors. Here a new snapshot takes the place of the old one without a
request being lost.

RSGI: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import log
from r2p_kg.engine.answer_files import LARGE, in_file
from r2p_kg.engine.borrower import Borrower
from r2p_kg.errors import QueryError
from r2p_kg.web import answers, door, metrics, preparing, replies, rsgi_to_wsgi, sending
from r2p_kg.web.bodies import Bodies
from r2p_kg.web.cache import Page, encoding
from r2p_kg.web.preparing import Prepared
from r2p_kg.web.snapshot_feed import SnapshotFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from r2p_kg.engine import Answer
    from r2p_kg.sparql.lint import LintWarning
    from r2p_kg.web.answers import Plan
    from r2p_kg.web.cache import Request
    from r2p_kg.web.door import Asked
    from r2p_kg.web.mount import Mount

_log = logging.getLogger(__name__)

#: Threads in which Flask answers, and those in which it waits for writes: an error, a health check or a
#: term's page never waits behind them.
_THREADS: Final = 16
_WRITING_THREADS: Final = 48

#: Headers that depend on the encoding.
_OURS: Final = frozenset({"etag", "content-length"})

_OK: Final = 200
_UNCHANGED: Final = 304


@dataclass(slots=True)
class _Exchange:
    """One request on its way through the front.

    Attributes:
        scope: what the server says of it.
        proto: how the server is answered.
        mount: what is served to it, to its end.
        key: what its answer may be kept under, None if it may not be kept.
        asked: what it asks.

    """

    scope: Any
    proto: Any
    mount: Mount
    key: Request | None
    asked: Asked


class Gateway:
    """The RSGI application of one front process.

    ``first``: what is served at the start. ``make``: path and notices of a snapshot → what is served from
    then on. ``address``: the broker's socket. ``queue``: queries that may wait.
    """

    def __init__(
        self, first: Mount, make: Callable[[Path, tuple[str, ...]], Mount], address: Path, queue: int
    ) -> None:
        self._mount = first
        self._earlier: list[Mount] = []
        self._make = make
        self._address = address
        self._queue = queue
        self._bodies = Bodies()
        self._hits = 0
        self._threads = ThreadPoolExecutor(_THREADS, "page")
        self._writing = ThreadPoolExecutor(_WRITING_THREADS, "write")
        self._loop: asyncio.AbstractEventLoop
        self._engine: Borrower
        self._sender: sending.Sender
        self._feed: SnapshotFeed

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server before the first request."""
        asyncio.set_event_loop(loop)
        self.begin(loop, Borrower(self._address, self._queue))
        self._count()
        # Ready soon, without keeping the start waiting.
        self._feed = SnapshotFeed(
            self._address,
            self._mount.digest,
            self._make,
            lambda made, version: loop.call_soon_threadsafe(self._switch, made, version),
        )

    def begin(self, loop: asyncio.AbstractEventLoop, engine: Borrower) -> None:
        """Answer from now on, on this event loop, by this engine."""
        self._loop = loop
        self._engine = engine
        self._sender = sending.Sender(loop, self._threads)

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server after the last request."""
        self._feed.close()
        self._engine.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._writing.shutdown(wait=False, cancel_futures=True)

    def _count(self) -> None:
        """Add up, once a second, what would cost too much at every request."""
        metrics.hits(self._hits)
        self._hits = 0
        self._loop.call_later(1, self._count)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        method, mount, key = scope.method, self._mount, None
        if method in door.SAFE:
            key = door.key(scope)
            page = mount.cache.get(key) if key is not None else None
            if page is not None:
                self._hits += 1
                accepted = door.joined(scope.headers, "accept-encoding")
                held = door.joined(scope.headers, "if-none-match")
                if held is not None and page.etag is not None and replies.holds(held, page.etag):
                    sending.unchanged(proto, held, page.etag, page.tag(encoding(accepted)))
                    return
                sent = page.sent.get(accepted)
                if sent is not None and method == "GET":
                    proto.response_bytes(_OK, *sent)
                    return
                if len(page.body) < LARGE:
                    page.send_again(accepted)
                await self._sender.deliver(proto, page, door.asked(scope, mount))
                return
        mount.requests += 1
        try:
            await self._answer(_Exchange(scope, proto, mount, key, door.asked(scope, mount)))
        except Exception:  # noqa: BLE001 - the last net: whatever it is, the client gets an answer and the log the cause
            _log.exception("%s %s", method, scope.path)
            proto.response_str(500, list(replies.FAILED), "the service made a mistake; its log says more\n")
        finally:
            mount.requests -= 1

    async def _answer(self, one: _Exchange) -> None:
        """Read the request, plan its answer, have it evaluated and send it."""
        asked, cache = one.asked, one.mount.cache
        prepared = await self._prepared(one)
        plan = prepared.plan
        if plan is not None and prepared.error is None:
            page = cache.tagged(plan.etag) if plan.etag else None
            if page is not None:
                self._hits += 1
                cache.put(one.key or (plan.etag,), page)
                await self._sender.deliver(one.proto, page, asked)
                return
            if plan.etag and replies.holds(asked.held, plan.etag):
                sending.unchanged(one.proto, asked.held or "", plan.etag, plan.etag)
                return
            answer = await self._evaluate(one, prepared, plan)
            if answer is not None and not plan.page:
                await self._send_data(one, plan, answer, prepared.warnings)
                return
        await self._send_page(one, prepared)

    async def _prepared(self, one: _Exchange) -> Prepared:
        """The plan of the request, or the error that ends it before anything is asked."""
        error: QueryError | None = door.contradiction(one.scope)
        mount, asked = one.mount, one.asked
        if error is None and asked.method in door.WITH_BODY:
            limit, writes = mount.service.settings.body_bytes, mount.app if mount.writable else None
            try:
                asked.body = await self._bodies.read(one.scope, one.proto, asked.path, limit, writes)
            except QueryError as refused:
                error = refused
        return preparing.prepare(mount.service, asked) if error is None else Prepared(error=error)

    async def _evaluate(self, one: _Exchange, prepared: Prepared, plan: Plan) -> Answer | None:
        """The engine's answer, None if there is an error; either goes into ``prepared`` too."""
        service, started = one.mount.service, time.perf_counter()
        slow = service.settings.slow_seconds
        try:
            answer = await self._engine.ask(
                plan.query,
                digest=one.mount.digest,
                prefixes=service.snapshot.prefixes,
                media_type=plan.engine_type,
                dataset=plan.dataset,
                budget=plan.budget,
                client=door.client(one.scope, service.settings.proxies),
                gone=one.proto.client_disconnect,
            )
        except QueryError as error:
            slug = error.slug
            metrics.refused(slug)
            log.query(plan.query, time.perf_counter() - started, slow, lambda: {"problem": slug})
            prepared.error = error
            return None
        except Exception as error:  # noqa: BLE001 - a fault of ours, of which Flask tells as of every other
            prepared.error = error
            return None
        seconds = time.perf_counter() - started
        metrics.answered(answer, seconds)
        log.query(plan.query, seconds, slow, lambda: _figures(answer))
        prepared.warnings = answer.warnings
        prepared.answer = replace(answer, body=bytes(answer.body)) if plan.page else answer
        return prepared.answer

    async def _send_data(
        self, one: _Exchange, plan: Plan, answer: Answer, warnings: Sequence[LintWarning]
    ) -> None:
        """Send an answer in its own format, and keep it."""
        mount, asked = one.mount, one.asked
        about = answers.about(mount.service, plan, answer, warnings)
        large = in_file(answer.body)
        if large is not None and (plan.etag is None or not mount.cache.takes(len(large))):
            self._sender.large(one.proto, about, large, plan.etag, empty=asked.empty)
            return
        page = Page(about, bytes(answer.body), plan.media_type, plan.etag)
        mount.cache.put(one.key or (plan.etag,), page)
        await self._sender.deliver(one.proto, page, asked)

    async def _send_page(self, one: _Exchange, prepared: Prepared) -> None:
        """Let Flask render what was prepared, send it, and keep it if that is allowed."""
        mount, asked, proto = one.mount, one.asked, one.proto
        environ = rsgi_to_wsgi.environ(one.scope, asked, mount.prefix)
        environ[preparing.KEY] = prepared
        writes = mount.writable and prepared.error is None and asked.method in door.WITH_BODY
        status, headers, content = await self._loop.run_in_executor(
            self._writing if writes else self._threads, rsgi_to_wsgi.call, mount.app, environ
        )
        metrics.page(status)
        found = {name.lower(): value for name, value in headers}
        etag = replies.tag_of(found)
        if status == _UNCHANGED and etag:
            sending.unchanged(proto, asked.held or "", etag, etag)
        elif status == _OK:
            about = [pair for pair in headers if pair[0].lower() not in _OURS]
            page = Page(about, content, found.get("content-type", ""), etag)
            if etag and found.get("cache-control", "").startswith("public") and one.key is not None:
                mount.cache.put(one.key, page)
            await self._sender.deliver(proto, page, asked)
        elif asked.empty:
            proto.response_empty(status, headers)
        else:
            proto.response_bytes(status, headers, content)

    def _switch(self, made: Mount, version: int) -> None:
        """Serve another snapshot from now on; the requests under way finish with the old one."""
        self._earlier.append(self._mount)
        self._mount = made
        self._drain(version)

    def _drain(self, version: int) -> None:
        """Tell the broker what is needed, again and again until only the present snapshot is."""
        self._earlier = [mount for mount in self._earlier if mount.requests]
        self._feed.report(version, [mount.digest for mount in (*self._earlier, self._mount)])
        if self._earlier:
            self._loop.call_later(0.1, self._drain, version)


def _figures(answer: Answer) -> dict[str, object]:
    """What the log says of an answer."""
    return {
        "evaluated": round(answer.elapsed, 4),
        "rows": answer.rows,
        "bytes": len(answer.body),
        "worker": answer.worker,
    }
