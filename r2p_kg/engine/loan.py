"""One worker on loan: its socket, the line to the broker about it, and the question that it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from r2p_kg.engine import exchange, spool
from r2p_kg.errors import BusyError, QueryError

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Awaitable, Callable
    from mmap import mmap

#: Bytes taken from a worker's socket at once; most answers come whole.
_TAKEN = 1 << 18

#: What a worker said: an answer's head and its body.
Told = tuple[exchange.Head, "bytes | mmap"]


class Loan:
    """A worker on loan, which answers one question at a time. All of it belongs to one event loop.

    ``connection``: the worker's socket, not blocking; ``line``: the socket to the broker. ``lost`` is called when the worker has ended.
    ``told``: the broker knows of the query. ``slow``: the worker has lost its place. ``recalled``: it is wanted back. ``broken``: it is gone.
    """

    __slots__ = (
        "_body",
        "_filled",
        "_lost",
        "_numbers",
        "_room",
        "answer",
        "broken",
        "client",
        "connection",
        "digest",
        "gone",
        "line",
        "pid",
        "query",
        "recalled",
        "seconds",
        "slow",
        "started",
        "told",
    )

    def __init__(self, connection: socket.socket, line: socket.socket, digest: str, pid: int, *, room: spool.Spool, lost: Callable[[Loan], None]) -> None:
        self.pid = pid
        self.connection = connection
        self.line = line
        self.digest = digest
        self.answer: asyncio.Future[Told | QueryError] | None = None
        self.query = self.client = ""
        self.started = self.seconds = 0.0
        self.gone: Callable[[], Awaitable[Any]] | None = None
        self.told = self.slow = self.recalled = self.broken = False
        self._room = room
        self._lost = lost
        self._numbers: exchange.Head | None = None
        self._body: bytearray | mmap = bytearray()
        self._filled = 0

    def ask(self, loop: asyncio.AbstractEventLoop, question: bytes) -> asyncio.Future[Told | QueryError]:
        """Send a question; the future gets what the worker says."""
        self.answer = answer = loop.create_future()
        try:
            sent = self.connection.send(question)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lost(self)
            return answer
        if sent < len(question):  # longer than the socket takes at once; its other side is reading
            loop.create_task(self._send_rest(loop, question[sent:]))
        return answer

    def settle(self, told: Told | QueryError) -> None:
        """Give those who wait for the answer this one, unless they have one."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(told)

    def readable(self) -> None:
        """Something came from the worker: the answer or a part of it, or the worker's end."""
        try:
            if self._numbers is None:
                data = self.connection.recv(_TAKEN)
                if len(data) >= exchange.ANSWER.size:
                    self._begin(data)
                    return
            elif taken := self.connection.recv_into(memoryview(self._body)[self._filled :]):
                self._filled += taken
                if self._filled == len(self._body):
                    self._complete(self._numbers, spool.spooled(self._body) or bytes(self._body))
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._lost(self)

    async def _send_rest(self, loop: asyncio.AbstractEventLoop, rest: bytes) -> None:
        try:
            await loop.sock_sendall(self.connection, rest)
        except OSError:
            self._lost(self)

    def _begin(self, data: bytes) -> None:
        """The first part of an answer, which holds its numbers: a worker sends them in one piece."""
        head, size, body = exchange.begun(data)
        if len(body) == size:
            self._complete(head, body)
            return
        self._numbers = head
        try:
            self._body = self._room.room(size) if size >= spool.LARGE else bytearray(size)
        except BusyError as full:
            self.settle(full)  # the worker, which goes on sending, is let go of
            return
        memoryview(self._body)[: len(body)] = body
        self._filled = len(body)

    def _complete(self, numbers: exchange.Head, body: bytes | mmap) -> None:
        self._numbers = None
        self._body = bytearray()
        self.settle((numbers, body))
