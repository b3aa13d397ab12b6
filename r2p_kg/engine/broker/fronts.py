"""What the front processes serve, and the state that all of them should serve."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import frames

if TYPE_CHECKING:
    import socket
    from pathlib import Path

#: Seconds that the front processes have to switch to a new snapshot before those who wait for it are told
#: that it is served.
_SWITCHING: Final = 60.0


class Fronts:
    """The front processes and what each of them serves. Safe to use from many threads."""

    def __init__(self, path: Path, digest: str) -> None:
        self._change = threading.Condition()
        self._state: dict[str, Any] = {"path": str(path), "digest": digest, "notices": [], "version": 0}
        #: For each connection of a front process the last version that it serves and the digests that its
        #: requests still need.
        self._said: dict[socket.socket, tuple[int, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._said)

    def join(self, connection: socket.socket, digest: str) -> None:
        """A front process has come, which serves that snapshot."""
        with self._change:
            self._said[connection] = (-1, frozenset({digest}))
            self._tell(connection)

    def leave(self, connection: socket.socket) -> None:
        """A front process has gone."""
        with self._change:
            self._said.pop(connection, None)
            self._change.notify_all()

    def serves(self, connection: socket.socket, version: int, digests: frozenset[str]) -> None:
        """A front process serves that version, and some of its requests may still need those snapshots."""
        with self._change:
            self._said[connection] = (version, digests)
            self._change.notify_all()

    def switch(self, path: Path, digest: str, notices: list[str]) -> None:
        """Tell all of a new state, and wait until they serve it.

        One that hangs is not waited for longer than a minute.
        """
        with self._change:
            version = self._state["version"] + 1
            self._state = {"path": str(path), "digest": digest, "notices": notices, "version": version}
            for connection in list(self._said):
                self._tell(connection)
            self._change.wait_for(lambda: all(said >= version for said, _ in self._said.values()), _SWITCHING)

    def unneeded(self, digests: frozenset[str]) -> frozenset[str]:
        """Those of the snapshots that no front process needs."""
        with self._change:
            return digests.difference(*(needed for _, needed in self._said.values()))

    def _tell(self, connection: socket.socket) -> None:
        # One that does not take it hangs, and is not waited for either.
        frames.post(connection, self._state)
