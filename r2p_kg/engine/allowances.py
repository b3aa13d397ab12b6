"""How much time the long queries of one client may take."""

from __future__ import annotations

from typing import Final

#: Clients that are remembered before those are forgotten whose debt is paid.
_CLIENTS: Final = 10_000


class Allowances:
    """A token bucket for each client, over the seconds that its long queries took.

    Each client may have used ``burst`` seconds at once and gets ``rate`` seconds back in each second. A rate
    of 0 allows everything.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._used: dict[str, tuple[float, float]] = {}

    def charge(self, client: str, seconds: float, now: float) -> float:
        """Count seconds that a client used; how many seconds it now has to wait, 0 if it may go on.

        >>> allowances = Allowances(rate=0.5, burst=10)
        >>> allowances.charge("a", 9, 0.0), allowances.charge("a", 3, 0.0), allowances.charge("a", 0, 4.0)
        (0.0, 4.0, 0.0)
        """
        if not client or self._rate <= 0:
            return 0.0
        debt, since = self._used.get(client, (0.0, now))
        debt = max(debt - (now - since) * self._rate, 0.0) + seconds
        self._used[client] = (debt, now)
        if len(self._used) > _CLIENTS:
            self._used = {
                name: (owed, at) for name, (owed, at) in self._used.items() if owed > (now - at) * self._rate
            }
        return max(debt - self._burst, 0.0) / self._rate
