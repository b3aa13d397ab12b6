"""One process owns the pool, and every front process asks it: limits, fairness, cancelling and counters hold for the whole service.

:func:`start_broker` runs :mod:`r2p_kg.engine.brokering`; :class:`Client` is the Engine of whoever may wait in a thread,
:class:`r2p_kg.engine.loans.Loans` that of an event loop.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import changes, wire
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.engine.pool import PoolSettings
from r2p_kg.errors import BusyError, R2PError, SnapshotError
from r2p_kg.sparql.lint import LintWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Seconds that a broker may take to load its snapshot.
_LOADING: Final = 300.0

#: Seconds that a front process waits for an answer beyond the query's own: a broker that hangs must not take its threads one by one.
_GRACE: Final = 30.0

#: Seconds that a change and the switch to its snapshot may take in all.
_WRITING: Final = 120.0


class Client:
    """An Engine that asks a broker over its Unix socket. Safe to call from many threads; each keeps a connection of its own.

    ``digest``: the snapshot to ask, as long as it is kept; without one, whichever is served.
    """

    def __init__(self, path: Path, digest: str | None = None) -> None:
        self._path = path
        self._digest = digest
        self._local = threading.local()

    def ask(self, query: str, *, media_type: str, dataset: Dataset | None = None, budget: Budget | None = None) -> Answer:
        """The whole answer, or a QueryError."""
        dataset, budget = dataset or Dataset(), budget or Budget()
        head = {"do": "ask", "media_type": media_type, "dataset": asdict(dataset), "budget": asdict(budget), "digest": self._digest}
        reply, body = self._exchange(head, query.encode("utf-8", "surrogatepass"), budget.seconds)
        warnings = tuple(LintWarning(**one) for one in reply["warnings"])
        return Answer(reply["kind"], media_type, body, reply["elapsed"], reply["rows"], warnings=warnings)

    def stats(self) -> dict[str, Any]:
        """Counters and running queries of the whole service."""
        reply, _ = self._exchange({"do": "stats"})
        return dict(reply["stats"])

    def cancel(self, number: str) -> bool:
        """Kill a running query; False where none of that id runs."""
        reply, _ = self._exchange({"do": "cancel", "id": number})
        return bool(reply["done"])

    def swap(self, snapshot: Path, notices: Sequence[str] = ()) -> None:
        """Serve another snapshot, or the same with other notices; when this returns, every front process does.

        Raises SnapshotError, and all goes on as before, where it cannot be served.
        """
        self._exchange({"do": "swap", "snapshot": str(snapshot), "notices": list(notices)}, seconds=_LOADING)

    def write(self, change: changes.Change) -> changes.Written:
        """A :class:`r2p_kg.engine.changes.Writer`: when this returns, every front process serves the changed data."""
        head, body = changes.pack(change)
        reply, _ = self._exchange({"do": "write", **head}, body, seconds=_WRITING)
        return changes.unpack_written(reply)

    def close(self) -> None:
        """Close this thread's connection; the broker goes on."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _exchange(self, head: dict[str, Any], body: bytes = b"", seconds: float = 0) -> tuple[dict[str, Any], bytes]:
        for attempt in (1, 2):
            fresh = getattr(self._local, "connection", None) is None
            try:
                connection = self._connection()
                wire.send(connection, head, body)
                reply, answer = wire.receive(connection, time.monotonic() + seconds + _GRACE)
                break
            except wire.LateError as error:
                self.close()
                message = "the query service does not answer; come back in a moment, and tell its operator if it lasts"
                raise BusyError(message, retry_after=10) from error
            except (wire.BrokenFrameError, OSError) as error:
                self.close()
                # A kept connection may have been closed since; a new one that fails means that the broker is gone.
                if fresh or attempt == 2:  # noqa: PLR2004 - two attempts
                    message = "the query service is starting anew; come back in a moment"
                    raise BusyError(message, retry_after=2) from error
        if "error" in reply:
            raise R2PError.from_fields(reply)
        return reply, answer

    def _connection(self) -> socket.socket:
        connection: socket.socket | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(5)
            try:
                connection.connect(str(self._path))
            except OSError:
                connection.close()
                raise
            self._local.connection = connection
        return connection


class Broker:
    """A broker process over a snapshot file, in a folder that is its own; :meth:`start` it again where it was killed from outside."""

    def __init__(self, folder: Path, snapshot: Path, settings: PoolSettings | None = None) -> None:
        self.socket = folder / "broker"
        self._snapshot = snapshot
        self._settings = settings or PoolSettings()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, 0 before the start."""
        return self._process.pid if self._process else 0

    def client(self) -> Client:
        """An Engine that asks it."""
        return Client(self.socket)

    def start(self) -> None:
        """Start it, over the snapshot that was served last; ready to be asked when this returns.

        Raises SnapshotError where that cannot be served. It ends with the thread that calls this.
        """
        self.socket.unlink(missing_ok=True)
        last = served_last(self.socket.parent)
        command = [sys.executable, "-m", "r2p_kg.engine.brokering", "--socket", str(self.socket), "--snapshot", str(last or self._snapshot)]
        for name, value in asdict(self._settings).items():
            command += [f"--{name}", str(int(value) if isinstance(value, bool) else value)]
        # In a group of its own: what a terminal sends to a group, Ctrl-C among it, is for the one who starts it.
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
        )
        said = self._process.stdout.readline().decode().strip() if self._process.stdout else ""
        if said != "ready":
            message = said or f"{self._snapshot}: the query service did not start"
            raise SnapshotError(message)

    def stop(self) -> None:
        """End it and all its processes."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


@contextlib.contextmanager
def start_broker(snapshot: Path, settings: PoolSettings | None = None) -> Iterator[Broker]:
    """A broker over a snapshot file, ready to be asked; it and all its processes end with the context, or with this process.

    Raises SnapshotError where the snapshot cannot be served.
    """
    with tempfile.TemporaryDirectory(prefix="r2p-") as folder, wire.short(Path(folder)) as place:
        made = Broker(place, snapshot, settings)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def served_last(folder: Path) -> Path | None:
    """The snapshot that a broker with this folder served last; None where it has none but its first."""
    try:
        return Path((folder / "snapshot").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def serves(folder: Path, snapshot: Path) -> None:
    """Remember what a broker with this folder serves now."""
    (folder / "snapshot").write_text(str(snapshot), encoding="utf-8")
