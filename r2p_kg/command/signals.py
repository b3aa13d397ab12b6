"""Signals of the service from its first moment on: SIGHUP is remembered, a stop signal leaves nothing behind.

Once it serves, granian takes SIGTERM and SIGINT over; SIGHUP is ours throughout.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NoReturn

from r2p_kg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
_ALL: Final = frozenset({*_STOPPING, signal.SIGHUP})

#: Bytes that the temporary folder must have room for: a service whose disk is full says so at its start.
_ROOM: Final = 1024 * 1024


class Signals:
    """What was signalled to this process.

    reloads: One entry for each SIGHUP; a queue that may be written to in the midst of anything.
    """

    def __init__(self, folder: Path) -> None:
        self.reloads: SimpleQueue[None] = SimpleQueue()
        self._folder = folder
        self._stopped = False
        self._others = _children()

    def stop(self, *_signal: object) -> None:
        """End this process: everything that is open is closed on the way."""
        if not self._stopped:  # a second signal must not interrupt the tidying
            self._stopped = True
            sys.exit(0)

    def reload(self, *_signal: object) -> None:
        """Remember that a reload is wanted."""
        self.reloads.put(None)

    def check(self) -> None:
        """End this process if it was told to: where Python or a library swallows every error, it goes on."""
        if self._stopped:
            sys.exit(0)

    def begin_anew(self, command: list[str], environment: Mapping[str, str]) -> NoReturn:
        """Become another program; a signal on the way is delivered to it once it lets signals in."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
        self.check()
        if not self.reloads.empty():
            # To this thread, which blocks it: any other thread of the process would take it.
            signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
        self.tidy()
        os.execve(command[0], command, environment)  # noqa: S606 - the caller's program

    def tidy(self) -> None:
        """End every process that was started since, and remove the temporary folder."""
        below = _children() - self._others
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in below:
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # whoever started it may still ask for it
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def attended() -> Iterator[Signals]:
    """Signals are heeded, and everything temporary is in one folder.

    That folder and all processes below this one end with the context.

    Raises UsageError if there is no folder for temporary files.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
    before = {number: signal.getsignal(number) for number in _ALL}
    temporary, tempfile.tempdir = tempfile.tempdir, None
    named = os.environ.get("TMPDIR")
    try:
        heard = Signals(_folder(named))
        os.environ["TMPDIR"] = tempfile.tempdir = str(heard._folder)  # noqa: SLF001 - our own
        try:
            for number in _STOPPING:
                signal.signal(number, heard.stop)
            signal.signal(signal.SIGHUP, heard.reload)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ALL)
            yield heard
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
            heard.tidy()
    finally:
        os.environ.pop("TMPDIR", None)
        if named is not None:
            os.environ["TMPDIR"] = named
        tempfile.tempdir = temporary
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ALL)


def _folder(named: str | None) -> Path:
    """A new folder in the one that TMPDIR names, else in the system's."""
    try:
        made = Path(tempfile.mkdtemp(prefix="r2p-", dir=named or None))
    except OSError as error:
        raise _unusable(named, error) from error
    try:
        with tempfile.TemporaryFile(dir=made) as file:
            os.posix_fallocate(file.fileno(), 0, _ROOM)
    except OSError as error:
        made.rmdir()
        raise _unusable(named, error) from error
    return made


def _unusable(named: str | None, error: OSError) -> UsageError:
    where = named or "the folder of the system"
    return UsageError(
        f"TMPDIR: files cannot be made in {where} ({error.strerror}); set it to another folder, or not at all"
    )


def _children() -> set[int]:
    """The processes that this one started, by the kernel's list."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(entry.parent.name))
    return found
