"""The broker process: one pool, many who ask. Each connection has a thread and says first what it wants.

Run as ``python -m r2p_kg.engine.brokering`` by :func:`r2p_kg.engine.broker.start_broker`. What a connection may send (``do``):
``ask``, ``stats``, ``cancel``, ``swap`` and ``write``, each answered once, any number of times; ``lend``, after which it is about the one
worker that it was lent; ``front``, after which it hears of each new snapshot and says which ones it still needs.
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

from r2p_kg.engine import broker, changes, sandbox, wire, writing
from r2p_kg.engine.contract import Budget, Dataset
from r2p_kg.engine.pool import Pool, PoolSettings, Use
from r2p_kg.errors import R2PError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable

#: The longest body that is read from a front process: a change of the data; policy has refused longer queries before.
_MAX_BODY: Final = 1024 * 1024 * 1024

#: Seconds that the front processes have to switch to a new snapshot before those who wait for it are told that it is served.
_SWITCHING: Final = 60.0


class Fronts:
    """The front processes, what each of them serves, and the state that all should serve. Safe to use from many threads."""

    def __init__(self, path: Path, digest: str) -> None:
        self._change = threading.Condition()
        self._state: dict[str, Any] = {"path": str(path), "digest": digest, "notices": [], "version": 0}
        #: For each connection of a front process the last version that it serves and the digests that its requests still need.
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
        """Tell all of a new state, and wait until they serve it; one that hangs is not waited for longer than a minute."""
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
        wire.post(connection, self._state)


class Brokering:
    """What the broker does for one connection after another; ``folder`` is where changed data are written."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._fronts = Fronts(pool.path, pool.digest)
        self._switching = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection until it is closed, or sends what is no frame."""
        with connection, contextlib.suppress(wire.BrokenFrameError):
            while True:
                head, body = wire.receive(connection, max_body=_MAX_BODY)
                try:
                    match head["do"]:
                        case "lend":
                            self._lend(connection, head)
                            continue
                        case "front":
                            self._front(connection, str(head["digest"]))
                            continue
                    reply, answer = self._reply(head, body, connection)
                except R2PError as error:
                    reply, answer = error.fields(), b""
                except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
                    reply, answer = {"error": "QueryError", "message": f"not a request that this process knows: {error!r}"}, b""
                wire.send(connection, reply, answer)

    def _reply(self, head: dict[str, Any], body: bytes, asker: socket.socket) -> tuple[dict[str, Any], bytes]:
        match head["do"]:
            case "ask":
                chosen = Dataset(tuple(head["dataset"]["default"]), tuple(head["dataset"]["named"]))
                query, budget = body.decode("utf-8", "surrogatepass"), _budget(**head["budget"])
                found = self._pool.ask(query, media_type=head["media_type"], dataset=chosen, budget=budget, asker=asker, digest=head.get("digest"))
                warnings = [asdict(one) for one in found.warnings]
                return {"kind": found.kind, "rows": found.rows, "elapsed": found.elapsed, "warnings": warnings}, found.body
            case "stats":
                return {"stats": {**self._pool.stats(), "fronts": len(self._fronts), "broker": os.getpid(), "time": time.time()}}, b""
            case "cancel":
                return {"done": self._pool.cancel(str(head["id"]))}, b""
            case "swap":
                with self._switching:
                    self._switch(Path(head["snapshot"]), [str(notice) for notice in head["notices"]])
                return {"done": True}, b""
            case "write":
                return changes.pack_written(self._write(changes.unpack(head, body))), b""
            case other:
                raise ValueError(other)

    def _switch(self, path: Path, notices: list[str]) -> None:
        earlier = self._pool.digest
        if path != self._pool.path:
            self._pool.swap(path, keep=bool(self._fronts))
            broker.serves(self._folder, path)
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

    def _front(self, connection: socket.socket, digest: str) -> None:
        """Keep a front process informed for as long as it lives."""
        self._fronts.join(connection, digest)
        needed = frozenset({digest})
        try:
            while True:
                said, _ = wire.receive(connection)
                before, needed = needed, frozenset(str(one) for one in said["needs"])
                self._fronts.serves(connection, int(said["version"]), needed)
                self._release(before - needed)
        finally:
            self._fronts.leave(connection)
            self._release(needed)

    def _lend(self, connection: socket.socket, head: dict[str, Any]) -> None:
        """Lend a worker: its socket goes along with the answer. Ends when it is given back; a borrower that dies takes it along."""
        lock, seconds = threading.Lock(), float(head["seconds"])

        def tell(word: str, why: str) -> None:
            with lock:
                wire.post(connection, {"word": word, "why": why})

        use = self._pool.lend(time.monotonic() + seconds, seconds, head.get("digest"), str(head["holder"]))
        sound = False
        try:
            with lock:
                connection.settimeout(wire.PATIENCE)
                socket.send_fds(connection, [wire.frame({"pid": use.worker.pid, "workers": self._pool.settings.workers})], [use.worker.connection.fileno()])
            self._pool.reach(use, tell)
            sound = self._lent(connection, use, tell)
        except OSError as error:
            raise wire.BrokenFrameError(str(error)) from error
        finally:
            self._pool.done(use)
            self._pool.give_back(use, sound=sound)

    def _lent(self, connection: socket.socket, use: Use, tell: Callable[[str, str], None]) -> bool:
        """Hear what the borrower says of the worker until it gives it back; whether the worker is sound."""
        while True:
            said, _ = wire.receive(connection)
            match said["do"]:
                case "running":
                    now = time.monotonic()
                    self._pool.begin(use, str(said["query"]), now + float(said["left"]), str(said["client"]), now - float(said["ran"]))
                    # Said here as well: whoever lets its queries be killed, or goes away, is not there to hear it at their end.
                    if wait := self._pool.owed(use.client):
                        tell("wait", f"{use.client} {math.ceil(wait)}")
                case "done":
                    if wait := self._pool.done(use):
                        tell("wait", f"{use.client} {math.ceil(wait)}")
                case "back":
                    return not use.ended
                case "lost":
                    if use.query is not None and not use.ended:
                        self._pool.count("deaths")
                    self._pool.done(use)
                    tell("ended", use.ended)
                    return False
                case other:
                    raise wire.BrokenFrameError(other)


def main(arguments: list[str]) -> int:
    """Load, listen, serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="r2p_kg.engine.brokering")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--snapshot", type=Path, required=True)
    for name, value in asdict(PoolSettings()).items():
        parser.add_argument(f"--{name}", type=type(value) if not isinstance(value, bool) else int, default=value)
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
    brokering = Brokering(pool, path.parent)
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
            threading.Thread(target=brokering.serve, args=(connection,), daemon=True).start()
    return 0


def _budget(seconds: float, rows: int, bytes: int) -> Budget:  # noqa: A002 - as Budget calls it
    if not (seconds >= 0 and isinstance(rows, int) and isinstance(bytes, int) and rows >= 0 and bytes >= 0):
        message = f"no budget: {seconds} seconds, {rows} rows, {bytes} bytes"
        raise ValueError(message)
    return Budget(seconds, rows, bytes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
