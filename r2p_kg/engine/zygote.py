"""The zygote: a single-threaded process that loads the snapshot once and forks query workers on command.

A fork of a loaded memory store takes some milliseconds and shares its pages; loading anew would take a
second. Run as ``python -m r2p_kg.engine.zygote FD SNAPSHOT MEMORY UNION``; FD is a Unix socket inherited from
the pool, UNION is 1 where the default graph shall hold the union of all graphs, 0 where it holds what the
snapshot puts there.

Protocol: it sends one message when loaded (``{"quads", "prefixes", "digest", "graphs", "sandboxed"}`` or
``{"error"}``); then, for each message it receives, it forks and sends ``{"pid"}`` with the worker's socket
attached.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyoxigraph as ox

from r2p_kg.engine import frames, sandbox, worker
from r2p_kg.errors import SnapshotError
from r2p_kg.graph import snapshot, vocab
from r2p_kg.sparql.known_terms import KnownTerms

if TYPE_CHECKING:
    from collections.abc import Callable


def main(arguments: list[str]) -> int:
    """Load, then fork until the pool closes the socket."""
    # It ends when the pool closes this socket or dies. The kernel's signal at a parent's end will not do: it
    # comes when the *thread* ends that started this process, and a swap is asked for by a thread that serves
    # one connection.
    control = socket.socket(fileno=int(arguments[0]))
    # A stop signal from the keyboard goes to the whole group; the pool decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Children are reaped by the kernel; the pool learns of a death by the closed socket.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        found = snapshot.read(Path(arguments[1]))
        making = _beside(control, partial(KnownTerms.of, found.served, found.prefixes, vocab.BASE))
        store = ox.Store()
        # Parsed twice, not loaded once and parsed once: a loader renames blank nodes, and both graphs must
        # mean the same ones.
        store.bulk_extend(ox.parse(found.served, ox.RdfFormat.N_QUADS))
        # The union of all graphs is kept as the default graph: the engine's own union gives a triple of two
        # graphs twice.
        if arguments[3] == "1":
            store.bulk_extend(
                ox.Quad(quad.subject, quad.predicate, quad.object)
                for quad in ox.parse(found.served, ox.RdfFormat.N_QUADS)
            )
    except (SnapshotError, SyntaxError, OSError) as error:
        frames.send(control, {"error": str(error)})
        return 2
    sandboxed = sandbox.no_network()
    about: dict[str, Any] = {
        "quads": found.quads.count(b"\n"),
        "prefixes": dict(found.prefixes),
        "digest": found.identity,
        "sandboxed": sandboxed,
    }
    about["graphs"] = [name.value for name in store.named_graphs() if isinstance(name, ox.NamedNode)]
    frames.send(control, about)
    known = making()
    del found, making
    # What all workers share stays shared: their collectors would write into every object.
    gc.collect()
    gc.freeze()
    # Sending left a time limit on the socket; an idle pool says nothing for hours.
    control.settimeout(None)
    while control.recv(1):
        _fork(control, store, known, int(arguments[2]))
    return 0


def _beside(control: socket.socket, make: Callable[[], KnownTerms]) -> Callable[[], KnownTerms]:
    """What ``make`` gives, made in another process while this one goes on; to be called once it is needed."""
    ours, theirs = os.pipe()
    if os.fork() == 0:
        try:
            # With its own end to read from it would wait for ever to write, and keep those waiting who see by
            # the closed socket that this process is gone.
            os.close(ours)
            control.close()
            sandbox.die_with_parent()
            with open(theirs, "wb") as made:  # noqa: PTH123 - a descriptor
                pickle.dump(make(), made)
        finally:
            os._exit(0)
    os.close(theirs)

    def result() -> KnownTerms:
        with open(ours, "rb") as made, contextlib.suppress(EOFError, pickle.UnpicklingError):  # noqa: PTH123
            return cast("KnownTerms", pickle.load(made))  # noqa: S301 - our own process wrote it
        return make()  # that process died

    return result


def _fork(control: socket.socket, store: ox.Store, known: KnownTerms, memory: int) -> None:
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        control.close()
        worker.run(store, known, theirs, memory, parent)
        os._exit(70)
    theirs.close()
    socket.send_fds(control, [str(pid).encode()], [ours.fileno()])
    ours.close()


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except (frames.BrokenFrameError, OSError):  # the pool is gone
        status = 0
    sys.exit(status)
