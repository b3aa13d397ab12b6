"""One worker on loan to a front: its socket, and the question that it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from r2p_kg.engine import answer_files
from r2p_kg.engine.worker_protocol import ANSWER, Told
from r2p_kg.errors import BusyError, QueryError

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Awaitable, Callable
    from mmap import mmap

#: Bytes taken from a worker's socket at once; most answers come whole.
_TAKEN = 1 << 18


class Lease:
    """A worker on loan, which answers one question at a time. All of it belongs to one event loop.

    id: The number of the loan, by which the broker knows it.
    pid: The worker's process.
    digest: The snapshot that it is asked.
    connection: Its socket, not blocking.
    answer: Gets what it says; None while it has no question.
    query, client, started, seconds: Of the question, and when it is to be stopped.
    gone: Ends when the client has left.
    told: The broker knows of the question.
    slow: It has lost its place.
    over: It is given back, or has ended.
    """

    __slots__ = (
        "_body",
        "_files",
        "_filled",
        "_head",
        "_lost",
        "_numbers",
        "answer",
        "client",
        "connection",
        "digest",
        "gone",
        "id",
        "over",
        "pid",
        "query",
        "seconds",
        "slow",
        "started",
        "told",
    )

    def __init__(
        self,
        number: int,
        pid: int,
        digest: str,
        connection: socket.socket,
        *,
        files: answer_files.AnswerFiles,
        lost: Callable[[Lease], None],
    ) -> None:
        """``lost`` is called when the worker has ended."""
        self.id = number
        self.pid = pid
        self.digest = digest
        self.connection = connection
        self.answer: asyncio.Future[Told | QueryError] | None = None
        self.query = self.client = ""
        self.started = self.seconds = 0.0
        self.gone: Callable[[], Awaitable[Any]] | None = None
        self.told = self.slow = self.over = False
        self._files = files
        self._lost = lost
        self._numbers: tuple[int, int, float, bytes] | None = None
        self._head = b""
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

    def read(self) -> None:
        """Something came from the worker: the answer or a part of it, or the worker's end."""
        try:
            if self._numbers is None:
                if data := self.connection.recv(_TAKEN):
                    self._begin(self._head + data)
                    return
            elif taken := self.connection.recv_into(memoryview(self._body)[self._filled :]):
                self._filled += taken
                if self._filled == len(self._body):
                    self._complete(self._numbers, answer_files.in_file(self._body) or bytes(self._body))
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
        """The first part of an answer; it is kept as long as the numbers and the warnings are not whole."""
        self._head = data
        if len(data) < ANSWER.size:
            return
        kind, rows, elapsed, warnings, size = ANSWER.unpack_from(data)
        start = ANSWER.size + warnings
        if len(data) < start:
            return
        body = data[start:]
        numbers = (kind, rows, elapsed, data[ANSWER.size : start])
        if len(body) == size:
            self._complete(numbers, body)
            return
        self._numbers = numbers
        try:
            self._body = self._files.create(size) if size >= answer_files.LARGE else bytearray(size)
        except BusyError as full:
            self.settle(full)  # the worker, which goes on sending, is let go of
            return
        memoryview(self._body)[: len(body)] = body
        self._filled = len(body)

    def _complete(self, numbers: tuple[int, int, float, bytes], body: bytes | mmap) -> None:
        self._numbers = None
        self._head, self._body = b"", bytearray()
        self.settle(Told(*numbers, body))
