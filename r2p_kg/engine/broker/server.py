"""The broker process: one pool, many who ask. Each connection has a thread and says first what it wants.

Run as ``python -m r2p_kg.engine.broker.server`` by :func:`r2p_kg.engine.broker.process.start_broker`. What a
connection may send (``do``): ``stats``, ``cancel``, ``swap`` and ``write``, each answered once, any number of
times; ``borrow``, after which it is the line of a front that is lent workers (:mod:`r2p_kg.engine.line`);
``front``, after which it hears of each new snapshot and says which ones it still needs.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import changes, frames, sandbox, writing
from r2p_kg.engine.broker import process
from r2p_kg.engine.broker.fronts import Fronts
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.errors import QueryError, R2PError, SnapshotError

if TYPE_CHECKING:
    from r2p_kg.engine.lending import Loan
    from r2p_kg.engine.processes import Worker

#: The longest body that is read from a front process: a change of the data; policy has refused longer queries
#: before.
_MAX_BODY: Final = 1024 * 1024 * 1024


class Borrowing:
    """The front at the other end of a line: it is lent workers, and what it says of them is done."""

    def __init__(self, pool: Pool, connection: socket.socket) -> None:
        self._pool = pool
        self._connection = connection

    def serve(self) -> None:
        """Hear what the front says until it is gone; then its workers are killed."""
        name = self._pool.join(self)
        try:
            while True:
                said, _ = frames.receive(self._connection)
                self._hear(name, said)
        finally:
            self._pool.leave(name)

    def lent(self, loan: Loan, worker: Worker) -> None:
        """Send the number of the loan, and the worker's socket along with it."""
        about = {
            "loan": loan.id,
            "digest": loan.digest,
            "pid": worker.pid,
            "places": self._pool.settings.workers,
        }
        self._say({"say": "lent", **about}, worker.connection)

    def recall(self, *, now: bool) -> None:
        """Ask for a worker."""
        self._say({"say": "recall", "now": now})

    def slow(self, loan: Loan) -> None:
        """Tell that a worker has lost its place."""
        self._say({"say": "slow", "loan": loan.id})

    def owes(self, client: str, seconds: float) -> None:
        """Tell how long a client has to wait."""
        self._say({"say": "owes", "client": client, "seconds": math.ceil(seconds)})

    def refused(self, digest: str, error: R2PError) -> None:
        """Tell why there is no worker over a snapshot."""
        self._say({"say": "refused", "digest": digest, "error": error.fields()})

    def _hear(self, name: str, said: dict[str, Any]) -> None:
        if said["do"] == "want":
            self._pool.want(
                name, [str(one) for one in said["digests"]], int(said["clients"]), int(said["seen"])
            )
            return
        loan = self._pool.loan_of(name, int(said["loan"]))
        if loan is None:
            message = f"{said['loan']} is no loan of this front"
            raise frames.BrokenFrameError(message)
        match said["do"]:
            case "begin":
                now = time.monotonic()
                started, deadline = now - float(said["ran"]), now + float(said["left"])
                self._pool.begin(loan, str(said["query"]), str(said["client"]), started, deadline)
            case "end":
                self._pool.end(loan)
            case "back":
                self._pool.back(loan, sound=bool(said["sound"]))
            case "lost":
                if loan.query is not None and not loan.ended:
                    self._pool.count("deaths")
                self._say({"say": "ended", "loan": loan.id, "why": self._pool.back(loan, sound=False)})
            case other:
                raise frames.BrokenFrameError(other)

    def _say(self, head: dict[str, Any], given: socket.socket | None = None) -> None:
        # A message that is lost would leave the front waiting for ever: it had better begin anew.
        if not frames.post(self._connection, head, [given.fileno()] if given else []):
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


class Server:
    """What the broker does for one connection after another; ``folder`` is where changed data are written."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._fronts = Fronts(pool.path, pool.digest)
        self._switching = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection until it is closed, or sends what is no frame."""
        with connection, contextlib.suppress(frames.BrokenFrameError):
            while True:
                head, body = frames.receive(connection, max_body=_MAX_BODY)
                try:
                    reply = self._reply(head, body, connection)
                except R2PError as error:
                    reply = error.fields()
                except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
                    reply = QueryError(f"not a request that this process knows: {error!r}").fields()
                frames.send(connection, reply)

    def _reply(self, head: dict[str, Any], body: bytes, connection: socket.socket) -> dict[str, Any]:
        match head["do"]:
            case "borrow":
                Borrowing(self._pool, connection).serve()
            case "front":
                self._follow(connection, str(head["digest"]))
            case "stats":
                about = {"fronts": len(self._fronts), "broker": os.getpid(), "time": time.time()}
                return {"stats": {**self._pool.stats(), **about}}
            case "cancel":
                return {"done": self._pool.cancel(str(head["id"]))}
            case "swap":
                with self._switching:
                    self._switch(Path(head["snapshot"]), [str(notice) for notice in head["notices"]])
                return {"done": True}
            case "write":
                return changes.pack_written(self._write(changes.unpack(head, body)))
        raise ValueError(head["do"])

    def _switch(self, path: Path, notices: list[str]) -> None:
        earlier = self._pool.digest
        if path != self._pool.path:
            self._pool.swap(path, keep=bool(self._fronts))
            process.serves(self._folder, path)
        self._fronts.switch(path, self._pool.digest, notices)
        self._release(frozenset({earlier}))

    def _write(self, change: changes.Change) -> changes.Written:
        """One change after another: each sees what the one before has made."""
        with self._switching:
            before = self._pool.path
            written = writing.apply(before, change, self._folder)
            if written.changed:
                self._switch(written.path, [])
                if before.parent == self._folder:
                    before.unlink(missing_ok=True)
            return written

    def _release(self, digests: frozenset[str]) -> None:
        for digest in self._fronts.unneeded(digests) - {self._pool.digest}:
            self._pool.release(digest)

    def _follow(self, connection: socket.socket, digest: str) -> None:
        """Keep a front process informed for as long as it lives."""
        self._fronts.join(connection, digest)
        needed = frozenset({digest})
        try:
            while True:
                said, _ = frames.receive(connection)
                before, needed = needed, frozenset(str(one) for one in said["needs"])
                self._fronts.serves(connection, int(said["version"]), needed)
                self._release(before - needed)
        finally:
            self._fronts.leave(connection)
            self._release(needed)


def main(arguments: list[str]) -> int:
    """Load, listen, serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="r2p_kg.engine.broker.server")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--snapshot", type=Path, required=True)
    for name, value in asdict(PoolSettings()).items():
        parser.add_argument(
            f"--{name}", type=type(value) if not isinstance(value, bool) else int, default=value
        )
    chosen = vars(parser.parse_args(arguments))
    path, snapshot = chosen.pop("socket"), chosen.pop("snapshot")
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        pool = Pool(snapshot, PoolSettings(**{**chosen, "union": bool(chosen["union"])}))
    except SnapshotError as error:
        sys.stdout.write(f"{error}\n")
        return 2
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    server = Server(pool, path.parent)
    with contextlib.closing(pool), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with frames.reachable(path) as address:
            listener.bind(address)
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
            except (
                OSError
            ):  # no descriptor is free (accept(2), EMFILE): those that are served now must finish first
                time.sleep(0.1)
                continue
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
