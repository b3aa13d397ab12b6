"""Messages between the processes of the engine: a JSON head and a body of bytes, both with their length in front.

A frame is 4 bytes of head length and 8 bytes of body length (network order), the head (UTF-8 JSON object), the body.
"""

from __future__ import annotations

import json
import select
import struct
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

_LENGTHS: Final = struct.Struct("!IQ")

#: No head is longer: it holds a media type, graph names and an error message at most.
_MAX_HEAD: Final = 4 * 1024 * 1024

#: Seconds that a receiver may take nothing before it counts as gone.
_PATIENCE: Final = 60.0


class BrokenFrameError(Exception):
    """The other side closed the connection or sent what is no frame."""


class LateError(Exception):
    """The deadline passed before the whole message had come."""


def send(connection: socket.socket, head: Mapping[str, Any], body: bytes = b"") -> None:
    """Send one message.

    Raises BrokenFrameError where the other side is gone or takes nothing for a minute.
    """
    packed = json.dumps(head).encode()
    try:
        connection.settimeout(_PATIENCE)
        connection.sendall(_LENGTHS.pack(len(packed), len(body)) + packed)
        if body:
            connection.sendall(body)
    except OSError as error:
        raise BrokenFrameError(str(error)) from error


def receive(connection: socket.socket, deadline: float | None = None, max_body: int = 1 << 33) -> tuple[dict[str, Any], bytes]:
    """One message: its head and its body.

    ``deadline`` is a time of ``time.monotonic``. Raises LateError past it, and BrokenFrameError where no whole frame comes.
    """
    head_length, body_length = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size, deadline))
    if head_length > _MAX_HEAD or body_length > max_body:
        message = f"a frame of {head_length} + {body_length} bytes is longer than any of ours"
        raise BrokenFrameError(message)
    try:
        head = json.loads(bytes(_exactly(connection, head_length, deadline)))
    except ValueError as error:
        message = f"the head of a frame is not JSON: {error}"
        raise BrokenFrameError(message) from error
    if not isinstance(head, dict):
        message = "the head of a frame is not a JSON object"
        raise BrokenFrameError(message)
    return head, bytes(_exactly(connection, body_length, deadline))


def readable(connection: socket.socket, watched: socket.socket, deadline: float) -> bool:
    """True as soon as ``connection`` can be read or the deadline passed; False where the other side of ``watched`` closed before."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    # Without POLLRDHUP (Linux) only a connection that is closed in both directions is noticed.
    waiting.register(watched, getattr(select, "POLLRDHUP", select.POLLHUP))
    events = dict(waiting.poll(max(deadline - time.monotonic(), 0) * 1000))
    return connection.fileno() in events or not events


def _exactly(connection: socket.socket, length: int, deadline: float | None) -> bytearray:
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
            raise LateError from error
        except OSError as error:
            raise BrokenFrameError(str(error)) from error
        if not taken:
            message = "the other side closed the connection"
            raise BrokenFrameError(message)
        filled += taken
    return buffer
