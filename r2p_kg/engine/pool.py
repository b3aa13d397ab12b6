"""The pool: as many queries at once as there are places, each within its budget, each killable, with spares at hand.

Who asks here gets an answer (:meth:`Pool.ask`); a front process that asks thousands of small questions a second is lent a worker instead
(:meth:`Pool.lend`) and talks to it directly. It tells the pool of a query as soon as that takes long, so that deadline, cancelling and the
operator's list hold for those as well. A query that goes on and on loses its place and its priority: the small ones pass it.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import log
from r2p_kg.engine import exchange, policy, wire
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.engine.places import Allowances, Places
from r2p_kg.engine.processes import start
from r2p_kg.errors import (
    BusyError,
    NotAcceptableError,
    QueryCancelledError,
    QueryError,
    QueryTimeoutError,
    ShareError,
    WorkerDiedError,
)
from r2p_kg.graph import media
from r2p_kg.limits import Limits

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from r2p_kg.engine.processes import Worker, Zygote

_SHARE: Final = "every worker is in use, and this process has its share of them; come back in a moment"

_STOPPING: Final = "the query service is stopping; come back in a moment"

_REPLACED: Final = "the data were replaced while the question was on its way; ask it again"

#: Nobody reads it but the log.
_GONE: Final = "the one who asked went away, and the query was stopped"

#: Why a query was stopped that ran past its deadline.
_LATE: Final = "timeout"

#: Seconds between two looks at what runs.
_LOOK: Final = 0.05

#: Seconds after which a query gives its place to others and runs on with the lowest priority.
_LONG: Final = 0.25

#: Seconds for which the next queries of a client whose query took long begin without a place of their own.
SUSPECTED: Final = 10.0

#: Clients that are remembered before those are forgotten of whom there is nothing to remember.
_CLIENTS: Final = 1000


@dataclass(frozen=True)
class PoolSettings:
    """``workers``: queries evaluated at once. ``spares``: idle workers kept beyond that, for the place of a killed one.

    ``queue``: queries that may wait. ``memory``: bytes that one query may take. ``union``: the default graph is the union of all graphs.
    ``allowance``: seconds of long queries that one client may take at once, ``refill`` what it gets back in a second (0: no such limit).
    """

    workers: int = 2
    spares: int = 1
    queue: int = Limits.queue
    memory: int = Limits.memory
    union: bool = True
    allowance: float = Limits.allowance
    refill: float = Limits.refill


@dataclass(eq=False)
class Use:
    """A worker that somebody uses: for one query, or on loan.

    ``query`` is None while a borrower tells of none. ``placed``: it holds one of the places. ``ended``: why it was killed.
    ``tell``: sends word to the borrower (``recall``, ``slow`` or ``ended`` and the reason); None where there is none.
    """

    worker: Worker
    tell: Callable[[str, str], None] | None = None
    holder: str = ""
    id: str = ""
    query: str | None = None
    client: str = ""
    started: float = 0.0
    deadline: float = 0.0
    placed: bool = True
    recalled: bool = False
    ended: str = ""


class Pool:
    """An Engine over a snapshot file. Safe to call from many threads; :meth:`close` ends every process it started.

    Raises SnapshotError where the file cannot be served.
    """

    def __init__(self, path: Path, settings: PoolSettings | None = None) -> None:
        self.settings = settings or PoolSettings()
        self._state = threading.Lock()
        self._places = Places(self.settings.workers, self.settings.queue)
        self._allowances = Allowances(self.settings.refill, self.settings.allowance)
        self._idle: deque[Worker] = deque()
        self._uses: list[Use] = []
        self._numbers = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self._forking = 0
        self._closed = threading.Event()
        self._zygote = start(path, self.settings.memory, union=self.settings.union)
        #: Zygotes of earlier snapshots that somebody still asks; a worker dies with its zygote.
        self._earlier: list[Zygote] = []
        self._kept: set[str] = set()
        #: Clients whose queries took long, and until when.
        self._suspects: dict[str, float] = {}
        self._refill()
        threading.Thread(target=self._watch, name="pool", daemon=True).start()

    @property
    def path(self) -> Path:
        """The file of the snapshot that is served now."""
        return self._zygote.path

    @property
    def digest(self) -> str:
        """The digest of the snapshot that is served now."""
        return self._zygote.digest

    def ask(
        self,
        query: str,
        *,
        media_type: str,
        dataset: Dataset | None = None,
        budget: Budget | None = None,
        asker: socket.socket | None = None,
        digest: str | None = None,
    ) -> Answer:
        """The whole answer, or a QueryError; the deadline counts from now, waiting included.

        ``asker``: the connection that waits for the answer; where its other side goes away, the query is stopped.
        ``digest``: the snapshot to ask, without one the present one; BusyError where it is no longer kept.
        """
        dataset, budget = dataset or Dataset(), budget or Budget()
        deadline = time.monotonic() + budget.seconds
        try:
            zygote = self._serving(digest)
            _check(zygote, query, media_type, dataset)
            question = exchange.question(query, media_type, dataset, budget)
            use = self._use(zygote, deadline, budget.seconds)
            self.begin(use, query, deadline)
            numbers, body = self._exchange(use, question, budget.seconds, asker)
            answer = exchange.read(numbers, body, media_type, query=query, prefixes=zygote.about["prefixes"])
        except QueryError as error:
            self.count(f"error:{error.slug}")
            raise
        self.count("answers")
        return answer

    def lend(self, deadline: float, seconds: float, digest: str | None, holder: str) -> Use:
        """A worker on loan, which holds a place until it is given back.

        ``holder`` names the borrower, so that none has all while another has none. Raises BusyError where none comes free in time, and at
        once where none is free and the borrower has its share already.
        """
        with self._state:
            held = Counter(use.holder for use in self._uses if use.tell is not None and use.placed)
            content = held[holder] and self._places.free <= 0 and max(held.values()) <= held[holder] + 1
        if content:
            raise ShareError(_SHARE)
        return self._use(self._serving(digest), deadline, seconds, holder)

    def reach(self, use: Use, tell: Callable[[str, str], None]) -> None:
        """From now on the borrower hears of what concerns its loan, and may be asked to give it back."""
        with self._state:
            use.tell = tell
        self._places.remind()

    def begin(self, use: Use, query: str, deadline: float, client: str = "", started: float | None = None) -> None:
        """From now on the query is listed, can be cancelled, and loses its place if it takes long."""
        with self._state:
            use.id = str(next(self._numbers))
            use.query, use.client, use.deadline = query, client, deadline
            use.started = time.monotonic() if started is None else started
            suspect = self._suspects.get(client, 0.0) > time.monotonic()
        if suspect:
            self._pass([use])

    def done(self, use: Use) -> float:
        """The query of a borrower has ended; how many seconds its client has to wait before it may ask again."""
        with self._state:
            seconds = time.monotonic() - use.started if use.query is not None else 0.0
            use.query = None
        return self._allowances.charge(use.client, seconds)

    def owed(self, client: str) -> float:
        """How many seconds a client has to wait before it may ask again, 0 where it may."""
        return self._allowances.charge(client, 0.0)

    def give_back(self, use: Use, *, sound: bool) -> None:
        """End a use; a sound worker of the present snapshot is kept, any other is killed and a new one put in its place."""
        with self._state:
            self._uses.remove(use)
            worker = use.worker
            wanted = self._places.free + use.placed + self.settings.spares
            keep = sound and use.placed and not use.ended and not self._closed.is_set() and worker.digest == self.digest and len(self._idle) < wanted
            if keep:
                self._idle.append(worker)
        if use.placed:
            self._places.give_back()
        if not keep:
            worker.end()
            self._end_earlier()
        # Not only for this one: those that waited may have been killed from outside.
        self._refill()

    def stop(self, use: Use, why: str) -> None:
        """Kill the query of a use; ``why`` is ``timeout``, ``cancelled`` or ``gone``."""
        with self._state:
            use.ended = use.ended or why
            self._counts["kills"] += 1
        use.worker.kill()

    def count(self, name: str) -> None:
        """Count an event, for :meth:`stats`."""
        with self._state:
            self._counts[name] += 1

    def cancel(self, number: str) -> bool:
        """Kill the worker of a running query; False where none of that id runs."""
        with self._state:
            one = next((use for use in self._uses if use.id == number and use.query is not None), None)
        if one is not None:
            self.stop(one, "cancelled")
        return one is not None

    def stats(self) -> dict[str, Any]:
        """Counters and the queries being evaluated, for ``/status`` and ``/metrics``."""
        with self._state:
            now = time.monotonic()
            running = [
                {
                    "id": use.id,
                    "seconds": round(now - use.started, 3),
                    "pid": use.worker.pid,
                    "slow": not use.placed,
                    "client": use.client,
                    "hash": log.fingerprint(use.query),
                    "query": use.query[:1000],
                }
                for use in self._uses
                if use.query is not None
            ]
            return {
                "workers": self.settings.workers,
                "idle": len(self._idle),
                "lent": sum(use.tell is not None for use in self._uses),
                "waiting": self._places.waiting,
                "running": running,
                "counts": dict(self._counts),
                "quads": self._zygote.about["quads"],
                "digest": self.digest,
                "network_denied_by_kernel": self._zygote.about["sandboxed"],
            }

    def swap(self, path: Path, *, keep: bool = False) -> None:
        """Serve another snapshot from now on; queries under way finish on the old one, which stays for others too with ``keep``.

        Raises SnapshotError, and goes on as before, where the file cannot be served.
        """
        fresh = start(path, self.settings.memory, union=self.settings.union)
        with self._state:
            old, self._zygote = self._zygote, fresh
            idle, self._idle = list(self._idle), deque()
            self._earlier.append(old)
            if keep:
                self._kept.add(old.digest)
            self._kept.discard(fresh.digest)
        for worker in idle:
            worker.end()
        self._refill()
        self._end_earlier()

    def release(self, digest: str) -> None:
        """Nobody asks for an earlier snapshot any more."""
        self._kept.discard(digest)
        self._end_earlier()

    def close(self) -> None:
        """End every process of this pool."""
        self._closed.set()
        with self._state:
            idle, self._idle = list(self._idle), deque()
            for use in self._uses:
                use.worker.kill()
        for worker in idle:
            worker.end()
        for zygote in [self._zygote, *self._earlier]:
            zygote.end()

    def _serving(self, digest: str | None) -> Zygote:
        current = self._zygote
        if digest is None or digest == current.digest:
            return current
        for zygote in list(self._earlier):
            if zygote.digest == digest:
                return zygote
        raise BusyError(_REPLACED)

    def _use(self, zygote: Zygote, deadline: float, seconds: float, holder: str = "") -> Use:
        self._places.take(deadline, seconds, partial(self._recall, holder))
        try:
            use = Use(self._take_worker(zygote), holder=holder)
        except BaseException:
            self._places.give_back()
            raise
        with self._state:
            self._uses.append(use)
        return use

    def _exchange(self, use: Use, question: bytes, seconds: float, asker: socket.socket | None) -> tuple[exchange.Head, bytes]:
        sound = False
        connection = use.worker.connection
        try:
            wire.send_bytes(connection, question)
            if asker is not None and not wire.readable(connection, asker, use.deadline):
                raise QueryCancelledError(_GONE)
            answer = exchange.receive(connection, use.deadline)
            sound = True
        except wire.LateError as error:
            self.count("kills")
            raise died(_LATE, seconds) from error
        except wire.BrokenFrameError as error:
            if not use.ended:
                self.count("deaths")
            raise died(use.ended, seconds) from error
        finally:
            self.give_back(use, sound=sound)
        return answer

    def _recall(self, holder: str) -> None:
        """Ask for a worker of the borrower that has most of them: somebody waits for a place (``holder``, where that is a borrower too)."""
        with self._state:
            loans = [use for use in self._uses if use.tell is not None and not use.recalled and use.placed and use.holder != holder]
            held = Counter(use.holder for use in loans)
            chosen = max(loans, key=lambda use: (held[use.holder], use.query is None), default=None)
            if chosen is None:
                return
            chosen.recalled = True
        if chosen.tell is not None:
            chosen.tell("recall", "")

    def _watch(self) -> None:
        """Look at what runs until the pool is closed: kill what is late, let others pass what takes long."""
        while not self._closed.wait(_LOOK):
            now = time.monotonic()
            with self._state:
                running = [use for use in self._uses if use.query is not None and not use.ended]
                late = [use for use in running if use.tell is not None and now > use.deadline]
            self._pass([use for use in running if now - use.started > _LONG])
            for use in late:
                self.stop(use, _LATE)

    def _pass(self, long: list[Use]) -> None:
        """Let others pass these queries, as many as there are places; whoever asked them is suspected of more for a while."""
        with self._state:
            slow = sum(not use.placed for use in self._uses)
            passed = [use for use in long if use.placed][: max(self.settings.workers - slow, 0)]
            for use in passed:
                use.placed = False
                if use.client:
                    self._suspects[use.client] = time.monotonic() + SUSPECTED
            if len(self._suspects) > _CLIENTS:
                self._suspects = {client: until for client, until in self._suspects.items() if until > time.monotonic()}
        for use in passed:
            use.worker.slow_down()
            if use.tell is not None:
                use.tell("slow", "")
            self._places.give_back()
        if passed:
            self._refill()

    def _take_worker(self, zygote: Zygote) -> Worker:
        """A living worker: one that was killed from outside while it waited must not cost a query."""
        while True:
            with self._state:
                worker = self._idle.pop() if self._idle and self._zygote is zygote else None
            if worker is None:
                return self._fork(zygote)
            if not worker.dead:
                return worker
            worker.end()

    def _end_earlier(self) -> None:
        """End the zygotes of earlier snapshots that nobody needs."""
        with self._state:
            needed = {use.worker.digest for use in self._uses} | self._kept
            ended = [zygote for zygote in self._earlier if zygote.digest not in needed]
            self._earlier = [zygote for zygote in self._earlier if zygote.digest in needed]
        for zygote in ended:
            zygote.end()

    def _refill(self) -> None:
        """Fork until as many workers are idle as may be asked for at once, and the spares; what others fork just now counts."""
        while True:
            zygote = self._zygote
            with self._state:
                if self._closed.is_set() or len(self._idle) + self._forking >= max(self._places.free, 0) + self.settings.spares:
                    return
                self._forking += 1
            try:
                fresh = self._fork(zygote)
            except BusyError:
                return
            finally:
                with self._state:
                    self._forking -= 1
            with self._state:
                current = not self._closed.is_set() and fresh.digest == self.digest
                if current:
                    self._idle.appendleft(fresh)  # those at the other end have answered before and are faster
            if not current:
                fresh.end()

    def _fork(self, zygote: Zygote) -> Worker:
        """A new worker, from a new zygote where the old one was killed from outside; BusyError where the pool was closed."""
        with contextlib.suppress(wire.BrokenFrameError):
            return zygote.fork()
        with self._state:
            if self._closed.is_set():  # its zygote was ended, not lost; a new one would outlive the pool
                raise BusyError(_STOPPING)
            if self._zygote is zygote:
                zygote.end()
                self._zygote = start(zygote.path, self.settings.memory, union=self.settings.union)
        try:
            return self._zygote.fork()
        except wire.BrokenFrameError as error:
            raise BusyError(_STOPPING) from error


def died(why: str, seconds: float) -> QueryError:
    """The error of a query whose worker ended: ``why`` is as in :meth:`Pool.stop`, or empty where it died by itself."""
    if why == _LATE:
        return QueryTimeoutError(f"the query ran longer than {seconds:g} seconds and was stopped; narrow its patterns, or add LIMIT")
    if why:
        return QueryCancelledError("the query was cancelled by the operator" if why == "cancelled" else _GONE)
    return WorkerDiedError(
        "the query needed more memory or a deeper stack than it may have, and its process died; simplify it, or add LIMIT. The service goes on"
    )


def _check(zygote: Zygote, query: str, media_type: str, dataset: Dataset) -> None:
    """Policy before evaluation, for every caller; the limits of a front may be narrower, never wider."""
    inspection = policy.inspect(query, policy.Limits(graphs=zygote.graphs))
    if zygote.graphs is not None:
        policy.refuse_unknown_graphs((*dataset.default, *dataset.named), zygote.graphs)
    offers = [form.media_type for form in media.FORMATS if inspection.kind in form.kinds]
    if media_type not in offers:
        message = f"{media_type} cannot carry the answer of this query ({inspection.form.upper()}); there is {', '.join(offers)}"
        raise NotAcceptableError(message)
