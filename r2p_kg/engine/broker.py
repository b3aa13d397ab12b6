"""One process owns the pool, and every front process asks it: limits, fairness, cancelling and counters hold for the whole service.

Run as ``python -m r2p_kg.engine.broker`` by :func:`start_broker`; :class:`Client` is the Engine that front processes use.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import errors
from r2p_kg.engine import sandbox, wire
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.errors import BusyError, QueryError, QueryRefusedError, R2PError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that a broker may take to load its snapshot.
_LOADING: Final = 300.0

#: Seconds that a front process waits for an answer beyond the query's own: a broker that hangs must not take its threads one by one.
_GRACE: Final = 30.0

#: The longest query text that is read from a front process; policy has refused longer ones before.
_MAX_QUERY: Final = 16 * 1024 * 1024


class Client:
    """An Engine that asks a broker over its Unix socket. Safe to call from many threads; each keeps a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def ask(self, query: str, *, media_type: str, dataset: Dataset | None = None, budget: Budget | None = None) -> Answer:
        """The whole answer, or a QueryError."""
        dataset, budget = dataset or Dataset(), budget or Budget()
        head = {"do": "ask", "media_type": media_type, "dataset": asdict(dataset), "budget": asdict(budget)}
        reply, body = self._exchange(head, query.encode("utf-8", "surrogatepass"), budget.seconds)
        return Answer(reply["kind"], media_type, body, reply["elapsed"], reply["rows"])

    def stats(self) -> dict[str, Any]:
        """Counters and running queries of the whole service."""
        reply, _ = self._exchange({"do": "stats"})
        return dict(reply["stats"])

    def cancel(self, number: str) -> bool:
        """Kill a running query; False where none of that id runs."""
        reply, _ = self._exchange({"do": "cancel", "id": number})
        return bool(reply["done"])

    def swap(self, snapshot: Path) -> None:
        """Serve another snapshot from now on; raises SnapshotError where it cannot be served."""
        self._exchange({"do": "swap", "snapshot": str(snapshot)}, seconds=_LOADING)

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
            raise _raised(reply)
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


@dataclass(frozen=True)
class Broker:
    """A broker process that runs: its socket and its process id."""

    socket: Path
    pid: int

    def client(self) -> Client:
        """An Engine that asks it."""
        return Client(self.socket)


@contextlib.contextmanager
def start_broker(snapshot: Path, settings: PoolSettings | None = None) -> Iterator[Broker]:
    """A broker over a snapshot file, ready to be asked; it and all its processes end with the context, or with this process.

    Raises SnapshotError where the snapshot cannot be served.
    """
    settings = settings or PoolSettings()
    with tempfile.TemporaryDirectory(prefix="r2p-") as folder:
        path = Path(folder) / "broker"
        command = [sys.executable, "-m", "r2p_kg.engine.broker", "--socket", str(path), "--snapshot", str(snapshot)]
        command += [part for name, value in asdict(settings).items() for part in (f"--{name}", str(value))]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            said = process.stdout.readline().decode().strip() if process.stdout else ""
            if said != "ready":
                message = said or f"{snapshot}: the query service did not start"
                raise SnapshotError(message)
            yield Broker(path, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


def main(arguments: list[str]) -> int:
    """Load, listen, serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="r2p_kg.engine.broker")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--snapshot", type=Path, required=True)
    for name, value in asdict(PoolSettings()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = vars(parser.parse_args(arguments))
    path, snapshot = chosen.pop("socket"), chosen.pop("snapshot")
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool = Pool(snapshot, PoolSettings(**chosen))
    except SnapshotError as error:
        sys.stdout.write(f"{error}\n")
        return 2
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with contextlib.closing(pool), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(128)
        listener.settimeout(0.2)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:  # no descriptor is free (accept(2), EMFILE): those that are served now must finish first
                time.sleep(0.1)
                continue
            threading.Thread(target=_serve, args=(pool, connection), daemon=True).start()
    return 0


def _serve(pool: Pool, connection: socket.socket) -> None:
    """Answer one front thread until it closes its connection, or sends what is no frame."""
    with connection, contextlib.suppress(wire.BrokenFrameError):
        while True:
            head, body = wire.receive(connection, max_body=_MAX_QUERY)
            try:
                reply, answer = _reply(pool, head, body, connection)
            except R2PError as error:
                reply, answer = _described(error), b""
            except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
                reply, answer = {"error": "QueryError", "message": f"not a request that this process knows: {error!r}"}, b""
            wire.send(connection, reply, answer)


def _reply(pool: Pool, head: dict[str, Any], body: bytes, asker: socket.socket) -> tuple[dict[str, Any], bytes]:
    match head["do"]:
        case "ask":
            chosen = Dataset(tuple(head["dataset"]["default"]), tuple(head["dataset"]["named"]))
            found = pool.ask(body.decode("utf-8", "surrogatepass"), media_type=head["media_type"], dataset=chosen, budget=Budget(**head["budget"]), asker=asker)
            return {"kind": found.kind, "rows": found.rows, "elapsed": found.elapsed}, found.body
        case "stats":
            return {"stats": {**pool.stats(), "broker": os.getpid(), "time": time.time()}}, b""
        case "cancel":
            return {"done": pool.cancel(str(head["id"]))}, b""
        case "swap":
            pool.swap(Path(head["snapshot"]))
            return {"done": True}, b""
        case other:
            raise ValueError(other)


def _described(error: R2PError) -> dict[str, Any]:
    """An error as a head: its class and everything that its constructor takes."""
    names = ("line", "column", "status") if isinstance(error, QueryRefusedError) else ("line", "column", "hint", "retry_after")
    extra = {name: value for name in names if (value := getattr(error, name, None)) is not None}
    return {"error": type(error).__name__, "message": str(error), **extra}


def _raised(reply: dict[str, Any]) -> R2PError:
    kind = getattr(errors, str(reply["error"]), QueryError)
    extra = {name: reply[name] for name in ("line", "column", "hint", "retry_after", "status") if name in reply}
    return kind(reply["message"], **extra)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
