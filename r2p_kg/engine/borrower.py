"""The engine of an event loop.

Query workers lent by the broker, asked directly, one small exchange for each question.

The broker hears of a query only if it takes long (then it lists it, kills it at its deadline or on demand,
and lets others pass), so that a small one costs two system calls here and two in the worker. A worker stays
here as long as nobody else needs it: the broker asks for it then.

No future here carries an exception: an error is its result, raised by whoever awaits it. An abandoned future
then never logs "exception was never retrieved".
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import refusals, worker_protocol
from r2p_kg.engine.answer_files import AnswerFiles
from r2p_kg.engine.lease import Lease
from r2p_kg.engine.lending import LOOK, SUSPECTED
from r2p_kg.engine.line import Line
from r2p_kg.engine.refusals import DEATHS
from r2p_kg.engine.turns import Turns
from r2p_kg.errors import AllowanceError, BusyError, QueryError, WorkerDiedError, from_fields

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from r2p_kg.engine.contract import Answer, Budget, Dataset

#: Seconds after which the broker is told of a query.
_TOLD: Final = 0.1

#: Seconds until a broker that is gone is looked for again, and after which those who wait are no longer kept
#: waiting.
_AGAIN: Final = 0.1
_PATIENCE: Final = 5.0


class _BrokerLostError(BusyError):
    """The worker was lost before it had the question, or with its broker: the question may be asked again."""

    def __init__(self) -> None:
        super().__init__("the query service is starting anew; come back in a moment", retry_after=2)


class _Waiting:
    """A question that waits for a worker over a snapshot."""

    __slots__ = ("deadline", "digest", "gone", "seconds", "turn")

    def __init__(
        self, turn: asyncio.Future[Lease | QueryError], digest: str, deadline: float, seconds: float
    ) -> None:
        self.turn = turn
        self.digest = digest
        self.deadline = deadline
        self.seconds = seconds
        self.gone: Callable[[], Awaitable[Any]] | None = None


class Borrower:
    """An asynchronous Engine over a broker's socket.

    Every method belongs to the event loop that it was made in.

    ``queue``: questions that may wait. Those who wait take turns by client (:mod:`.turns`).
    """

    def __init__(self, path: Path, queue: int = 64) -> None:
        self._path = path
        self._queue = queue
        self._loop = asyncio.get_event_loop()
        self._line: Line | None = None
        #: When the broker was lost.
        self._lost_at: float | None = None
        self._turns: Turns[_Waiting] = Turns()
        self._leases: dict[int, Lease] = {}
        self._idle: list[Lease] = []
        #: Places of the broker; what it was last told; loans that came; what it asked for.
        self._places = 1
        self._told: tuple[list[str], int] = ([], 1)
        self._seen = 0
        self._recalls = 0
        self._spare_wanted = False
        self._refused: dict[str, float] = {}
        #: Clients whose queries were long, and until when the broker is told of theirs at once.
        self._suspects: dict[str, float] = {}
        self._files = AnswerFiles()
        self._closed = False
        self._connect()
        self._loop.call_later(LOOK, self._look)

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

        ``prefixes`` are the snapshot's, for hints. ``client`` names who asks, for fairness. ``gone()`` ends
        when the client has left: the query is stopped then.
        """
        question = worker_protocol.question(query, media_type, dataset, budget)
        if self._refused:
            self._check_allowance(client)
        deadline, deaths = 0.0, 0
        while True:
            lease = self._take_idle(digest)
            if lease is None:
                lease = await self._turn(client, digest, budget.seconds, gone)
            else:
                self._turns.hold(client, time.monotonic())
            lease.query, lease.client, lease.gone, lease.started = query, client, gone, time.monotonic()
            deadline = deadline or lease.started + budget.seconds
            lease.seconds = deadline - lease.started
            told = await self._answered(lease, question)
            if not isinstance(told, QueryError):
                return worker_protocol.read(
                    told, media_type, query=query, prefixes=prefixes, worker=lease.pid
                )
            # What a worker died of may have been another's; a broker's end is nobody's query's.
            deaths += isinstance(told, WorkerDiedError)
            again = (
                deaths < DEATHS if isinstance(told, WorkerDiedError) else isinstance(told, _BrokerLostError)
            )
            if not again or self._closed or time.monotonic() > deadline:
                raise told

    def close(self) -> None:
        """Give back every worker; questions under way fail with BusyError."""
        self._closed = True
        if self._line is not None:
            self._line.close()
        self._broken()
        self._fail_those_who_wait(_BrokerLostError(), lambda _: True)

    # A question and its worker

    def _take_idle(self, digest: str) -> Lease | None:
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].digest == digest:
                return self._idle.pop(place)
        return None

    async def _turn(
        self, client: str, digest: str, seconds: float, gone: Callable[[], Awaitable[Any]] | None
    ) -> Lease:
        """A worker, as soon as it is this client's turn.

        Raises BusyError if the queue is full or the time is over.
        """
        if len(self._turns) >= self._queue:
            raise refusals.full(self._queue)
        now = time.monotonic()
        mine = _Waiting(self._loop.create_future(), digest, now + seconds, seconds)
        mine.gone = gone
        self._turns.put(client, mine, now)
        self._want()
        try:
            turn = await mine.turn
        except asyncio.CancelledError:
            if (
                mine.turn.done()
                and not mine.turn.cancelled()
                and isinstance(lease := mine.turn.result(), Lease)
            ):
                self._turns.release(client, time.monotonic())
                self._offer(lease)
            raise
        if isinstance(turn, QueryError):
            raise turn
        return turn

    async def _answered(self, lease: Lease, question: bytes) -> worker_protocol.Told | QueryError:
        """What the worker says, after which it is free for others."""
        if lease.over:  # it has died since it was given to this question
            self._turns.release(lease.client, time.monotonic())
            return _BrokerLostError()
        answer = lease.ask(self._loop, question)
        if self._suspects and self._suspects.get(lease.client, 0.0) > lease.started:
            self._tell_of(lease, lease.started)
        try:
            told = await answer
        except asyncio.CancelledError:
            told = refusals.stopped("gone", 0.0)
            raise
        finally:
            self._turns.release(lease.client, time.monotonic())
            if not lease.over:
                self._free(lease, answered=not isinstance(told, QueryError))
        return told

    def _free(self, lease: Lease, *, answered: bool) -> None:
        """The worker has answered, or its question was given up.

        It takes the next question, waits for one, or goes back.
        """
        if lease.told:
            self._say({"do": "end", "loan": lease.id})
        lease.answer, lease.told, lease.gone = None, False, None
        if not answered or lease.slow:
            self._give_back(lease, sound=answered)
        else:
            self._offer(lease)

    def _offer(self, lease: Lease) -> None:
        """Give a free worker to the question whose turn it is, else keep it at hand or give it back."""
        if lease.over:
            return
        if not self._recalls and len(self._turns):
            turn = self._turns.take(
                time.monotonic(), lambda one: one.digest == lease.digest and not one.turn.done()
            )
            if turn is not None:
                turn[1].turn.set_result(lease)
                return
        # After a reload those over the earlier snapshot hold places that nobody needs any more.
        if self._recalls or self._spare_wanted or len(self._turns):
            self._give_back(lease, sound=True)
        else:
            self._idle.append(lease)

    # Workers and the broker

    def _say(self, head: Mapping[str, Any]) -> None:
        if self._line is not None:
            self._line.say(head)

    def _connect(self) -> None:
        if self._closed:
            return
        try:
            self._line = Line(self._path, self._loop, self._heard, self._broken)
        except OSError:
            now = time.monotonic()
            self._lost_at = self._lost_at or now
            if now - self._lost_at > _PATIENCE:
                self._fail_those_who_wait(_BrokerLostError(), lambda _: True)
            self._loop.call_later(_AGAIN, self._connect)
            return
        self._lost_at = None
        self._say({"do": "borrow"})
        self._want()

    def _want(self, *, exactly: bool = False) -> None:
        """Tell the broker what waits here if it is more than it knows; ``exactly``: also if it is less."""
        if not (exactly or self._idle) and len(self._told[0]) >= min(len(self._turns), self._places):
            return  # as at nearly every question of a busy service
        waiting = itertools.islice((one.digest for _, one in self._turns.waiting()), self._places)
        want = (list(waiting), self._turns.weight if len(self._turns) else 1)
        if want != self._told and (exactly or len(want[0]) > len(self._told[0])) and self._line is not None:
            self._told = want
            self._say({"do": "want", "digests": want[0], "clients": want[1], "seen": self._seen})
        if want[0]:
            for lease in [lease for lease in self._idle if lease.digest not in want[0]]:
                self._give_back(lease, sound=True)

    def _heard(self, head: Mapping[str, Any], connection: socket.socket | None) -> None:
        """The broker says something."""
        match head["say"]:
            case "lent":
                assert connection is not None  # noqa: S101 - as the line gives it
                self._lent(head, connection)
            case "recall":
                if self._idle:
                    self._give_back(self._idle[0], sound=True)
                elif head["now"]:
                    self._recalls += self._holds()
                else:
                    self._spare_wanted = True
            case "slow":
                lease = self._leases.get(head["loan"])
                if lease is not None:
                    self._slow(lease)
            case "ended":
                lease = self._leases.pop(head["loan"])
                lease.settle(refusals.stopped(head["why"], lease.seconds))
            case "owes":
                self._refused[head["client"]] = time.monotonic() + head["seconds"]
            case "refused":
                error = from_fields(head["error"])
                refusal = error if isinstance(error, QueryError) else BusyError(str(error), retry_after=10)
                self._come(head["digest"])
                self._fail_those_who_wait(refusal, lambda one: one.digest == head["digest"])

    def _lent(self, head: Mapping[str, Any], connection: socket.socket) -> None:
        connection.setblocking(False)  # noqa: FBT003 - the name of the standard library's parameter is "flag"
        lease = Lease(
            head["loan"], head["pid"], head["digest"], connection, files=self._files, lost=self._lost
        )
        self._places = head["places"]
        self._come(lease.digest)
        self._spare_wanted = False
        self._leases[lease.id] = lease
        self._loop.add_reader(connection.fileno(), lease.read)
        self._offer(lease)
        self._want()

    def _come(self, digest: str) -> None:
        """What was asked for has come, or never will: the broker no longer has it among what waits here."""
        self._seen += 1
        with contextlib.suppress(ValueError):
            self._told[0].remove(digest)

    def _slow(self, lease: Lease) -> None:
        lease.slow = True
        self._place_gone()
        if lease.client:
            now = time.monotonic()
            self._suspects = {client: until for client, until in self._suspects.items() if until > now}
            self._suspects[lease.client] = now + SUSPECTED

    def _place_gone(self) -> None:
        """One place less is held here: the broker counts what it asked for in the same way."""
        self._recalls = max(self._recalls - 1, 0) if self._holds() else 0
        self._spare_wanted = False

    def _holds(self) -> bool:
        return any(not lease.slow and not lease.over for lease in self._leases.values())

    def _drop(self, lease: Lease) -> None:
        lease.over = True
        self._loop.remove_reader(lease.connection.fileno())
        lease.connection.close()
        if lease in self._idle:
            self._idle.remove(lease)
        if not lease.slow:
            self._place_gone()

    def _give_back(self, lease: Lease, *, sound: bool) -> None:
        """Let go of a worker: the broker kills it unless it is sound."""
        self._drop(lease)
        del self._leases[lease.id]
        self._say({"do": "back", "loan": lease.id, "sound": sound and not lease.slow})

    def _lost(self, lease: Lease) -> None:
        """The worker has ended: the broker knows why, and says so."""
        if not lease.over:
            self._drop(lease)
            self._say({"do": "lost", "loan": lease.id})

    def _broken(self) -> None:
        """The broker is gone, and its workers with it."""
        self._line = None
        for lease in self._leases.values():
            if not lease.over:
                self._drop(lease)
            lease.settle(_BrokerLostError())
        self._leases, self._idle = {}, []
        self._told, self._seen, self._recalls, self._spare_wanted = ([], 1), 0, 0, False
        if not self._closed:
            self._loop.call_later(_AGAIN, self._connect)

    # Now and then

    def _look(self) -> None:
        """Tell the broker of long queries, and those who wait in vain that they do."""
        if self._closed:
            return
        self._loop.call_later(LOOK, self._look)
        now = time.monotonic()
        for lease in self._leases.values():
            ran = now - lease.started
            if lease.answer is not None and not lease.told and (ran > _TOLD or lease.seconds - ran < _TOLD):
                self._tell_of(lease, now)
        self._look_at_those_who_wait(now)
        self._want(exactly=True)

    def _tell_of(self, lease: Lease, now: float) -> None:
        """Tell the broker of a query, and begin to notice when its client leaves."""
        lease.told = True
        ran = now - lease.started
        about = {"query": lease.query, "client": lease.client, "ran": ran, "left": lease.seconds - ran}
        self._say({"do": "begin", "loan": lease.id, **about})
        if lease.gone is not None and lease.answer is not None:
            self._loop.create_task(self._watch(lease.answer, lease.gone))

    def _look_at_those_who_wait(self, now: float) -> None:
        """Let go of those who wait in vain and of those who left, and begin to notice when one leaves."""
        for client, one in self._turns.waiting():
            if now > one.deadline and not one.turn.done():
                one.turn.set_result(refusals.late(one.seconds))
            if one.turn.done():
                self._turns.remove(client, one)
            elif one.gone is not None:
                self._loop.create_task(self._watch(one.turn, one.gone))
                one.gone = None

    def _fail_those_who_wait(self, error: QueryError, whom: Callable[[_Waiting], bool]) -> None:
        for client, one in self._turns.waiting():
            if whom(one):
                self._turns.remove(client, one)
                if not one.turn.done():
                    one.turn.set_result(error)

    async def _watch(self, answer: asyncio.Future[Any], gone: Callable[[], Awaitable[Any]]) -> None:
        """Stop a query whose client has left."""
        leaving = asyncio.ensure_future(gone())
        await asyncio.wait([leaving, answer], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.set_result(refusals.stopped("gone", 0.0))
        leaving.cancel()

    def _check_allowance(self, client: str) -> None:
        left = self._refused.get(client, 0.0) - time.monotonic()
        if left > 0:
            raise AllowanceError(left)
        self._refused.pop(client, None)
