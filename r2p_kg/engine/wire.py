"""Messages between the processes of the engine: a JSON head and a body of bytes, both with their length in front.

A frame is 4 bytes of head length and 8 bytes of body length (network order), the head (UTF-8 JSON object), the body.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LENGTHS: Final = struct.Struct("!IQ")

#: No head is longer: it holds a media type, graph names and an error message at most.
_MAX_HEAD: Final = 4 * 1024 * 1024

#: Seconds that a receiver may take nothing before it counts as gone.
PATIENCE: Final = 60.0


_CLOSED: Final = "the other side closed the connection"


#: Bytes of the longest folder whose Unix sockets have paths that the kernel takes (unix(7): 107 bytes).
_LONGEST_FOLDER: Final = 80


class BrokenFrameError(Exception):
    """The other side closed the connection or sent what is no frame."""


class LateError(Exception):
    """The deadline passed before the whole message had come."""


@contextlib.contextmanager
def short(folder: Path) -> Iterator[Path]:
    """A path of the folder that is short enough for Unix sockets in it, for this process and those below it.

    It is the folder's own, or as long as the context lasts that of an open descriptor (proc_pid_fd(5)).
    """
    if len(os.fsencode(folder)) <= _LONGEST_FOLDER:
        yield folder
        return
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{opened}")
    finally:
        os.close(opened)


def send(connection: socket.socket, head: Mapping[str, Any], body: bytes = b"") -> None:
    """Send one message.

    Raises BrokenFrameError where the other side is gone or takes nothing for a minute.
    """
    send_bytes(connection, frame(head, len(body)), body)


def post(connection: socket.socket, head: Mapping[str, Any]) -> None:
    """Send a short message on a connection on which another thread receives, without waiting; one that cannot be sent is lost.

    :func:`send` would change the time limit under the other thread's hands.
    """
    with contextlib.suppress(OSError):
        connection.send(frame(head), socket.MSG_DONTWAIT)


def frame(head: Mapping[str, Any], length: int = 0) -> bytes:
    """A head as it is sent, in front of a body of that length."""
    packed = json.dumps(head).encode()
    return _LENGTHS.pack(len(packed), length) + packed


def send_bytes(connection: socket.socket, *parts: bytes) -> None:
    """Send parts that are frames already; raises as :func:`send`."""
    try:
        connection.settimeout(PATIENCE)
        for part in parts:
            if part:
                connection.sendall(part)
    except OSError as error:
        raise BrokenFrameError(str(error)) from error


def receive(connection: socket.socket, deadline: float | None = None, max_body: int = 1 << 33) -> tuple[dict[str, Any], bytes]:
    """One message: its head and its body.

    ``deadline`` is a time of ``time.monotonic``. Raises LateError past it, and BrokenFrameError where no whole frame comes.
    """
    head_length, body_length = _LENGTHS.unpack(exactly(connection, _LENGTHS.size, deadline))
    if head_length > _MAX_HEAD or body_length > max_body:
        message = f"a frame of {head_length} + {body_length} bytes is longer than any of ours"
        raise BrokenFrameError(message)
    try:
        head = json.loads(bytes(exactly(connection, head_length, deadline)))
    except ValueError as error:
        message = f"the head of a frame is not JSON: {error}"
        raise BrokenFrameError(message) from error
    if not isinstance(head, dict):
        message = "the head of a frame is not a JSON object"
        raise BrokenFrameError(message)
    return head, bytes(exactly(connection, body_length, deadline))


def receive_with_descriptors(connection: socket.socket, most: int) -> tuple[dict[str, Any], list[int]]:
    """A message without a body, and the file descriptors that came along; raises as :func:`receive`."""
    try:
        data, descriptors, _, _ = socket.recv_fds(connection, _LENGTHS.size, most)
    except OSError as error:
        raise BrokenFrameError(str(error)) from error
    if not data:
        raise BrokenFrameError(_CLOSED)
    if missing := _LENGTHS.size - len(data):
        data += exactly(connection, missing)
    length, _ = _LENGTHS.unpack(data)
    return json.loads(bytes(exactly(connection, length))), descriptors


def readable(connection: socket.socket, watched: socket.socket, deadline: float) -> bool:
    """True as soon as ``connection`` can be read or the deadline passed; False where the other side of ``watched`` closed before."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    # Without POLLRDHUP (Linux) only a connection that is closed in both directions is noticed.
    waiting.register(watched, getattr(select, "POLLRDHUP", select.POLLHUP))
    events = dict(waiting.poll(max(deadline - time.monotonic(), 0) * 1000))
    return connection.fileno() in events or not events


def some(connection: socket.socket, most: int) -> bytes:
    """What has come, at most so many bytes; waits for the first."""
    try:
        data = connection.recv(most)
    except OSError as error:
        raise BrokenFrameError(str(error)) from error
    if not data:
        raise BrokenFrameError(_CLOSED)
    return data


def exactly(connection: socket.socket, length: int, deadline: float | None = None) -> bytearray:
    """So many bytes; raises LateError past the deadline and BrokenFrameError where the other side closes before."""
    buffer = bytearray(length)
    view = memoryview(buffer)
    filled = 0
    while filled < length:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LateError
            connection.settimeout(left)
        else:
            connection.settimeout(None)
        try:
            taken = connection.recv_into(view[filled:])
        except TimeoutError as error:
            if deadline is None:
                continue  # another thread's time limit (:func:`send`)
            raise LateError from error
        except OSError as error:
            raise BrokenFrameError(str(error)) from error
        if not taken:
            raise BrokenFrameError(_CLOSED)
        filled += taken
    return buffer
