"""Whoever is lent workers by a pool: what it is told, and the one that asks a single question."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from r2p_kg.engine import refusals

if TYPE_CHECKING:
    from r2p_kg.engine.lending import Loan
    from r2p_kg.engine.processes import Worker
    from r2p_kg.errors import R2PError


class Front(Protocol):
    """Whoever is lent workers. Each method sends word and never waits; the pool calls them one at a time."""

    def lent(self, loan: Loan, worker: Worker) -> None:
        """Here is a worker."""

    def recall(self, *, now: bool) -> None:
        """A worker is wanted back: one that has nothing to do, or ``now`` the next one that has answered."""

    def slow(self, loan: Loan) -> None:
        """The worker has lost its place, and is to be given back after its query."""

    def owes(self, client: str, seconds: float) -> None:
        """A client has to wait so long before it may ask again."""

    def refused(self, digest: str, error: R2PError) -> None:
        """There is no worker over that snapshot."""


class Asker:
    """The front of one question: a thread that waits."""

    def __init__(self) -> None:
        self._come = threading.Event()
        self._loan: tuple[Loan, Worker] | None = None
        self._error: R2PError | None = None

    def wait(self, deadline: float, seconds: float) -> tuple[Loan, Worker]:
        """The worker; raises BusyError if none comes before the deadline."""
        self._come.wait(max(deadline - time.monotonic(), 0.0))
        if self._error is not None:
            raise self._error
        if self._loan is None:
            raise refusals.late(seconds)
        return self._loan

    def lent(self, loan: Loan, worker: Worker) -> None:
        """Here is the worker."""
        self._loan = loan, worker
        self._come.set()

    def refused(self, _digest: str, error: R2PError) -> None:
        """There will be none."""
        self._error = error
        self._come.set()

    def recall(self, *, now: bool) -> None:
        """It gives its worker back anyway."""

    def slow(self, loan: Loan) -> None:
        """It gives its worker back anyway."""

    def owes(self, client: str, seconds: float) -> None:
        """It asks for nobody."""
