"""The pool: query workers lent as :mod:`.lending` decides, and an engine for whoever may wait in a thread.

A front process, which asks thousands of small questions a second, joins the pool and is lent workers that it
talks to directly (:mod:`.borrower`). :meth:`Pool.ask` is a front of its own for one question. One thread
forks workers, so that nobody who brings news has to wait for that; one looks at what runs.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import log
from r2p_kg.engine import frames, policy, refusals, worker_protocol
from r2p_kg.engine.allowances import Allowances
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.engine.front import Asker
from r2p_kg.engine.lending import Demote, Kill, Lend, Lending, Owe, Recall
from r2p_kg.engine.workers import STOPPING, Workers
from r2p_kg.errors import (
    BusyError,
    NotAcceptableError,
    QueryError,
    R2PError,
    WorkerDiedError,
)
from r2p_kg.graph import media
from r2p_kg.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from r2p_kg.engine.front import Front
    from r2p_kg.engine.lending import Action, Loan
    from r2p_kg.engine.processes import Worker

#: Seconds between two looks if nobody waits and nothing runs.
_REST: Final = 3600.0


@dataclass(frozen=True)
class PoolSettings:
    """What an operator decides of the pool.

    workers: Queries that are evaluated at once.
    spares: Idle workers that are kept beyond that, for the place of one that was killed.
    queue: Queries that may wait.
    memory: Bytes that one query may take.
    union: The default graph is the union of all graphs.
    allowance: Seconds of long queries that one client may take at once.
    refill: Seconds that it gets back in a second; 0 for no such limit.
    """

    workers: int = 2
    spares: int = 1
    queue: int = Limits.queue
    memory: int = Limits.memory
    union: bool = True
    allowance: float = Limits.allowance
    refill: float = Limits.refill


class Pool:
    """An Engine over a snapshot file.

    Safe to call from many threads; :meth:`close` ends every process it started.

    Raises SnapshotError if the file cannot be served.
    """

    def __init__(self, path: Path, settings: PoolSettings | None = None) -> None:
        self.settings = settings or PoolSettings()
        self._workers = Workers(path, self.settings.memory, union=self.settings.union)
        self._lending = Lending(
            self.settings.workers, Allowances(self.settings.refill, self.settings.allowance)
        )
        self._state = threading.Lock()
        self._fronts: dict[str, Front] = {}
        #: The workers of the loans, and the seconds that each had worked when its query was told of.
        self._lent: dict[Loan, Worker] = {}
        self._worked: dict[Loan, float] = {}
        self._names = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self._closed = threading.Event()
        self._wake = threading.Event()
        #: Loans that need a worker; None asks for spares.
        self._orders: SimpleQueue[Loan | None] = SimpleQueue()
        self._orders.put(None)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._supply, self._look)]
        for thread in self._threads:
            thread.start()

    @property
    def path(self) -> Path:
        """The file of the snapshot that is served now."""
        return self._workers.path

    @property
    def digest(self) -> str:
        """The digest of the snapshot that is served now."""
        return self._workers.digest

    # One question

    def ask(
        self, query: str, *, media_type: str, dataset: Dataset | None = None, budget: Budget | None = None
    ) -> Answer:
        """The whole answer, or a QueryError; the deadline counts from now, waiting included."""
        dataset, budget = dataset or Dataset(), budget or Budget()
        deadline = time.monotonic() + budget.seconds
        try:
            _check(self._workers.graphs, query, media_type, dataset)
            question = worker_protocol.question(query, media_type, dataset, budget)
            for death in range(1, refusals.DEATHS + 1):
                try:
                    answer = self._asked(question, query, budget.seconds, deadline)
                    break
                except WorkerDiedError:
                    if death == refusals.DEATHS:
                        raise
            found = worker_protocol.read(
                answer, media_type, query=query, prefixes=self._workers.about["prefixes"]
            )
        except QueryError as error:
            self.count(f"error:{error.slug}")
            raise
        self.count("answers")
        return found

    def _asked(self, question: bytes, query: str, seconds: float, deadline: float) -> worker_protocol.Told:
        asker = Asker()
        with self._state:
            if self._lending.free <= 0 and self._lending.waiting >= self.settings.queue:
                raise refusals.full(self._lending.waiting)
        name = self.join(asker)
        sound = False
        try:
            self.want(name, [self.digest], 1, 0)
            loan, worker = asker.wait(deadline, seconds)
            self.begin(loan, query, "", time.monotonic(), deadline)
            try:
                frames.send_bytes(worker.connection, question)
                answer = worker_protocol.receive(worker.connection)
            except frames.BrokenFrameError as error:
                if not loan.ended:
                    self.count("deaths")
                raise refusals.stopped(loan.ended, seconds) from error
            sound = True
            return answer
        finally:
            if sound:
                self.back(loan, sound=True)
            self.leave(name)

    # What fronts say

    def join(self, front: Front) -> str:
        """A front has come; its name. Raises BusyError if the pool is closed."""
        with self._state:
            if self._closed.is_set():
                raise BusyError(STOPPING)
            name = str(next(self._names))
            self._fronts[name] = front
        return name

    def leave(self, name: str) -> None:
        """A front is gone; its workers are killed."""
        with self._state:
            self._do(self._lending.leave(name, time.monotonic()))
            del self._fronts[name]
        self._orders.put(None)

    def want(self, name: str, digests: Sequence[str], clients: int, seen: int) -> None:
        """As :meth:`.Lending.want`."""
        with self._state:
            self._do(self._lending.want(name, digests, clients, seen, time.monotonic()))

    def begin(self, loan: Loan, query: str, client: str, started: float, deadline: float) -> None:
        """As :meth:`.Lending.begin`."""
        with self._state:
            if loan in self._lent:
                self._worked[loan] = self._lent[loan].worked
                self._do(
                    self._lending.begin(loan, query, client, started, deadline=deadline, now=time.monotonic())
                )

    def end(self, loan: Loan) -> None:
        """As :meth:`.Lending.end`."""
        with self._state:
            self._do(self._lending.end(loan, time.monotonic()))

    def back(self, loan: Loan, *, sound: bool) -> str:
        """A loan is over; why its worker was killed, if it was.

        A sound worker is kept for others, any other is killed.
        """
        with self._state:
            worker = self._lent.pop(loan, None)
            self._worked.pop(loan, None)
            if worker is not None:
                most = self._lending.free + loan.placed + self.settings.spares
                if sound and loan.placed and not loan.ended:
                    self._workers.keep(worker, most)
                else:
                    self._workers.end(worker)
            self._do(self._lending.back(loan, time.monotonic()))
        self._orders.put(None)
        return loan.ended

    def loan_of(self, name: str, number: int) -> Loan | None:
        """A loan of a front by its number; None if it is over."""
        loan = self._lending.loans.get(number)
        return loan if loan is not None and loan.front == name else None

    # What an operator says

    def count(self, name: str) -> None:
        """Count an event, for :meth:`stats`."""
        with self._state:
            self._counts[name] += 1

    def cancel(self, number: str) -> bool:
        """Kill the worker of a running query; False if no query of that number runs."""
        with self._state:
            actions = self._lending.cancel(number, time.monotonic())
            self._do(actions)
        return bool(actions)

    def stats(self) -> dict[str, Any]:
        """Counters and the queries that are evaluated, for ``/status`` and ``/metrics``."""
        with self._state:
            now = time.monotonic()
            running = [
                {
                    "id": loan.number,
                    "seconds": round(now - loan.started, 3),
                    "pid": self._lent[loan].pid,
                    "slow": not loan.placed,
                    "client": loan.client,
                    "hash": log.fingerprint(loan.query),
                    "query": loan.query[:1000],
                }
                for loan in self._lending.running()
                if loan.query is not None and loan in self._lent
            ]
            return {
                "workers": self.settings.workers,
                "idle": self._workers.idle,
                "lent": len(self._lent),
                "waiting": self._lending.waiting,
                "running": running,
                "counts": dict(self._counts),
                "quads": self._workers.about["quads"],
                "digest": self.digest,
                "network_denied_by_kernel": self._workers.about["sandboxed"],
            }

    def swap(self, path: Path, *, keep: bool = False) -> None:
        """Serve another snapshot from now on.

        The old one stays as long as it is in use, with ``keep`` until released.

        Raises SnapshotError, and goes on as before, if the file cannot be served.
        """
        self._workers.swap(path, keep=keep)
        self._orders.put(None)

    def release(self, digest: str) -> None:
        """Nobody asks for an earlier snapshot any more."""
        self._workers.release(digest)
        self._orders.put(None)

    def close(self) -> None:
        """End every process of this pool."""
        self._closed.set()
        self._wake.set()
        self._workers.close()
        self._orders.put(None)
        with self._state:
            for front in self._fronts.values():
                front.refused(self.digest, BusyError(STOPPING))
            for worker in self._lent.values():
                worker.kill()
        for thread in self._threads:
            thread.join()

    # What is done about it

    def _do(self, actions: Sequence[Action]) -> None:
        """Carry out what was decided; the caller holds the lock, and nothing here waits."""
        for action in actions:
            match action:
                case Lend(loan):
                    if (worker := self._workers.take_idle(loan.digest)) is not None:
                        self._hand_over(loan, worker)
                    else:
                        self._orders.put(loan)
                case Recall(front, now):
                    self._fronts[front].recall(now=now)
                case Demote(loan):
                    self._demote(loan)
                case Kill(loan):
                    self._kill(loan)
                case Owe(client, seconds):
                    for every in self._fronts.values():
                        every.owes(client, seconds)
        self._wake.set()

    def _demote(self, loan: Loan) -> None:
        if loan in self._lent:
            self._lent[loan].slow_down(idle=loan.idle)
        if not loan.idle:
            self._fronts[loan.front].slow(loan)

    def _kill(self, loan: Loan) -> None:
        if loan.query is not None:
            self._counts["kills"] += 1
        if (
            loan.id in self._lending.loans
        ):  # its front hears of the death from the worker itself, and lets go of it
            if loan in self._lent:
                self._lent[loan].kill()
        elif (worker := self._lent.pop(loan, None)) is not None:
            self._worked.pop(loan, None)
            self._workers.end(worker)

    def _hand_over(self, loan: Loan, worker: Worker) -> None:
        self._lent[loan] = worker
        self._fronts[loan.front].lent(loan, worker)
        self._do(self._lending.handed(loan, time.monotonic()))

    def _supply(self) -> None:
        """Fork workers for loans and spares, until the pool is closed."""
        while not self._closed.is_set():
            loan = self._orders.get()
            if loan is None:
                if self._orders.empty():
                    self._workers.refill(max(self._lending.free, 0) + self.settings.spares)
                continue
            try:
                worker = self._workers.take_idle(loan.digest) or self._workers.fork(loan.digest)
            except R2PError as error:
                with self._state:
                    if loan.id in self._lending.loans:
                        self._fronts[loan.front].refused(loan.digest, error)
                        self._do(self._lending.back(loan, time.monotonic()))
                continue
            with self._state:
                if loan.id in self._lending.loans:
                    self._hand_over(loan, worker)
                else:
                    self._workers.keep(worker, self._lending.places + self.settings.spares)
            self._orders.put(None)

    def _look(self) -> None:
        """Look at what runs and who waits, until the pool is closed."""
        while not self._closed.is_set():
            with self._state:
                self._do(self._lending.look(time.monotonic(), self._work_of))
                self._wake.clear()
                pause = self._lending.pause()
            if self._closed.is_set():  # its wake-up may be the one that has just been cleared
                return
            if pause is not None:
                self._closed.wait(pause)
            else:
                self._wake.wait(_REST)

    def _work_of(self, loan: Loan) -> float:
        return self._lent[loan].worked - self._worked[loan] if loan in self._worked else 0.0


def _check(graphs: frozenset[str] | None, query: str, media_type: str, dataset: Dataset) -> None:
    """Policy before evaluation, for every caller; the limits of a front may be narrower, never wider."""
    inspection = policy.inspect(query, policy.Limits(graphs=graphs))
    if graphs is not None:
        policy.refuse_unknown_graphs((*dataset.default, *dataset.named), graphs)
    offers = [form.media_type for form in media.FORMATS if inspection.kind in form.kinds]
    if media_type not in offers:
        message = (
            f"{media_type} cannot carry the answer of this query ({inspection.form.upper()}); "
            f"there is {', '.join(offers)}"
        )
        raise NotAcceptableError(message)
