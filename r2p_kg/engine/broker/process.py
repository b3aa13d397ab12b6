"""Start and stop the broker process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from r2p_kg.engine.broker.client import Client
from r2p_kg.engine.pool import PoolSettings
from r2p_kg.errors import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Broker:
    """A broker process over a snapshot file, in a folder that is its own.

    :meth:`start` it again if it was killed from outside.
    """

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
        """Whoever asks it."""
        return Client(self.socket)

    def start(self) -> None:
        """Start it, over the snapshot that was served last; ready to be asked when this returns.

        Raises SnapshotError if that cannot be served. It ends with the thread that calls this.
        """
        self.socket.unlink(missing_ok=True)
        last = served_last(self.socket.parent)
        command = [sys.executable, "-m", "r2p_kg.engine.broker.server"]
        command += ["--socket", str(self.socket), "--snapshot", str(last or self._snapshot)]
        for name, value in asdict(self._settings).items():
            command += [f"--{name}", str(int(value) if isinstance(value, bool) else value)]
        # In a group of its own: what a terminal sends to a group, Ctrl-C for one, is for whoever starts this.
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
    """A broker over a snapshot file, ready to be asked.

    It and all its processes end with the context, or with this process. Raises SnapshotError if the snapshot
    cannot be served.
    """
    with tempfile.TemporaryDirectory(prefix="r2p-") as folder:
        made = Broker(Path(folder), snapshot, settings)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def served_last(folder: Path) -> Path | None:
    """The snapshot that a broker with this folder served last; None if it has served its first only."""
    try:
        return Path((folder / "snapshot").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def serves(folder: Path, snapshot: Path) -> None:
    """Remember what a broker with this folder serves now."""
    (folder / "snapshot").write_text(str(snapshot), encoding="utf-8")
