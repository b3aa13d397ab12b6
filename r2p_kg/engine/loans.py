"""The engine of an event loop: query workers lent by the broker, asked directly, one small exchange for each question.

The broker hears of a query only when it takes long (then it lists it, kills it at its deadline or on demand, and lets others pass), so that
a small one costs two system calls here and two in the worker. A worker goes back when the broker asks for it.

No future here carries an exception: an error is its result, raised by whoever awaits it. One that nobody awaits any more, because the client
has left, is then no cause for complaint.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, cast

from r2p_kg.engine import exchange, places, spool, wire
from r2p_kg.engine.loan import Loan
from r2p_kg.engine.pool import SUSPECTED, died
from r2p_kg.errors import AllowanceError, BusyError, QueryError, R2PError, ShareError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from r2p_kg.engine.contract import Answer, Budget, Dataset

#: Seconds between two looks at what runs and who waits.
_LOOK: Final = 0.05

#: Seconds after which the broker is told of a query.
_TOLD: Final = 0.1

#: Seconds that the broker may take to say why a worker ended.
_WHY: Final = 5.0

_GONE: Final = "the query service is starting anew; come back in a moment"


class _Waiting:
    """A question that waits for a worker."""

    __slots__ = ("client", "deadline", "digest", "gone", "seconds", "turn")

    def __init__(self, turn: asyncio.Future[Loan | QueryError], client: str, digest: str, deadline: float, seconds: float) -> None:
        self.turn = turn
        self.gone: Callable[[], Awaitable[Any]] | None = None
        self.client = client
        self.digest = digest
        self.deadline = deadline
        self.seconds = seconds


class Loans:
    """An asynchronous Engine over a broker's socket; every method belongs to the event loop that it was made in.

    ``queue``: questions that may wait. A client with many waiting questions does not keep others from their turn.
    """

    def __init__(self, path: Path, queue: int = 64) -> None:
        self._path = path
        self._queue = queue
        self._loop = asyncio.get_event_loop()
        self._holder = str(os.getpid())
        self._places = 1
        self._loans: list[Loan] = []
        self._idle: list[Loan] = []
        self._asking = 0
        #: Clients in turn, each with its questions in order; how many questions these are.
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._waits = 0
        self._refused: dict[str, float] = {}
        #: Clients whose queries took long, and until when the broker is told of theirs at once.
        self._suspects: dict[str, float] = {}
        self._spool = spool.Spool()
        self._threads = ThreadPoolExecutor(16, "loans")
        self._closed = False
        self._loop.call_later(_LOOK, self._look)

    async def ask(
        self,
        query: str,
        *,
        digest: str,
        prefixes: Mapping[str, str],
        media_type: str,
        dataset: Dataset,
        budget: Budget,
        client: str = "",
        gone: Callable[[], Awaitable[Any]] | None = None,
    ) -> Answer:
        """The whole answer of the snapshot with that digest, or a QueryError. Policy is the caller's.

        ``prefixes`` are the snapshot's, for hints. ``client`` names who asks, for fairness. ``gone()`` ends when the client has left:
        the query is stopped then.
        """
        question = exchange.question(query, media_type, dataset, budget)
        if self._refused:
            self._check_allowance(client)
        loan = self._next_idle(digest)
        if loan is None:
            loan = await self._turn(client, digest, budget.seconds, gone)
        loan.query, loan.client, loan.seconds, loan.gone = query, client, budget.seconds, gone
        loan.started = time.monotonic()
        answer = loan.ask(self._loop, question)
        if self._suspects and self._suspects.get(client, 0.0) > loan.started:
            self._tell_of(loan, loan.started)
        told = await answer
        self._free(loan)
        if isinstance(told, QueryError):
            raise told
        numbers, body = told
        # A large one is a buffer over a file, of which bytes can be made (:func:`r2p_kg.engine.spool.spooled`).
        return exchange.read(numbers, cast("bytes", body), media_type, query=query, prefixes=prefixes, worker=loan.pid)

    def close(self) -> None:
        """Give back every worker; questions under way fail with BusyError."""
        self._closed = True
        for loan in list(self._loans):
            self._end(loan)
        self._threads.shutdown(wait=False, cancel_futures=True)

    # A question and its worker

    def _next_idle(self, digest: str) -> Loan | None:
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].digest == digest:
                return self._idle.pop(place)
        return None

    async def _turn(self, client: str, digest: str, seconds: float, gone: Callable[[], Awaitable[Any]] | None) -> Loan:
        """A worker, as soon as it is this client's turn; raises BusyError where too many wait, or in vain."""
        if self._waits >= self._queue:
            raise places.full(self._queue)
        mine = _Waiting(self._loop.create_future(), client, digest, time.monotonic() + seconds, seconds)
        mine.gone = gone
        self._waiting.setdefault(client, deque()).append(mine)
        self._waits += 1
        self._borrow()
        loan = await mine.turn
        if isinstance(loan, QueryError):
            raise loan
        return loan

    def _free(self, loan: Loan) -> None:
        """The worker has answered, or its question was given up: it takes the next question, waits for one, or goes back."""
        if loan.broken:
            return
        unanswered = loan.answer is None or isinstance(loan.answer.result(), QueryError)
        if loan.told:
            self._tell(loan, {"do": "done"})
        if unanswered or loan.slow or loan.recalled or self._closed:
            self._end(loan, sound=not unanswered and not loan.slow)
            return
        loan.answer, loan.told, loan.gone = None, False, None
        self._offer(loan)

    def _offer(self, loan: Loan) -> None:
        """Give a free worker to the client whose turn it is, else keep it at hand."""
        for client, line in self._waiting.items():
            mine = next((one for one in line if one.digest == loan.digest and not one.turn.done()), None)
            if mine is not None:
                line.remove(mine)
                self._waits -= 1
                del self._waiting[client]
                if line:
                    self._waiting[client] = line  # behind the others
                mine.turn.set_result(loan)
                return
        self._idle.append(loan)

    # Workers and the broker

    def _borrow(self) -> None:
        """Ask the broker for another worker where somebody waits and there can be more."""
        if self._closed or self._asking >= self._waits:
            return
        first = next(one for line in self._waiting.values() for one in line)
        # After a reload those over the earlier snapshot hold places that nobody needs any more.
        if other := next((loan for loan in self._idle if loan.digest != first.digest), None):
            self._end(other, sound=True)  # and again, since somebody waits
            return
        if len(self._loans) + self._asking >= self._places:
            held = sum(not loan.slow for loan in self._loans)
            if held + self._asking >= self._places and any(loan.digest == first.digest for loan in self._loans):
                return
        self._asking += 1
        seconds = max(first.deadline - time.monotonic(), 0.01)
        self._loop.run_in_executor(self._threads, self._lent, first.digest, seconds).add_done_callback(self._borrowed)

    def _lent(self, digest: str, seconds: float) -> Loan:
        """Ask the broker for a worker over that snapshot, in a thread; raises what it answers, or BusyError where it is gone."""
        with contextlib.ExitStack() as failed:
            line = failed.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            try:
                line.settimeout(_WHY)
                line.connect(str(self._path))
                wire.send(line, {"do": "lend", "digest": digest, "seconds": seconds, "holder": self._holder})
                line.settimeout(seconds + _WHY)
                head, descriptors = wire.receive_with_descriptors(line, 1)
            except (wire.BrokenFrameError, OSError) as error:
                raise BusyError(_GONE, retry_after=2) from error
            if "error" in head:
                raise R2PError.from_fields(head)
            self._places = int(head["workers"])
            connection = socket.socket(fileno=descriptors[0])
            connection.setblocking(False)  # noqa: FBT003 - the name of the standard library's parameter is "flag"
            failed.pop_all()
            return Loan(connection, line, digest, int(head["pid"]), room=self._spool, lost=self._lost)

    def _borrowed(self, done: asyncio.Future[Loan]) -> None:
        self._asking -= 1
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            loan = done.result()
            if self._closed:
                loan.connection.close()
                loan.line.close()
                return
            self._loans.append(loan)
            self._loop.add_reader(loan.connection.fileno(), loan.readable)
            self._loop.add_reader(loan.line.fileno(), self._heard, loan)
            self._offer(loan)
            self._borrow()
        elif not self._loans and not isinstance(error, ShareError):  # nobody else will ever serve those who wait; else :meth:`_look` asks again
            self._fail(error if isinstance(error, QueryError) else BusyError(_GONE, retry_after=2))

    def _fail(self, error: QueryError) -> None:
        waiting, self._waiting, self._waits = self._waiting, {}, 0
        for line in waiting.values():
            for one in line:
                if not one.turn.done():
                    one.turn.set_result(error)

    def _heard(self, loan: Loan) -> None:
        """The broker says something about a worker on loan."""
        try:
            said, _ = wire.receive(loan.line, time.monotonic() + 1)
        except (wire.BrokenFrameError, wire.LateError):
            self._loop.remove_reader(loan.line.fileno())
            self._lost(loan)
            return
        match said["word"]:
            case "recall":
                loan.recalled = True
                if loan in self._idle:
                    self._idle.remove(loan)
                    self._end(loan, sound=True)
            case "slow":
                loan.slow = True
                if loan.client:
                    self._suspects = {client: until for client, until in self._suspects.items() if until > time.monotonic()}
                    self._suspects[loan.client] = time.monotonic() + SUSPECTED
                self._borrow()
            case "wait":
                client, _, seconds = str(said["why"]).rpartition(" ")
                self._refused[client] = time.monotonic() + float(seconds)

    def _tell(self, loan: Loan, head: Mapping[str, Any]) -> None:
        with contextlib.suppress(wire.BrokenFrameError):
            wire.send(loan.line, head)

    def _end(self, loan: Loan, *, sound: bool = False) -> None:
        """Let go of a worker: give it back where it is sound, else let the broker kill it."""
        if loan.broken:
            return
        self._drop(loan)
        if sound:
            self._tell(loan, {"do": "back"})
        loan.line.close()
        loan.settle(BusyError(_GONE, retry_after=2))
        if self._waiting:
            self._borrow()

    def _drop(self, loan: Loan) -> None:
        loan.broken = True
        self._loop.remove_reader(loan.connection.fileno())
        self._loop.remove_reader(loan.line.fileno())
        loan.connection.close()
        self._loans.remove(loan)
        if loan in self._idle:
            self._idle.remove(loan)

    def _lost(self, loan: Loan) -> None:
        """The worker has ended: the broker knows why."""
        if loan.broken:
            return
        self._drop(loan)
        self._loop.run_in_executor(self._threads, _why, loan).add_done_callback(lambda done: self._explained(loan, done))
        if self._waiting:
            self._borrow()

    def _explained(self, loan: Loan, done: asyncio.Future[str | None]) -> None:
        why = None if done.cancelled() else done.result()
        loan.settle(BusyError(_GONE, retry_after=2) if why is None else died(why, loan.seconds))

    # Now and then

    def _look(self) -> None:
        """Tell the broker of long queries, and those who wait in vain that they do."""
        if self._closed:
            return
        self._loop.call_later(_LOOK, self._look)
        now = time.monotonic()
        for loan in self._loans:
            if loan.answer is not None and not loan.told and (now - loan.started > _TOLD or loan.started + loan.seconds - now < _TOLD):
                self._tell_of(loan, now)
        if self._waiting:
            self._look_at_those_who_wait(now)
            self._borrow()

    def _tell_of(self, loan: Loan, now: float) -> None:
        """Tell the broker of a query, and begin to notice when its client leaves."""
        loan.told = True
        left = loan.started + loan.seconds - now
        self._tell(loan, {"do": "running", "query": loan.query, "client": loan.client, "ran": now - loan.started, "left": left})
        if loan.gone is not None and loan.answer is not None:
            self._loop.create_task(self._watch(loan.answer, loan.gone))

    def _look_at_those_who_wait(self, now: float) -> None:
        """Let go of those who wait in vain and of those who left, and begin to notice when one leaves."""
        for client, line in list(self._waiting.items()):
            for one in [one for one in line if now > one.deadline or one.turn.done()]:
                line.remove(one)
                self._waits -= 1
                if not one.turn.done():
                    one.turn.set_result(places.late(one.seconds))
            for one in line:
                if one.gone is not None:
                    self._loop.create_task(self._watch(one.turn, one.gone))
                    one.gone = None
            if not line:
                del self._waiting[client]

    async def _watch(self, answer: asyncio.Future[Any], gone: Callable[[], Awaitable[Any]]) -> None:
        """Stop a query whose client has left."""
        leaving = asyncio.ensure_future(gone())
        await asyncio.wait([leaving, answer], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.set_result(died("gone", 0.0))
        leaving.cancel()

    def _check_allowance(self, client: str) -> None:
        until = self._refused.get(client, 0.0)
        left = until - time.monotonic()
        if left > 0:
            raise AllowanceError(left)
        self._refused.pop(client, None)


def _why(loan: Loan) -> str | None:
    """Why a worker ended, as the broker says, in a thread; None where the broker is gone too."""
    deadline = time.monotonic() + _WHY
    with contextlib.closing(loan.line):
        try:
            wire.send(loan.line, {"do": "lost"})
            while True:
                said, _ = wire.receive(loan.line, deadline)
                if said["word"] == "ended":
                    return str(said["why"])
        except (wire.BrokenFrameError, wire.LateError):
            return None
