"""Who is lent a worker, held against a simulated clock and seeded orders of events.

Nobody starves, nothing is lost.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from r2p_kg.engine.allowances import Allowances
from r2p_kg.engine.lending import (
    ENDLESS,
    LONG,
    SLICE,
    SUSPECTED,
    Demote,
    Kill,
    Lend,
    Lending,
    Loan,
    Owe,
    Recall,
)
from r2p_kg.engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from r2p_kg.engine.lending import Action

#: Seconds of the longest query, of a message on its way, of the forking of a worker, and of the start of a
#: process that forks.
QUERY, MESSAGE, FORK, START = 0.02, 0.001, 0.005, 0.2


def lending(places: int = 2, allowance: float = 0.0, refill: float = 0.0) -> Lending:
    return Lending(places, Allowances(refill, allowance))


class Front:
    """A front as :mod:`r2p_kg.engine.borrower` is one.

    Its clients wait in turn, its workers go back when asked for.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.turns: Turns[tuple[str, float]] = Turns()
        self.idle: list[Loan] = []
        self.busy: dict[Loan, str] = {}
        self.told = 0
        self.seen = 0
        self.recalls = 0
        self.spare_wanted = False
        self.gone = False

    def ask(self, client: str) -> None:
        if self.gone:
            return
        if self.idle:
            self.turns.hold(client, self.world.now)
            self.evaluate(self.idle.pop(), client, self.world.now)
        else:
            self.turns.put(client, (client, self.world.now), self.world.now)
            self.want()

    def want(self, *, exactly: bool = False) -> None:
        wanted = min(len(self.turns), self.world.lending.places)
        if wanted > self.told or (exactly and wanted != self.told):
            self.told = wanted
            seen, clients = self.seen, self.turns.weight
            self.world.to_broker(
                self, lambda w: w.lending.want(self.name, ["d"] * wanted, clients, seen, w.now)
            )

    def evaluate(self, loan: Loan, client: str, asked: float) -> None:
        self.world.waits[client].append(self.world.now - asked)
        self.busy[loan] = client
        seconds = self.world.random.uniform(QUERY / 10, QUERY)
        self.world.at(seconds, lambda: self.answered(loan, client))

    def answered(self, loan: Loan, client: str) -> None:
        if self.gone or self.busy.pop(loan, None) is None:
            return  # it has died meanwhile
        self.turns.release(client, self.world.now)
        self.offer(loan)
        self.world.at(0.0, lambda: self.ask(client))

    def died(self, loan: Loan) -> None:
        """The worker has ended: its question is asked again, before all others of its client."""
        if self.gone:
            return
        if loan in self.idle:
            self.idle.remove(loan)
        elif (client := self.busy.pop(loan, None)) is not None:
            self.turns.release(client, self.world.now)
            self.turns.put_first(client, (client, self.world.now), self.world.now)
            self.want()
        else:
            return
        self.place_gone()
        self.world.to_broker(self, lambda w: w.lending.back(loan, w.now))

    def offer(self, loan: Loan) -> None:
        if not self.recalls and (turn := self.turns.take(self.world.now)) is not None:
            self.evaluate(loan, *turn[1])
        elif self.recalls or self.spare_wanted:
            self.give_back(loan)
        else:
            self.idle.append(loan)

    def give_back(self, loan: Loan) -> None:
        self.place_gone()
        self.world.to_broker(self, lambda w: w.lending.back(loan, w.now))

    def place_gone(self) -> None:
        self.recalls = max(self.recalls - 1, 0) if self.busy or self.idle else 0
        self.spare_wanted = False

    def hear(self, action: Action) -> None:
        if self.gone:
            return
        match action:
            case Lend(loan):
                self.seen += 1
                self.told -= 1
                self.spare_wanted = False
                if loan in self.world.dead:
                    self.busy[loan] = "nobody"
                    self.busy.pop(loan)
                    self.world.to_broker(self, lambda w: w.lending.back(loan, w.now))
                else:
                    self.offer(loan)
                self.want()
            case Recall(_, now):
                if self.idle:
                    self.give_back(self.idle.pop())
                elif now:
                    self.recalls += 1
                else:
                    self.spare_wanted = True


class World:
    """A broker and its fronts on a clock of their own.

    Messages of one front keep their order, and no others do.
    """

    def __init__(self, places: int, clients: list[int], seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self.lending = lending(places)
        self.waits: dict[str, list[float]] = defaultdict(list)
        self.dead: set[Loan] = set()
        self.forks_from = 0.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers = itertools.count()
        self.arrivals: dict[tuple[str, str], float] = defaultdict(float)
        self.fronts = [Front(self, f"front {number}") for number in range(len(clients))]
        for front, count in zip(self.fronts, clients, strict=True):
            for number in range(count):
                client = f"{front.name}, client {number}"
                self.at(self.random.uniform(0, 0.01), lambda front=front, client=client: front.ask(client))
        self.at(0.0, self.look)

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.numbers), event))

    def message(self, line: tuple[str, str], seconds: float, event: Callable[[], None]) -> None:
        arrival = max(self.arrivals[line], self.now + seconds)
        self.arrivals[line] = arrival
        self.at(arrival - self.now, event)

    def to_broker(self, front: Front, said: Callable[[World], list[Action]]) -> None:
        def come() -> None:
            if not front.gone:
                self.do(said(self))

        self.message((front.name, "broker"), self.random.uniform(0, MESSAGE), come)

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Lend():
                    ready = max(self.forks_from - self.now, 0.0) + self.random.uniform(0, FORK)
                    self.at(ready, lambda action=action: self.hand_over(action))
                case Recall(front, _):
                    self.to_front(front, action)
                case _:
                    continue

    def hand_over(self, action: Lend) -> None:
        """A worker is ready: what was said to its front meanwhile has overtaken it."""
        if action.loan.id in self.lending.loans:
            self.to_front(action.loan.front, action)
            self.do(self.lending.handed(action.loan, self.now))

    def to_front(self, name: str, action: Action) -> None:
        receiver = next(one for one in self.fronts if one.name == name)
        self.message(("broker", name), self.random.uniform(0, MESSAGE), lambda: receiver.hear(action))

    def look(self) -> None:
        self.do(self.lending.look(self.now, lambda _: 0.0))
        self.at(self.lending.pause() or 0.05, self.look)
        for front in self.fronts:
            if not front.gone:
                front.want(exactly=True)

    def kill(self, front: Front) -> None:
        """A front dies; whoever asked there asks nobody any more."""
        front.gone = True
        self.do(self.lending.leave(front.name, self.now))

    def kill_workers(self) -> None:
        """The zygote dies, and all its workers with it; the next one needs a while to start."""
        self.forks_from = self.now + START
        for loan in [loan for loan in self.lending.loans.values() if loan.handed]:
            self.dead.add(loan)
            next(one for one in self.fronts if one.name == loan.front).died(loan)

    def run(self, until: float) -> None:
        while self.events and self.events[0][0] <= until:
            self.now, _, event = heapq.heappop(self.events)
            event()

    @property
    def fair(self) -> float:
        """The fair share of waiting, as :mod:`r2p_kg.engine.lending` defines it, with what a worker takes to change hands."""
        clients = sum(
            1 for front in self.fronts if not front.gone for name in self.waits if name.startswith(front.name)
        )
        return math.ceil(clients / self.lending.places) * (QUERY + FORK + 2 * MESSAGE)


SPLITS = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(places=st.integers(1, 4), clients=SPLITS, seed=st.integers(0, 2**32))
def test_no_client_waits_longer_than_twice_its_fair_share(places: int, clients: list[int], seed: int) -> None:
    world = World(places, clients, seed)
    world.run(4.0)
    assert sum(clients) == len(world.waits)
    worst = max(max(waits) for waits in world.waits.values())
    assert worst <= 2 * world.fair + SLICE * sum(clients), (worst, world.fair)
    # Nobody waits at the end since before that either.
    for front in world.fronts:
        assert all(
            world.now - asked <= 2 * world.fair + SLICE * sum(clients)
            for _, (_, asked) in front.turns.waiting()
        )


@settings(max_examples=40, deadline=None)
@given(places=st.integers(1, 3), clients=SPLITS, seed=st.integers(0, 2**32), data=st.data())
def test_every_client_goes_on_being_served_whoever_dies(
    places: int, clients: list[int], seed: int, data: st.DataObject
) -> None:
    world = World(places, clients, seed)
    world.run(1.0)
    for _ in range(data.draw(st.integers(1, 4))):
        left = [front for front in world.fronts if not front.gone]
        if data.draw(st.booleans()) or len(left) == 1:
            world.kill_workers()
        else:
            world.kill(data.draw(st.sampled_from(left)))
        world.run(world.now + 0.3)
    before = {client: len(waits) for client, waits in world.waits.items()}
    world.run(world.now + 2.0)
    for front in world.fronts:
        for client, count in before.items():
            if client.startswith(front.name):
                assert front.gone or len(world.waits[client]) > count, client
    held = sum(len(front.busy) + len(front.idle) for front in world.fronts if not front.gone)
    assert held <= places


def test_what_nobody_uses_is_at_hand_for_whoever_comes() -> None:
    world = World(2, [6, 1], 1)
    world.run(0.5)
    world.kill(world.fronts[0])
    count = len(world.waits["front 1, client 0"])
    world.run(1.0)
    assert max(world.waits["front 1, client 0"][count + 2 :]) == 0.0


# One decision at a time


def lend(made: Lending, front: str, now: float = 0.0, clients: int = 1) -> Loan:
    """A loan for a front that wants one, and gets it at once."""
    seen = made._lent[front]
    (action,) = made.want(front, ["d"], clients, seen, now)
    assert isinstance(action, Lend)
    made.handed(action.loan, now)
    return action.loan


def test_clients_take_turns_and_many_questions_of_one_keep_nobody_waiting() -> None:
    turns: Turns[str] = Turns()
    for number in range(5):
        turns.put("many", f"many {number}", 0.0)
    turns.put("one", "one 0", 0.0)
    first, second = turns.take(0.0), turns.take(0.0)
    assert (("many", "many 0"), ("one", "one 0")) == (first, second)


def test_the_next_turn_is_of_the_client_that_has_used_least() -> None:
    turns: Turns[str] = Turns()
    turns.hold("long", 0.0)
    turns.hold("short", 0.0)
    turns.put("long", "long", 0.0)
    turns.put("short", "short", 0.0)
    turns.release("short", 0.1)
    turns.release("long", 1.0)
    assert ("short", "short") == turns.take(1.0)


def test_nobody_saves_up_time_by_being_away() -> None:
    turns: Turns[str] = Turns()
    turns.hold("busy", 0.0)
    turns.put("busy", "busy", 100.0)
    turns.put("late", "late", 100.0)
    turns.put("late", "late again", 100.0)
    assert 0.0 == turns.used("late", 100.0) - turns.used("busy", 100.0)


def test_a_front_gets_no_other_worker_while_one_that_has_none_waits() -> None:
    made = lending(2)
    first = lend(made, "a")
    lend(made, "a")
    made.want("a", ["d"], 1, 2, 0.1)
    made.want("b", ["d"], 1, 0, 0.1)
    actions = made.back(first, 0.2)
    assert ["b"] == [action.loan.front for action in actions if isinstance(action, Lend)]


def test_a_front_that_has_more_than_its_share_is_asked_for_a_worker_whatever_it_does_with_it() -> None:
    made = lending(2)
    lend(made, "a")
    lend(made, "a")
    assert [Recall("a", now=False)] == made.want("b", ["d"], 1, 0, 1.0)
    assert [Recall("a", now=True)] == made.look(1.0 + 2 * SLICE, lambda _: 0.0)
    assert [] == made.look(1.5, lambda _: 0.0), "once is enough"


def test_a_front_with_more_clients_keeps_its_workers_longer() -> None:
    made = lending(1)
    lend(made, "many", clients=10)
    made.want("many", ["d"], 10, 1, 0.0)
    made.want("one", ["d"], 1, 0, 1.0)
    assert [] == made.look(1.0 + 5 * SLICE, lambda _: 0.0)
    assert [Recall("many", now=True)] == made.look(1.0 + 11 * SLICE, lambda _: 0.0)


def test_a_recall_of_a_worker_that_is_only_on_its_way_is_not_lost() -> None:
    """A front that was lent all places in the same moment in which another came to want one."""
    made = lending(1)
    (lent,) = made.want("a", ["d"], 1, 0, 0.0)
    assert isinstance(lent, Lend)
    assert [] == made.want("b", ["d"], 1, 0, 0.0) + made.look(0.02, lambda _: 0.0), "it could not obey"
    assert [Recall("a", now=False)] == made.handed(lent.loan, 0.2)
    assert [Recall("a", now=True)] == made.look(0.2 + 2 * SLICE, lambda _: 0.0)


def test_time_in_which_a_worker_is_forked_counts_as_no_use() -> None:
    """Else a front that was lent the first worker after a zygote's death would wait for as long as that took."""
    made = lending(1)
    (lent,) = made.want("a", ["d"], 1, 0, 0.0)
    assert isinstance(lent, Lend)
    made.want("b", ["d"], 1, 0, 0.0)
    made.handed(lent.loan, 1.0)
    made.want("a", ["d"], 1, 1, 1.0)
    assert ["b"] == [one.loan.front for one in made.back(lent.loan, 1.001) if isinstance(one, Lend)]
    (second,) = made.loans.values()
    made.handed(second, 1.001)
    made.want("b", ["d"], 1, 1, 1.001)
    assert ["a"] == [one.loan.front for one in made.back(second, 1.003) if isinstance(one, Lend)]


def test_a_long_query_loses_its_place_and_its_client_is_suspected_for_a_while() -> None:
    made = lending(2)
    long, other = lend(made, "a"), lend(made, "b")
    made.begin(long, "q", "192.0.2.1", 0.0, deadline=60.0, now=0.1)
    assert [] == made.look(0.2, lambda _: LONG)
    assert [Demote(long)] == made.look(0.3, lambda loan: LONG + 0.01 if loan is long else 0.0)
    assert (False, 1) == (long.placed, made.free)
    assert [] == made.begin(other, "q", "192.0.2.2", 0.3, deadline=60.0, now=0.4)
    made.end(other, 0.5)
    assert [Demote(other)] == made.begin(other, "q", "192.0.2.1", 0.5, deadline=60.0, now=0.6)
    late = lend(made, "b", 0.7)
    assert [] == made.begin(late, "q", "192.0.2.1", SUSPECTED + 1, deadline=60.0, now=SUSPECTED + 1)


def test_no_more_queries_run_without_a_place_than_there_are_places() -> None:
    made = lending(1)
    first = lend(made, "a")
    made.begin(first, "q", "", 0.0, deadline=60.0, now=0.1)
    made.want("b", ["d"], 1, 0, 0.1)
    lent = [action for action in made.look(0.5, lambda _: LONG + 1) if isinstance(action, Lend)]
    assert (False, ["b"]) == (first.placed, [action.loan.front for action in lent])
    second = lent[0].loan
    made.begin(second, "q", "", 0.5, deadline=60.0, now=0.6)
    made.want("a", ["d"], 1, 1, 0.6)
    made.look(1.0, lambda _: LONG + 1)
    assert second.placed
    made.back(first, 1.1)
    made.look(1.2, lambda _: LONG + 1)
    assert not second.placed


def test_an_endless_query_gets_what_others_leave_once() -> None:
    made = lending(1)
    loan = lend(made, "a")
    made.begin(loan, "q", "", 0.0, deadline=60.0, now=0.1)
    made.want("b", ["d"], 1, 0, 0.1)
    made.look(0.3, lambda _: LONG + 0.01)
    assert not loan.idle
    assert [Demote(loan)] == made.look(3.0, lambda _: ENDLESS + 0.01)
    assert loan.idle
    assert [] == made.look(3.1, lambda _: ENDLESS + 1)


def test_a_query_is_killed_at_its_deadline_and_its_place_is_lent_at_once() -> None:
    made = lending(1)
    loan = lend(made, "a")
    made.begin(loan, "q", "", 0.0, deadline=5.0, now=0.1)
    made.want("b", ["d"], 1, 0, 0.2)
    assert [] == [one for one in made.look(5.0, lambda _: 0.0) if isinstance(one, Kill)]
    actions = made.look(5.1, lambda _: 0.0)
    assert [Kill(loan)] == [one for one in actions if isinstance(one, Kill)]
    assert ["b"] == [one.loan.front for one in actions if isinstance(one, Lend)]
    assert ("timeout", []) == (loan.ended, made.back(loan, 5.2))


def test_a_cancelled_query_is_killed_and_an_unknown_one_is_nothing() -> None:
    made = lending(1)
    loan = lend(made, "a")
    made.begin(loan, "q", "", 0.0, deadline=5.0, now=0.1)
    assert [] == made.cancel("other", 0.2)
    assert [Kill(loan)] == made.cancel(loan.number, 0.2)
    assert "cancelled" == loan.ended
    assert [] == made.cancel(loan.number, 0.3)


def test_a_client_that_used_its_allowance_is_told_also_if_its_query_is_killed() -> None:
    made = lending(1, allowance=1.0, refill=0.5)
    loan = lend(made, "a")
    made.begin(loan, "q", "192.0.2.1", 0.0, deadline=60.0, now=0.1)
    made.cancel(loan.number, 3.0)
    assert [Owe("192.0.2.1", 4.0)] == made.back(loan, 3.0)


class Events(RuleBasedStateMachine):
    """Any order of what fronts, operators, the clock and death may say."""

    def __init__(self) -> None:
        super().__init__()
        self.lending = lending(2, allowance=1.0, refill=0.5)
        self.now = 0.0
        self.seen: dict[str, int] = defaultdict(int)
        self.wanted: dict[str, int] = defaultdict(int)
        self.over: set[int] = set()
        self.owed: deque[Owe] = deque()

    def note(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Lend(loan):
                    assert loan.id not in self.over
                    assert loan.placed
                    self.seen[loan.front] += 1
                    self.wanted[loan.front] -= 1
                case Recall(front, _):
                    assert any(
                        loan.front == front and loan.placed and loan.handed
                        for loan in self.lending.loans.values()
                    )
                case Kill(loan):
                    assert loan.ended
                case Owe():
                    self.owed.append(action)

    @rule(front=st.sampled_from("abc"), count=st.integers(0, 3), clients=st.integers(1, 5))
    def want(self, front: str, count: int, clients: int) -> None:
        self.wanted[front] = count
        self.note(self.lending.want(front, ["d"] * count, clients, self.seen[front], self.now))

    @rule(data=st.data())
    def hand_over(self, data: st.DataObject) -> None:
        if loans := [loan for loan in self.lending.loans.values() if not loan.handed]:
            self.note(self.lending.handed(data.draw(st.sampled_from(loans)), self.now))

    @rule(seconds=st.floats(0, 5))
    def look(self, seconds: float) -> None:
        self.now += seconds
        self.note(self.lending.look(self.now, lambda loan: self.now - loan.started))

    @rule(data=st.data(), client=st.sampled_from(["", "x", "y"]))
    def begin(self, data: st.DataObject, client: str) -> None:
        if loans := [
            loan
            for loan in self.lending.loans.values()
            if loan.handed and loan.query is None and not loan.ended
        ]:
            loan = data.draw(st.sampled_from(loans))
            self.note(self.lending.begin(loan, "q", client, self.now, deadline=self.now + 3, now=self.now))

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if loans := list(self.lending.loans.values()):
            self.note(self.lending.end(data.draw(st.sampled_from(loans)), self.now))

    @rule(data=st.data())
    def back(self, data: st.DataObject) -> None:
        if loans := list(self.lending.loans.values()):
            loan = data.draw(st.sampled_from(loans))
            self.over.add(loan.id)
            self.note(self.lending.back(loan, self.now))
            assert [] == self.lending.back(loan, self.now), "it is over"

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if running := self.lending.running():
            self.note(self.lending.cancel(data.draw(st.sampled_from(running)).number, self.now))

    @rule(front=st.sampled_from("abc"))
    def leave(self, front: str) -> None:
        self.over |= {loan.id for loan in self.lending.loans.values() if loan.front == front}
        self.note(self.lending.leave(front, self.now))
        self.seen[front] = self.wanted[front] = 0
        assert all(loan.front != front for loan in self.lending.loans.values())

    @invariant()
    def no_place_leaks(self) -> None:
        placed = sum(loan.placed for loan in self.lending.loans.values())
        assert 2 - placed == self.lending.free >= 0

    @invariant()
    def nobody_waits_beside_a_free_place(self) -> None:
        assert not (self.lending.free and self.lending.waiting)
        assert sum(self.wanted.values()) == self.lending.waiting

    @invariant()
    def those_who_wait_have_asked_all_who_hold(self) -> None:
        if self.lending.waiting:
            first = self.lending._turns.in_turn(self.now)[0]
            able = {loan.front for loan in self.lending.loans.values() if loan.placed and loan.handed}
            assert able - {first} <= self.lending._asked


Events.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestEvents = Events.TestCase
