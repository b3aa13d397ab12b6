"""The line of a front to the broker, on an event loop.

Short messages both ways, and the sockets of workers on loan.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine import frames

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: Bytes and sockets that are taken at once.
_TAKEN: Final = 1 << 16
_SOCKETS: Final = 16

#: Bytes that may wait for a broker that does not read before the line counts as broken.
_MOST: Final = 1 << 24


class Line:
    """A connection to the broker. Raises OSError if nobody listens there.

    ``heard`` gets each message, and the socket that came with it; ``broken`` is called once if the broker is
    gone.
    """

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        heard: Callable[[Mapping[str, Any], socket.socket | None], None],
        broken: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._heard = heard
        self._broken = broken
        self._coming = bytearray()
        self._going = bytearray()
        self._sockets: deque[int] = deque()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the name of the standard library's parameter is "flag"
        try:
            with frames.reachable(path) as address:
                self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        loop.add_reader(self._socket.fileno(), self._read)

    def say(self, head: Mapping[str, Any]) -> None:
        """Send a message, as soon as the broker takes it; in order."""
        if self._socket.fileno() < 0:
            return
        waits = bool(self._going)
        self._going += frames.frame(head)
        if not waits:
            self._write()

    def close(self) -> None:
        """Hear nothing more; ``broken`` is not called."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
        while self._sockets:
            os.close(self._sockets.popleft())

    def _write(self) -> None:
        try:
            del self._going[: self._socket.send(self._going)]
        except BlockingIOError:
            pass
        except OSError:
            self._fail()
            return
        if len(self._going) > _MOST:
            self._fail()
        elif self._going:
            self._loop.add_writer(self._socket.fileno(), self._write)
        else:
            self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        try:
            data, sockets, _, _ = socket.recv_fds(self._socket, _TAKEN, _SOCKETS)
            self._sockets.extend(sockets)
            self._coming += data
            for head in frames.split(self._coming):
                # Sockets come in the order of the messages that they came with.
                self._heard(
                    head, socket.socket(fileno=self._sockets.popleft()) if head["say"] == "lent" else None
                )
        except BlockingIOError:
            return
        except (OSError, frames.BrokenFrameError):
            data = b""
        if not data:
            self._fail()

    def _fail(self) -> None:
        # Not now: whoever is in the middle of something with the line finishes that first.
        self.close()
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon(self._broken)
