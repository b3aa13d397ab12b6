"""Who may use a query worker, and for how long.

Every decision of the broker, without threads, sockets or a clock.

What happens comes in as a call that says what time it is; what is to be done goes out as a list of actions. A
worker is lent to a *front*, a process that has questions waiting, and holds one of the *places* until it
comes back, is killed, or its query turns out to be long: then it loses its place and its priority, and others
pass it.

A front tells how many questions wait there and of how many clients; it stands for that many (:mod:`.turns`).
While somebody waits and no place is free, two things are asked of the fronts that have a worker: to give it
back as soon as it has nothing to do there, and, of a front that has used more than the one whose turn it is,
to give one back in any case. Both follow from the state at each event and each look, and are asked only of
fronts that have been sent the worker already, so that no order of events can lose them.

So no client waits longer than twice its fair share. Its fair share of the waiting is the time that the places
need to serve once each client that has a question: clients divided by places, rounded up, times the longest
time that a query may hold a place (:data:`LONG`, or the time of the longest query if that is shorter).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from r2p_kg.engine.allowances import Allowances

#: Seconds of work after which a query gives its place to others and runs on with a lower priority.
LONG: Final = 0.15

#: Seconds of work after which it gets only what all others leave.
ENDLESS: Final = 2.0

#: Seconds for which the next queries of a client whose query was long begin without a place of their own.
SUSPECTED: Final = 10.0

#: Seconds of use per client by which a front may be ahead of one that waits.
SLICE: Final = 0.005

#: Seconds between two looks at what runs, and while somebody waits for what others hold.
LOOK: Final = 0.05
_LOOK_SOON: Final = 0.01

#: Clients that are remembered before those are forgotten of whom there is nothing to remember.
_CLIENTS: Final = 1000


@dataclass(eq=False)
class Loan:
    """A worker that a front uses.

    id: Its number.
    front: Who uses it.
    digest: The snapshot that it is asked.
    lent: When it was decided.
    handed: The front has been sent its worker, which may have had to be forked first.
    placed: It holds one of the places.
    idle: It gets only what all others leave.
    query: What is evaluated, as far as the front has told; None if nothing is.
    number: The query's own, by which it is listed and cancelled.
    client: Who asked.
    started, deadline: Of the query.
    ended: Why it was killed: ``timeout``, ``cancelled`` or ``gone``; empty as long as it was not.
    """

    id: int
    front: str
    digest: str
    lent: float = 0.0
    handed: bool = False
    placed: bool = True
    idle: bool = False
    query: str | None = None
    number: str = ""
    client: str = ""
    started: float = 0.0
    deadline: float = 0.0
    ended: str = ""


@dataclass(frozen=True)
class Lend:
    """Give the front a worker over the snapshot of the loan."""

    loan: Loan


@dataclass(frozen=True)
class Recall:
    """Ask the front for a worker: one that has nothing to do, or ``now`` the next one that has answered."""

    front: str
    now: bool


@dataclass(frozen=True)
class Demote:
    """Let others pass a loan's process; if its ``idle`` is set, all others."""

    loan: Loan


@dataclass(frozen=True)
class Kill:
    """End a loan's process and tell the front why."""

    loan: Loan


@dataclass(frozen=True)
class Owe:
    """Tell all fronts that a client has to wait so many seconds before it may ask again."""

    client: str
    seconds: float


Action = Lend | Recall | Demote | Kill | Owe


class Lending:
    """The state of lending: so many places, the fronts in turn, and the loans."""

    def __init__(self, places: int, allowances: Allowances) -> None:
        self.places = places
        self.loans: dict[int, Loan] = {}
        self._allowances = allowances
        self._turns: Turns[str] = Turns()
        #: How many workers each front was ever lent.
        self._lent: Counter[str] = Counter()
        #: Fronts that were asked for a worker with nothing to do, and how many each was asked for in any
        #: case.
        self._asked: set[str] = set()
        self._recalled: Counter[str] = Counter()
        self._suspects: dict[str, float] = {}
        self._ids = self._numbers = 0

    @property
    def free(self) -> int:
        """Places that nobody holds."""
        return self.places - self._turns.holding

    @property
    def waiting(self) -> int:
        """How many workers the fronts wait for."""
        return len(self._turns)

    def running(self) -> list[Loan]:
        """The loans on which a query is evaluated."""
        return [loan for loan in self.loans.values() if loan.query is not None and not loan.ended]

    def pause(self) -> float | None:
        """Seconds until :meth:`look` has something to do.

        None if it has nothing to do before the next event.
        """
        return _LOOK_SOON if self.waiting else LOOK if self.running() else None

    # What fronts say

    def want(self, front: str, digests: Sequence[str], clients: int, seen: int, now: float) -> list[Action]:
        """A front has these snapshots to ask, in this order, for so many clients.

        It has seen so many loans come.
        """
        on_their_way = self._lent[front] - seen
        self._turns.replace(front, digests[on_their_way:], clients, now)
        return self._settled(now)

    def handed(self, loan: Loan, now: float) -> list[Action]:
        """A worker is on its way to the front: from now on it can be asked for."""
        self._turns.credit(loan.front, now - loan.lent, now)
        loan.handed = True
        self._asked.discard(loan.front)
        return self._settled(now)

    def leave(self, front: str, now: float) -> list[Action]:
        """A front is gone: nobody waits for its queries any more."""
        actions: list[Action] = []
        for loan in [loan for loan in self.loans.values() if loan.front == front]:
            loan.ended = loan.ended or "gone"
            actions.append(Kill(loan))
            self._remove(loan, now)
        self._turns.replace(front, (), 1, now)
        del self._lent[front]
        return [*actions, *self._settled(now)]

    def begin(
        self, loan: Loan, query: str, client: str, started: float, deadline: float, now: float
    ) -> list[Action]:
        """From now on a query is listed, can be cancelled, and loses its place if it is long."""
        self._numbers += 1
        loan.number, loan.query, loan.client = str(self._numbers), query, client
        loan.started, loan.deadline = started, deadline
        # Said here as well: a front that came later has not heard it at the end of the client's last query.
        actions = self._owed(loan, 0.0, now)
        if self._suspects.get(client, 0.0) > now:
            actions += self._demoted([loan], now)
        return [*actions, *self._settled(now)]

    def end(self, loan: Loan, now: float) -> list[Action]:
        """The query of a loan has ended."""
        if loan.query is None:
            return []
        loan.query = None
        return self._owed(loan, now - loan.started, now)

    def back(self, loan: Loan, now: float) -> list[Action]:
        """A loan is over: its worker came back or has died."""
        if loan.id not in self.loans:
            return []
        actions = self.end(loan, now)
        self._remove(loan, now)
        return [*actions, *self._settled(now)]

    # What an operator and the clock say

    def cancel(self, number: str, now: float) -> list[Action]:
        """End a running query; nothing if no query of that number runs."""
        killed = [self._killed(loan, "cancelled", now) for loan in self.running() if loan.number == number]
        return [*killed, *self._settled(now)] if killed else []

    def look(self, now: float, worked: Callable[[Loan], float]) -> list[Action]:
        """Look at what runs: kill what is late, let others pass what is long.

        ``worked``: seconds of work of a loan.
        """
        late = [loan for loan in self.running() if now > loan.deadline]
        actions: list[Action] = [self._killed(loan, "timeout", now) for loan in late]
        # If nobody else uses or wants a worker, nobody has to be let pass.
        others = self.waiting or len(self.loans) > 1
        long = [loan for loan in self.running() if others and worked(loan) > LONG]
        actions += self._demoted([loan for loan in long if loan.placed], now)
        for loan in long:
            if not loan.placed and not loan.idle and worked(loan) > ENDLESS:
                loan.idle = True
                actions.append(Demote(loan))
        return [*actions, *self._settled(now)]

    # Decisions

    def _settled(self, now: float) -> list[Action]:
        """Lend what can be lent; ask those who hold a place to give it back if somebody waits in vain."""
        actions: list[Action] = []
        while self.free > 0 and (turn := self._turns.take(now)) is not None:
            front, digest = turn
            self._lent[front] += 1
            self._ids += 1
            loan = self.loans[self._ids] = Loan(self._ids, front, digest, now)
            actions.append(Lend(loan))
        if self.waiting:
            actions += self._recalls(now)
        return actions

    def _recalls(self, now: float) -> list[Action]:
        waiting = self._turns.in_turn(now)
        first = waiting[0]
        held = Counter(loan.front for loan in self.loans.values() if loan.placed and loan.handed)
        holding = held.keys() - {first}
        actions: list[Action] = [Recall(front, now=False) for front in sorted(holding - self._asked)]
        self._asked |= holding
        ahead = {front: self._turns.used(front, now) - self._turns.used(first, now) for front in holding}
        over = [front for front in holding if ahead[front] > SLICE and self._recalled[front] < held[front]]
        if over and self._recalled.total() < len(waiting):
            chosen = max(over, key=lambda front: (ahead[front], front))
            self._recalled[chosen] += 1
            actions.append(Recall(chosen, now=True))
        return actions

    def _killed(self, loan: Loan, why: str, now: float) -> Action:
        loan.ended = why
        self._free_place(loan, now)
        return Kill(loan)

    def _demoted(self, long: list[Loan], now: float) -> list[Action]:
        """Let others pass these queries, as many as there are places.

        Their clients are suspected for a while.
        """
        slow = sum(not loan.placed and not loan.ended for loan in self.loans.values())
        passed = [loan for loan in long if loan.placed][: max(self.places - slow, 0)]
        for loan in passed:
            self._free_place(loan, now)
            if loan.client:
                self._suspects[loan.client] = now + SUSPECTED
        if len(self._suspects) > _CLIENTS:
            self._suspects = {client: until for client, until in self._suspects.items() if until > now}
        return [Demote(loan) for loan in passed]

    def _owed(self, loan: Loan, seconds: float, now: float) -> list[Action]:
        owed = self._allowances.charge(loan.client, seconds, now)
        return [Owe(loan.client, owed)] if owed else []

    def _remove(self, loan: Loan, now: float) -> None:
        del self.loans[loan.id]
        self._free_place(loan, now)

    def _free_place(self, loan: Loan, now: float) -> None:
        """A loan holds no place any more; the front counts what it was asked for in the same way."""
        if loan.placed:
            loan.placed = False
            if not loan.handed:
                self._turns.credit(loan.front, now - loan.lent, now)
            self._turns.release(loan.front, now)
            if loan.handed:
                self._asked.discard(loan.front)
                self._recalled[loan.front] = max(self._recalled[loan.front] - 1, 0)
