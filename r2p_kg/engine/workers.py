"""The supply of query workers: a zygote for each snapshot that is served, and idle workers at hand.

Safe to use from many threads.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import frames
from r2p_kg.engine.processes import start
from r2p_kg.errors import BusyError, SnapshotError

if TYPE_CHECKING:
    from pathlib import Path

    from r2p_kg.engine.processes import Worker, Zygote

STOPPING: Final = "the query service is stopping; come back in a moment"

_REPLACED: Final = "the data were replaced while the question was on its way; ask it again"


class Workers:
    """Workers over the present snapshot, and over earlier ones as long as somebody needs them.

    Raises SnapshotError if the file cannot be served.
    """

    def __init__(self, path: Path, memory: int, *, union: bool) -> None:
        self._memory = memory
        self._union = union
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._zygote = start(path, memory, union=union)
        #: Zygotes of earlier snapshots; a worker dies with its zygote.
        self._earlier: list[Zygote] = []
        self._kept: set[str] = set()
        self._idle: deque[Worker] = deque()
        #: How many workers over each snapshot are in use.
        self._used: Counter[str] = Counter()
        self._closed = False

    @property
    def path(self) -> Path:
        """The file of the snapshot that is served now."""
        return self._zygote.path

    @property
    def digest(self) -> str:
        """The digest of the snapshot that is served now."""
        return self._zygote.digest

    @property
    def about(self) -> dict[str, Any]:
        """What the zygote said of the snapshot."""
        return self._zygote.about

    @property
    def graphs(self) -> frozenset[str] | None:
        """IRIs of the graphs that are served; None if every IRI may name one."""
        return self._zygote.graphs

    @property
    def idle(self) -> int:
        """How many workers are at hand."""
        return len(self._idle)

    def take_idle(self, digest: str) -> Worker | None:
        """A living worker that is at hand; None if there is none, and :meth:`fork` has to make one."""
        while True:
            with self._lock:
                if not self._idle or digest != self.digest:
                    return None
                worker = self._idle.pop()
                self._used[digest] += 1
            if not worker.dead:
                return worker
            self.end(worker)  # killed from outside while it waited: that must not cost a query

    def fork(self, digest: str) -> Worker:
        """A new worker, from a new zygote if the old one was killed from outside.

        Raises BusyError if the snapshot is no longer kept, or the service is stopping.
        """
        zygote = self._of(digest)
        worker = None
        with contextlib.suppress(frames.BrokenFrameError):
            worker = zygote.fork()
        try:
            worker = worker or self._replaced(zygote).fork()
        except frames.BrokenFrameError as error:
            raise BusyError(STOPPING) from error
        with self._lock:
            self._used[digest] += 1
        return worker

    def keep(self, worker: Worker, most: int) -> bool:
        """Take a worker back that has answered, unless so many are at hand.

        False, and it is ended, if it is not kept.
        """
        with self._lock:
            kept = not self._closed and worker.digest == self.digest and len(self._idle) < most
            if kept:
                self._used[worker.digest] -= 1
                self._idle.append(worker)
        if not kept:
            self.end(worker)
        return kept

    def end(self, worker: Worker) -> None:
        """Kill a worker that was in use, and let go of it."""
        worker.end()
        with self._lock:
            self._used[worker.digest] -= 1

    def refill(self, most: int) -> None:
        """Fork until so many workers are at hand, and end the zygotes that nobody needs.

        One thread does this.
        """
        with self._lock:
            # Those that waited may have been killed from outside.
            dead = [worker for worker in self._idle if worker.dead]
            self._idle = deque(worker for worker in self._idle if worker not in dead)
        for worker in dead:
            worker.end()
        while not self._closed and len(self._idle) < most:
            try:
                fresh = self.fork(self.digest)
            except (BusyError, SnapshotError):
                break
            with self._lock:
                current = not self._closed and fresh.digest == self.digest
                if current:
                    self._used[fresh.digest] -= 1
                    self._idle.appendleft(fresh)  # those at the other end have answered before and are faster
            if not current:
                self.end(fresh)
        with self._lock:
            needed = {digest for digest, used in self._used.items() if used} | self._kept
            ended = [zygote for zygote in self._earlier if zygote.digest not in needed]
            self._earlier = [zygote for zygote in self._earlier if zygote.digest in needed]
        for zygote in ended:
            zygote.end()

    def swap(self, path: Path, *, keep: bool) -> None:
        """Serve another snapshot from now on.

        The old one stays as long as it is in use, with ``keep`` until released.

        Raises SnapshotError, and goes on as before, if the file cannot be served.
        """
        fresh = start(path, self._memory, union=self._union)
        with self._lock:
            old, self._zygote = self._zygote, fresh
            idle, self._idle = list(self._idle), deque()
            self._earlier.append(old)
            if keep:
                self._kept.add(old.digest)
            self._kept.discard(fresh.digest)
        for worker in idle:
            worker.end()

    def release(self, digest: str) -> None:
        """Nobody asks for an earlier snapshot any more."""
        self._kept.discard(digest)

    def close(self) -> None:
        """End every process."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
            zygotes = [self._zygote, *self._earlier]
        for worker in idle:
            worker.end()
        for zygote in zygotes:
            zygote.end()

    def _of(self, digest: str) -> Zygote:
        with self._lock:
            for zygote in (self._zygote, *self._earlier):
                if zygote.digest == digest:
                    return zygote
        raise BusyError(_REPLACED)

    def _replaced(self, lost: Zygote) -> Zygote:
        """A zygote in the place of one that is gone."""
        with self._starting:
            present = self._of(lost.digest)
            if present is not lost:  # another thread has replaced it
                return present
            if self._stopping():  # it was ended, not lost; a new one would outlive this
                raise BusyError(STOPPING)
            lost.end()
            fresh = start(lost.path, self._memory, union=self._union)
            with self._lock:
                if self._zygote is lost:
                    self._zygote = fresh
                else:
                    self._earlier = [fresh if zygote is lost else zygote for zygote in self._earlier]
            if self._stopping():
                fresh.end()
                raise BusyError(STOPPING)
            return fresh

    def _stopping(self) -> bool:
        return self._closed
