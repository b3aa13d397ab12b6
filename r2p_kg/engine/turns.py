"""Whose turn it is: parties that share something scarce are served by what each has used.

The same rule holds between the clients of one front process and between the front processes
(:mod:`.lending`). It knows no thread, no socket and no clock: whoever uses it says what time it is.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

#: Resting parties that are remembered before those are forgotten that the others have overtaken.
_REMEMBERED: Final = 1000


@dataclass
class _Party(Generic[T]):
    """One party.

    waiting: What waits, in order.
    holding: How much it uses just now.
    used: Seconds of use so far, divided by its weight; raised to what the others have used when it comes
        back, so that nobody saves up time by being away.
    weight: How many it stands for.
    turn: The number of its last turn.
    """

    waiting: deque[T] = field(default_factory=deque)
    holding: int = 0
    used: float = 0.0
    weight: int = 1
    turn: int = 0


class Turns(Generic[T]):
    """A queue of things that wait, each for a party, and how much each party holds.

    The next turn belongs to the party that has used least per weight; among equals to the one that holds
    least, then to the one whose last turn is longest ago. Of parties that always have something waiting none
    falls behind another by more than the longest single use, so that over any time each gets its share: the
    capacity, times its own weight, divided by the sum of weights.
    """

    def __init__(self) -> None:
        #: Those with something waiting or in use.
        self._parties: dict[str, _Party[T]] = {}
        #: Those without, that have used more than the least of the others: what they have used.
        self._resting: dict[str, float] = {}
        self._floor = 0.0
        self._now = 0.0
        self._turn = 0
        self._waiting = 0

    def __len__(self) -> int:
        """How many things wait."""
        return self._waiting

    @property
    def holding(self) -> int:
        """How much is in use, by all together."""
        return sum(party.holding for party in self._parties.values())

    @property
    def weight(self) -> int:
        """How many parties there are with something waiting or in use, by weight."""
        return sum(party.weight for party in self._parties.values())

    def put(self, name: str, item: T, now: float) -> None:
        """Something waits for its turn, behind what waits for the same party."""
        self._party(name, now).waiting.append(item)
        self._waiting += 1

    def put_first(self, name: str, item: T, now: float) -> None:
        """Something waits that has had its turn and lost it: it goes before what waits for the same party."""
        self._party(name, now).waiting.appendleft(item)
        self._waiting += 1

    def replace(self, name: str, items: Iterable[T], weight: int, now: float) -> None:
        """These wait for a party from now on, and nothing else does; it stands for so many."""
        party = self._party(name, now)
        self._waiting -= len(party.waiting)
        party.waiting, party.weight = deque(items), max(weight, 1)
        self._waiting += len(party.waiting)
        self._rest(name)

    def take(self, now: float, fits: Callable[[T], bool] = lambda _: True) -> tuple[str, T] | None:
        """Give the turn to the next thing that fits; its party holds one more until :meth:`release`."""
        for name in self.in_turn(now):
            party = self._parties[name]
            item = next((one for one in party.waiting if fits(one)), None)
            if item is not None:
                party.waiting.remove(item)
                self._waiting -= 1
                self.hold(name, now)
                return name, item
        return None

    def hold(self, name: str, now: float) -> None:
        """A party holds one more."""
        party = self._party(name, now)
        party.holding += 1
        self._turn += 1
        party.turn = self._turn

    def credit(self, name: str, seconds: float, now: float) -> None:
        """What a party has held for so many seconds it could not use yet: it counts as not used."""
        party = self._party(name, now)
        party.used = max(party.used - seconds / party.weight, self._floor)

    def release(self, name: str, now: float) -> None:
        """A party holds one less."""
        self._pass_time(now)
        self._parties[name].holding -= 1
        self._rest(name)

    def remove(self, name: str, item: T) -> None:
        """Something waits no more."""
        self._parties[name].waiting.remove(item)
        self._waiting -= 1
        self._rest(name)

    def waiting(self) -> list[tuple[str, T]]:
        """All that waits, with its party."""
        return [(name, item) for name, party in self._parties.items() for item in party.waiting]

    def in_turn(self, now: float) -> list[str]:
        """The parties with something waiting, the one whose turn is next first."""
        self._pass_time(now)
        order = [
            (one.used, one.holding, one.turn, name) for name, one in self._parties.items() if one.waiting
        ]
        return [name for *_, name in sorted(order)]

    def held(self, name: str) -> int:
        """How much a party holds."""
        return self._parties[name].holding if name in self._parties else 0

    def used(self, name: str, now: float) -> float:
        """Seconds that a party with something waiting or in use has used, per weight.

        Only differences mean something.
        """
        self._pass_time(now)
        return self._parties[name].used

    def _party(self, name: str, now: float) -> _Party[T]:
        self._pass_time(now)
        party = self._parties.get(name)
        if party is None:
            party = self._parties[name] = _Party(used=max(self._resting.pop(name, 0.0), self._floor))
        return party

    def _pass_time(self, now: float) -> None:
        passed = now - self._now
        if passed <= 0:
            return
        self._now, least = now, math.inf
        for party in self._parties.values():
            party.used += passed * party.holding / party.weight
            least = min(least, party.used)
        if self._parties and least > self._floor:
            self._floor = least

    def _rest(self, name: str) -> None:
        """Forget a party that neither waits nor holds, but what it has used more than others."""
        party = self._parties[name]
        if party.waiting or party.holding:
            return
        del self._parties[name]
        if not self._parties:
            self._resting.clear()
        elif party.used > self._floor:
            self._resting[name] = party.used
            if len(self._resting) > _REMEMBERED:
                self._resting = {name: used for name, used in self._resting.items() if used > self._floor}
