"""Handles on the processes behind the pool.

The zygote, which holds the loaded snapshot, and the query workers that it forks.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import frames
from r2p_kg.errors import SnapshotError

if TYPE_CHECKING:
    from pathlib import Path

#: The priority of a query that is long: a tenth of what others get, so that it comes to its end also on a
#: busy machine; and of one that goes on and on: what all others leave.
_BEHIND: Final = 10
_LAST: Final = 19

#: The processor time of a whole process (Linux, include/linux/posix-timers_types.h, CPUCLOCK_SCHED).
_CPU_CLOCK: Final = 2

#: Seconds after which a zygote that has not loaded its snapshot is given up.
_LOADING: Final = 300.0


@dataclass(eq=False)
class Worker:
    """One forked process.

    connection: Its socket.
    handle: One that cannot mean another process.
    digest: That of the snapshot that it holds.
    """

    connection: socket.socket
    pid: int
    handle: int
    digest: str

    def kill(self) -> None:
        """End the process; the socket and the handle stay, for whoever waits on them."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def slow_down(self, *, idle: bool) -> None:
        """Let other processes go before this one, for the rest of its life; with ``idle`` all others.

        If the kernel knows it (sched(7), SCHED_IDLE) whoever wakes up runs at once; by a low priority alone,
        only when a time slice has ended.
        """
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, _LAST if idle else _BEHIND)
            if idle and hasattr(os, "SCHED_IDLE"):
                os.sched_setscheduler(self.pid, os.SCHED_IDLE, os.sched_param(0))

    @property
    def worked(self) -> float:
        """Seconds of work of the process so far, 0 if it has ended (clock_getcpuclockid(3))."""
        try:
            return time.clock_gettime((~self.pid << 3) | _CPU_CLOCK)
        except OSError:
            return 0.0

    def end(self) -> None:
        """Kill it and let go of it; the one who took the worker does this, once."""
        self.kill()
        self.connection.close()
        os.close(self.handle)

    @property
    def dead(self) -> bool:
        """True where the process has ended: its handle is readable then (pidfd_open(2))."""
        waiting = select.poll()
        waiting.register(self.handle, select.POLLIN)
        return bool(waiting.poll(0))


@dataclass(eq=False)
class Zygote:
    """The process that forks workers.

    ``control`` is its command socket, ``about`` what it said of the snapshot.

    ``path``: the snapshot's file; ``graphs``: IRIs of the graphs that are served, None where every IRI may
    name one.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    about: dict[str, Any]
    path: Path
    graphs: frozenset[str] | None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def digest(self) -> str:
        """The digest of the snapshot that it holds."""
        return str(self.about["digest"])

    def fork(self) -> Worker:
        """A new worker; raises BrokenFrameError where the zygote is gone."""
        with self.lock:
            try:
                self.control.settimeout(_LOADING)
                self.control.sendall(b"+")
                message, descriptors, _, _ = socket.recv_fds(self.control, 64, 1)
                if not message or not descriptors:
                    text = "the process that forks query workers is gone"
                    raise frames.BrokenFrameError(text)
                pid = int(message)
                connection = socket.socket(fileno=descriptors[0])
                try:
                    return Worker(connection, pid, os.pidfd_open(pid), self.digest)
                except OSError:
                    connection.close()
                    raise
            except OSError as error:
                raise frames.BrokenFrameError(str(error)) from error

    def end(self) -> None:
        """Kill it, and with it every worker that it forked."""
        self.control.close()
        self.process.kill()
        self.process.wait()


def start(path: Path, memory: int, *, union: bool) -> Zygote:
    """A zygote that has loaded the snapshot.

    ``memory``: bytes that a query of its workers may take. ``union``: the default graph holds the union of
    all graphs; else what the snapshot puts there, as in a graph store, where every IRI may name a graph.

    Raises SnapshotError where the file cannot be served.
    """
    ours, theirs = socket.socketpair()
    command = [
        sys.executable,
        "-m",
        "r2p_kg.engine.zygote",
        str(theirs.fileno()),
        str(path),
        str(memory),
        str(int(union)),
    ]
    with theirs:
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    try:
        about, _ = frames.receive(ours, time.monotonic() + _LOADING)
    except (frames.BrokenFrameError, frames.LateError) as error:
        about = {"error": f"{path}: the process that loads it ended ({error})"}
    if "error" in about:
        ours.close()
        process.kill()
        process.wait()
        raise SnapshotError(about["error"])
    graphs = frozenset(about.pop("graphs"))
    return Zygote(process, ours, about, path, graphs if union else None)
