"""What the kernel tells of processes (Linux).

Who is below whom, memory, CPU; and how those that were started here are ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, that is from the state on.

    Empty where the process is gone.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def parent(pid: int) -> int | None:
    """The process that started it, None where it is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def runs(pid: int) -> bool:
    """False where it is gone, or dead and not yet collected."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def tree(pid: int) -> list[int]:
    """The process and everything below it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (above := parent(int(entry.name))) is not None:
            children.setdefault(above, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def busy_seconds(pids: list[int]) -> float:
    """Seconds of CPU that the processes have used so far."""
    return sum((int(fields[11]) + int(fields[12])) / _TICKS for pid in pids if (fields := _stat(pid)))


@dataclass(frozen=True)
class Memory:
    """MiB of memory: ``pss`` with its part of shared pages (proc_pid_smaps_rollup(5)), ``own`` without."""

    pss: float
    own: float


def memory(pids: list[int]) -> Memory:
    """The memory of the processes together."""
    totals = dict.fromkeys(("Pss:", "Private_Clean:", "Private_Dirty:"), 0)
    for pid in pids:
        with contextlib.suppress(OSError):  # it may end just now
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines():
                name, _, rest = line.partition(" ")
                if name in totals:
                    totals[name] += int(rest.split()[0])
    return Memory(totals["Pss:"] / 1024, (totals["Private_Clean:"] + totals["Private_Dirty:"]) / 1024)


def settle(pid: int, limit: float) -> bool:
    """True as soon as the process and everything below use under a tenth of a core.

    False where that does not come within ``limit`` seconds.

    A service may go on with what its client no longer waits for; the next one to be measured shall not pay
    for that.
    """
    deadline = time.monotonic() + limit
    pause = 0.1
    while time.monotonic() < deadline:
        before = busy_seconds(tree(pid))
        time.sleep(pause)
        if busy_seconds(tree(pid)) - before < pause / 10:
            return True
    return False


def end(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """Stop a process that was started here.

    What is left of it and below after ``patience`` seconds is killed, each by its id.
    """
    below = tree(process.pid)
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if not _gone(below, 2):
        for pid in below:
            if runs(pid):
                with contextlib.suppress(ProcessLookupError):  # it may end between the two lines
                    os.kill(pid, signal.SIGKILL)
        _gone(below, 2)


def _gone(pids: list[int], limit: float) -> bool:
    """True as soon as none of them runs; False where that does not come within ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while any(runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
