"""Messages between the processes of the engine.

A JSON head and a body of bytes, both with their length in front.

A frame is 4 bytes of head length and 8 bytes of body length (network order), the head (UTF-8 JSON object),
the body.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_LENGTHS: Final = struct.Struct("!IQ")

#: No head is longer: it holds a media type, graph names and an error message at most.
_MAX_HEAD: Final = 4 * 1024 * 1024

#: Seconds that a receiver may take nothing before it counts as gone.
PATIENCE: Final = 60.0


#: Bytes of a Unix socket's address.
_LONGEST_PATH: Final = 107

_CLOSED: Final = "the other side closed the connection"


class BrokenFrameError(Exception):
    """The other side closed the connection or sent what is no frame."""


class LateError(Exception):
    """The deadline passed before the whole message had come."""


def send(connection: socket.socket, head: Mapping[str, Any], body: bytes = b"") -> None:
    """Send one message.

    Raises BrokenFrameError where the other side is gone or takes nothing for a minute.
    """
    send_bytes(connection, frame(head, len(body)), body)


def post(connection: socket.socket, head: Mapping[str, Any], descriptors: Sequence[int] = ()) -> bool:
    """Send a short message on a connection on which another thread receives, without waiting.

    False if it cannot be sent.

    :func:`send` would change the time limit under the other thread's hands.
    """
    data = frame(head)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
    try:
        return connection.sendmsg([data], rights, socket.MSG_DONTWAIT) == len(data)
    except OSError:
        return False


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The path of a Unix socket as the kernel takes it.

    At most 107 bytes (unix(7)), so by its folder's number if longer.
    """
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


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


def receive(
    connection: socket.socket, deadline: float | None = None, max_body: int = 1 << 33
) -> tuple[dict[str, Any], bytes]:
    """One message: its head and its body.

    ``deadline`` is a time of ``time.monotonic``. Raises LateError past it, and BrokenFrameError where no
    whole frame comes.
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


def split(buffer: bytearray) -> Iterator[dict[str, Any]]:
    """Take the whole messages, which have no body, out of what has come so far.

    Raises BrokenFrameError on anything else.
    """
    while len(buffer) >= _LENGTHS.size:
        length, body = _LENGTHS.unpack_from(buffer)
        if length > _MAX_HEAD or body:
            message = f"a frame of {length} + {body} bytes is none of ours"
            raise BrokenFrameError(message)
        end = _LENGTHS.size + length
        if len(buffer) < end:
            return
        head = json.loads(bytes(buffer[_LENGTHS.size : end]))
        del buffer[:end]
        yield head


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
    """So many bytes; raises LateError past the deadline, BrokenFrameError if the other side closes first."""
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
