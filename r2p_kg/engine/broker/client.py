"""Ask the broker: what runs, end a query, serve another snapshot, change the data."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import errors
from r2p_kg.engine import changes, frames
from r2p_kg.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Seconds that a broker may take to load its snapshot.
_LOADING: Final = 300.0

#: Seconds that one waits for an answer: a broker that hangs must not take the threads of a front one by one.
_GRACE: Final = 30.0

#: Seconds that a change and the switch to its snapshot may take in all.
_WRITING: Final = 120.0


class Client:
    """What an operator, a writer and a reload ask of a broker, over its Unix socket.

    Safe to call from many threads; each keeps a connection of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def stats(self) -> dict[str, Any]:
        """Counters and running queries of the whole service."""
        reply = self._exchange({"do": "stats"})
        return dict(reply["stats"])

    def cancel(self, number: str) -> bool:
        """Kill a running query; False where none of that id runs."""
        reply = self._exchange({"do": "cancel", "id": number})
        return bool(reply["done"])

    def swap(self, snapshot: Path, notices: Sequence[str] = ()) -> None:
        """Serve another snapshot, or the same with other notices.

        When this returns, every front process does.

        Raises SnapshotError, and all goes on as before, where it cannot be served.
        """
        self._exchange({"do": "swap", "snapshot": str(snapshot), "notices": list(notices)}, seconds=_LOADING)

    def write(self, change: changes.Change) -> changes.Written:
        """A :class:`r2p_kg.engine.changes.Writer`.

        When this returns, every front process serves the changed data.
        """
        head, body = changes.pack(change)
        reply = self._exchange({"do": "write", **head}, body, seconds=_WRITING)
        return changes.unpack_written(reply)

    def close(self) -> None:
        """Close this thread's connection; the broker goes on."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _exchange(self, head: dict[str, Any], body: bytes = b"", seconds: float = 0) -> dict[str, Any]:
        for attempt in (1, 2):
            fresh = getattr(self._local, "connection", None) is None
            try:
                connection = self._connection()
                frames.send(connection, head, body)
                reply, _ = frames.receive(connection, time.monotonic() + seconds + _GRACE)
                break
            except frames.LateError as error:
                self.close()
                message = (
                    "the query service does not answer; "
                    "come back in a moment, and tell its operator if it lasts"
                )
                raise BusyError(message, retry_after=10) from error
            except (frames.BrokenFrameError, OSError) as error:
                self.close()
                # A kept connection may have been closed since; a new one that fails means that the broker is
                # gone.
                if fresh or attempt == 2:  # noqa: PLR2004 - two attempts
                    message = "the query service is starting anew; come back in a moment"
                    raise BusyError(message, retry_after=2) from error
        if "error" in reply:
            raise errors.from_fields(reply)
        return reply

    def _connection(self) -> socket.socket:
        connection: socket.socket | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(5)
            try:
                with frames.reachable(self._path) as address:
                    connection.connect(address)
            except OSError:
                connection.close()
                raise
            self._local.connection = connection
        return connection
