"""The connection to the broker on which a front process hears of new snapshots."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from r2p_kg.engine import frames
from r2p_kg.errors import R2PError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from r2p_kg.web.mount import Mount

_log = logging.getLogger(__name__)

#: Seconds until a broker that is gone is looked for again.
_AGAIN: Final = 0.2


class SnapshotFeed:
    """Hears of new snapshots in a thread, makes ready what will be served, and hands it over.

    ``make``: path and notices → what is served; ``switch`` gets it together with its version number, in this
    thread.
    """

    def __init__(
        self,
        address: Path,
        digest: str,
        make: Callable[[Path, tuple[str, ...]], Mount],
        switch: Callable[[Mount, int], object],
    ) -> None:
        self._address = address
        self._digest = digest
        self._make = make
        self._switch = switch
        self._notices: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._closed = False
        threading.Thread(target=self._run, name="snapshot-feed", daemon=True).start()

    def report(self, version: int, needs: Sequence[str]) -> None:
        """Tell the broker which version this process serves and which snapshots its requests still need."""
        with self._lock:
            if self._line is not None:
                frames.post(self._line, {"version": version, "needs": list(needs)})

    def close(self) -> None:
        """Hear nothing more."""
        self._closed = True
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while not self._closed:
            with (
                socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line,
                contextlib.suppress(OSError, frames.BrokenFrameError),
            ):
                with frames.reachable(self._address) as address:
                    line.connect(address)
                frames.send(line, {"do": "front", "digest": self._digest})
                self._line = line
                while True:
                    state, _ = frames.receive(line)
                    self._follow(
                        Path(state["path"]), state["digest"], tuple(state["notices"]), int(state["version"])
                    )
            self._line = None
            time.sleep(_AGAIN)

    def _follow(self, path: Path, digest: str, notices: tuple[str, ...], version: int) -> None:
        # Version 0 is what the broker began with. Any later one may bring other saved questions with the same
        # data.
        if version == 0 and (digest, notices) == (self._digest, self._notices):
            self.report(version, [digest])
            return
        try:
            made = self._make(path, notices)
        except (R2PError, OSError):
            _log.exception("%s cannot be served; what was served before goes on", path)
            self.report(version, [self._digest])
            return
        self._digest, self._notices = digest, notices
        self._switch(made, version)
