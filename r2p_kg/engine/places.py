"""How many queries run at once, who waits for a place, and how much time one client may take."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from r2p_kg.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable


class Places:
    """So many places, and a queue with a bound before them. Safe to use from many threads."""

    def __init__(self, places: int, queue: int) -> None:
        self.free = places
        self._queue = queue
        self._waiting: list[Callable[[], None]] = []
        self._change = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def take(self, deadline: float, seconds: float, wanted: Callable[[], None]) -> None:
        """Take a place before the deadline (a time of ``time.monotonic``, ``seconds`` after the question came).

        ``wanted`` is called, outside of any lock, when this one begins to wait: who holds a place without need may give it back.
        Raises BusyError where too many wait already, or none came free in time.
        """
        with self._change:
            if self.free > 0:
                self.free -= 1
                return
            if self.waiting >= self._queue:
                raise full(self.waiting)
            self._waiting.append(wanted)
        wanted()
        with self._change:
            try:
                if not self._change.wait_for(lambda: self.free > 0, max(deadline - time.monotonic(), 0)):
                    raise late(seconds)
                self.free -= 1
            finally:
                self._waiting.remove(wanted)

    def remind(self) -> None:
        """Call again what the one who waits longest wants called."""
        with self._change:
            wanted = self._waiting[0] if self._waiting else None
        if wanted is not None:
            wanted()

    def give_back(self) -> None:
        """A place is free again."""
        with self._change:
            self.free += 1
            self._change.notify()


def full(waiting: int) -> BusyError:
    """The error of a queue that takes nobody more."""
    message = f"{waiting} queries wait already; come back in a moment"
    return BusyError(message)


def late(seconds: float) -> BusyError:
    """The error of one who waited in vain."""
    message = f"no worker came free within {seconds:g} seconds; come back in a moment"
    return BusyError(message, retry_after=5)


class Allowances:
    """A token bucket for each client, over the seconds that its long queries took. Safe to use from many threads.

    Each client may have used ``burst`` seconds at once and gets ``rate`` seconds back in each second. A rate of 0 allows everything.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._used: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def charge(self, client: str, seconds: float, now: float | None = None) -> float:
        """Count seconds that a client used; how many seconds it now has to wait, 0 where it may go on.

        >>> allowances = Allowances(rate=0.5, burst=10)
        >>> allowances.charge("a", 9, now=0.0), allowances.charge("a", 3, now=0.0), allowances.charge("a", 0, now=4.0)
        (0.0, 4.0, 0.0)
        """
        if not client or self._rate <= 0:
            return 0.0
        now = time.monotonic() if now is None else now
        with self._lock:
            debt, since = self._used.get(client, (0.0, now))
            debt = max(debt - (now - since) * self._rate, 0.0) + seconds
            self._used[client] = (debt, now)
            if len(self._used) > 10_000:  # noqa: PLR2004 - clients remembered; those whose debt is paid are forgotten
                self._used = {name: (owed, at) for name, (owed, at) in self._used.items() if owed > (now - at) * self._rate}
            return max(debt - self._burst, 0.0) / self._rate
