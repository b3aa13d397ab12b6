"""The pool: as many queries at once as there are workers, each within its budget, each killable, with spares at hand."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import errors, media
from r2p_kg.engine import policy, syntax, wire
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.engine.processes import start
from r2p_kg.errors import BusyError, NotAcceptableError, QueryError, QueryTimeoutError, WorkerDiedError

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from r2p_kg.engine.processes import Worker, Zygote

_STOPPING: Final = "the query service is stopping; come back in a moment"

#: Nobody reads it but the log.
_GONE: Final = "the one who asked went away, and the query was stopped"


@dataclass(frozen=True)
class PoolSettings:
    """``workers``: queries evaluated at once. ``spares``: idle workers kept beyond that, for the place of a killed one.

    ``queue``: queries that may wait. ``memory``: bytes that one query may take.
    """

    workers: int = 2
    spares: int = 1
    queue: int = 64
    memory: int = 1024 * 1024 * 1024


@dataclass(eq=False)
class _Running:
    """A query being evaluated, as the operator sees it."""

    id: str
    query: str
    started: float
    worker: Worker
    cancelled: bool = False


class Pool:
    """An Engine over a snapshot file. Safe to call from many threads; :meth:`close` ends every process it started.

    Raises SnapshotError where the file cannot be served.
    """

    def __init__(self, path: Path, settings: PoolSettings | None = None) -> None:
        self._settings = settings or PoolSettings()
        self._state = threading.Lock()
        self._places = threading.Semaphore(self._settings.workers)
        self._waiting = 0
        self._idle: deque[Worker] = deque()
        self._running: dict[str, _Running] = {}
        self._numbers = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self._forking = 0
        self._closed = False
        self._path = path
        #: Zygotes of earlier snapshots whose workers still answer; a worker dies with its zygote.
        self._retired: list[Zygote] = []
        self._zygote = start(path, 1, self._settings.memory)
        self._refill()

    def ask(self, query: str, *, media_type: str, dataset: Dataset | None = None, budget: Budget | None = None, asker: socket.socket | None = None) -> Answer:
        """The whole answer, or a QueryError; the deadline counts from now, waiting included.

        ``asker``: the connection that waits for the answer; where its other side goes away, the query is stopped.
        """
        dataset, budget = dataset or Dataset(), budget or Budget()
        deadline = time.monotonic() + budget.seconds
        try:
            self._check(query, media_type, dataset)
            self._take_place(deadline, budget)
            try:
                answer = self._evaluate(query, media_type, dataset, budget, deadline=deadline, asker=asker)
            finally:
                self._places.release()
        except QueryError as error:
            with self._state:
                self._counts[f"error:{error.slug}"] += 1
            raise
        with self._state:
            self._counts["answers"] += 1
        return answer

    def stats(self) -> dict[str, Any]:
        """Counters and the queries being evaluated, for ``/status``."""
        with self._state:
            now = time.monotonic()
            running = [
                {"id": one.id, "seconds": round(now - one.started, 3), "pid": one.worker.pid, "query": one.query[:1000]} for one in self._running.values()
            ]
            return {
                "workers": self._settings.workers,
                "idle": len(self._idle),
                "waiting": self._waiting,
                "running": running,
                "counts": dict(self._counts),
                "quads": self._zygote.about["quads"],
                "digest": self._zygote.about["digest"],
                "network_denied_by_kernel": self._zygote.about["sandboxed"],
            }

    def cancel(self, number: str) -> bool:
        """Kill the worker of a running query; False where none of that id runs."""
        with self._state:
            one = self._running.get(number)
            if one is None:
                return False
            one.cancelled = True
            one.worker.kill()
        return True

    def swap(self, path: Path) -> None:
        """Serve another snapshot from now on; queries under way finish on the old one.

        Raises SnapshotError, and goes on as before, where the file cannot be served.
        """
        fresh = start(path, self._zygote.generation + 1, self._settings.memory)
        with self._state:
            old, self._zygote, self._path = self._zygote, fresh, path
            idle, self._idle = list(self._idle), deque()
            self._retired.append(old)
        for worker in idle:
            worker.end()
        self._refill()
        self._end_retired()

    def close(self) -> None:
        """End every process of this pool."""
        with self._state:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
            for one in self._running.values():
                one.worker.kill()
        for worker in idle:
            worker.end()
        for zygote in [self._zygote, *self._retired]:
            zygote.end()

    def _check(self, query: str, media_type: str, dataset: Dataset) -> None:
        """Policy before evaluation, for every caller; the limits of a front may be narrower, never wider."""
        graphs = self._zygote.graphs
        inspection = policy.inspect(query, policy.Limits(graphs=graphs))
        policy.refuse_unknown_graphs((*dataset.default, *dataset.named), graphs)
        offers = [form.media_type for form in media.FORMATS if inspection.kind in form.kinds]
        if media_type not in offers:
            message = f"{media_type} cannot carry the answer of this query ({inspection.form.upper()}); there is {', '.join(offers)}"
            raise NotAcceptableError(message)

    def _take_place(self, deadline: float, budget: Budget) -> None:
        with self._state:
            if self._waiting >= self._settings.queue:
                message = f"{self._waiting} queries wait already; come back in a moment"
                raise BusyError(message)
            self._waiting += 1
        try:
            if not self._places.acquire(timeout=max(deadline - time.monotonic(), 0)):
                message = f"no worker came free within {budget.seconds:g} seconds; come back in a moment"
                raise BusyError(message, retry_after=5)
        finally:
            with self._state:
                self._waiting -= 1

    def _evaluate(self, query: str, media_type: str, dataset: Dataset, budget: Budget, *, deadline: float, asker: socket.socket | None = None) -> Answer:
        worker = self._take_worker()
        with self._state:
            one = _Running(str(next(self._numbers)), query, time.monotonic(), worker)
            self._running[one.id] = one
        head = {
            "media_type": media_type,
            "default": dataset.default,
            "named": dataset.named,
            "seconds": budget.seconds,
            "rows": budget.rows,
            "bytes": budget.bytes,
        }
        sound = False
        try:
            wire.send(worker.connection, head, query.encode("utf-8", "surrogatepass"))
            if asker is not None and not wire.readable(worker.connection, asker, deadline):
                raise QueryTimeoutError(_GONE)
            reply, body = wire.receive(worker.connection, deadline)
            sound = True
        except wire.LateError as error:
            with self._state:
                self._counts["kills"] += 1
            message = f"the query ran longer than {budget.seconds:g} seconds and was stopped; narrow its patterns, or add LIMIT"
            raise QueryTimeoutError(message) from error
        except wire.BrokenFrameError as error:
            with self._state:
                self._counts["deaths"] += 1
            raise _death(one) from error
        finally:
            with self._state:
                del self._running[one.id]
            self._give_back(worker, sound=sound and not one.cancelled)
        if "error" in reply:
            raise self._error(reply, query)
        return Answer(reply["kind"], media_type, body, reply["elapsed"], reply["rows"])

    def _error(self, reply: dict[str, Any], query: str) -> QueryError:
        if reply["error"] == "syntax":
            return syntax.explain(reply["message"], query, self._zygote.about["prefixes"])
        kind = getattr(errors, reply["error"], QueryError)
        return kind(reply["message"]) if issubclass(kind, QueryError) else QueryError(reply["message"])

    def _take_worker(self) -> Worker:
        """A living worker: one that was killed from outside while it waited must not cost a query."""
        while True:
            with self._state:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return self._fork()
            if not worker.dead:
                return worker
            worker.end()

    def _give_back(self, worker: Worker, *, sound: bool) -> None:
        """Keep a sound worker of the present snapshot; kill any other and put a new one in its place."""
        with self._state:
            full = len(self._idle) >= self._settings.workers + self._settings.spares
            keep = sound and not full and not self._closed and worker.generation == self._zygote.generation
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.end()
            self._end_retired()
        # Not only for this one: those that waited may have been killed from outside.
        self._refill()

    def _end_retired(self) -> None:
        """End the zygotes of earlier snapshots that no running query needs."""
        with self._state:
            needed = {one.worker.generation for one in self._running.values()}
            ended = [zygote for zygote in self._retired if zygote.generation not in needed]
            self._retired = [zygote for zygote in self._retired if zygote.generation in needed]
        for zygote in ended:
            zygote.end()

    def _refill(self) -> None:
        """Fork until as many workers are idle as may be asked for at once, and the spares; what others fork just now counts."""
        wanted = self._settings.workers + self._settings.spares
        while True:
            with self._state:
                if self._closed or len(self._idle) + len(self._running) + self._forking >= wanted:
                    return
                self._forking += 1
            try:
                fresh = self._fork()
            except BusyError:
                return
            finally:
                with self._state:
                    self._forking -= 1
            with self._state:
                current = not self._closed and fresh.generation == self._zygote.generation
                if current:
                    self._idle.appendleft(fresh)  # those at the other end have answered before and are faster
            if not current:
                fresh.end()

    def _fork(self) -> Worker:
        """A new worker, from a new zygote where the old one was killed from outside; BusyError where the pool was closed."""
        zygote = self._zygote
        try:
            return zygote.fork()
        except wire.BrokenFrameError:
            with self._state:
                if self._closed:  # its zygote was ended, not lost; a new one would outlive the pool
                    raise BusyError(_STOPPING) from None
                if self._zygote is zygote:
                    zygote.end()
                    self._zygote = start(self._path, zygote.generation, self._settings.memory)
            return self._zygote.fork()


def _death(one: _Running) -> QueryError:
    if one.cancelled:
        return QueryTimeoutError("the query was cancelled by the operator")
    return WorkerDiedError(
        "the query needed more memory or a deeper stack than it may have, and its process died; simplify it, or add LIMIT. The service goes on"
    )
