"""What is said between one who asks and a query worker: a question in one frame, its whole answer in one frame.

A question: five numbers (:data:`_QUESTION`), the media type and the dataset as lines of text, the query.
An answer: five numbers (:data:`ANSWER`), its warnings as JSON or nothing, its body, which for an error is JSON.
Structs and not JSON, because every query pays for them.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from r2p_kg import errors
from r2p_kg.engine import wire
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.errors import QueryError, QueryRefusedError, R2PError
from r2p_kg.sparql import mistakes
from r2p_kg.sparql.lint import LintWarning

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping, Sequence

#: Bytes of the text about the answer, bytes of the query, then the budget: seconds, rows, bytes.
_QUESTION: Final = struct.Struct("!IIdQQ")

#: The place of the kind in :data:`_KINDS`, rows (-1: not counted), seconds, bytes of the body and the warnings.
ANSWER: Final = struct.Struct("!BqdQI")

#: What comes before the body of an answer: kind, rows, seconds, warnings.
Head = tuple[int, int, float, bytes]
_WHOLE: Final = Dataset()

#: Bytes taken from a socket at once; hardly a question is longer.
_TAKEN: Final = 1 << 17

#: Shorter bodies are copied behind their head, which costs less than a second system call.
_COPIED: Final = 1 << 16
#: What the engine's own errors are called.
_SYNTAX: Final = "syntax"
_KINDS: Final = ("error", "select", "ask", "graph")


def question(query: str, media_type: str, dataset: Dataset, budget: Budget) -> bytes:
    """The frame of a question; raises QueryRefusedError where a graph's name is no IRI."""
    about = media_type
    if dataset.default or dataset.named:
        _check_names((*dataset.default, *dataset.named))
        about = "\n".join(
            (media_type, *(f"d{iri}" for iri in dataset.default), *(f"n{iri}" for iri in dataset.named))
        )
    packed, text = about.encode(), query.encode()
    return _QUESTION.pack(len(packed), len(text), budget.seconds, budget.rows, budget.bytes) + packed + text


def read_question(connection: socket.socket) -> tuple[str, str, Dataset, Budget]:
    """The next question on a blocking connection: query, media type, dataset, budget; raises BrokenFrameError at its end."""
    data = wire.some(connection, _TAKEN)
    while len(data) < _QUESTION.size:
        data += wire.some(connection, _TAKEN)
    about, text, seconds, rows, size = _QUESTION.unpack_from(data)
    end = _QUESTION.size + about + text
    while len(data) < end:
        data += wire.some(connection, _TAKEN)
    middle = _QUESTION.size + about
    media_type, *names = data[_QUESTION.size : middle].decode().split("\n")
    dataset = (
        Dataset(
            tuple(name[1:] for name in names if name[0] == "d"),
            tuple(name[1:] for name in names if name[0] == "n"),
        )
        if names
        else _WHOLE
    )
    return data[middle:].decode(), media_type, dataset, Budget(seconds, rows, size)


def send_answer(
    connection: socket.socket, answer: Answer, elapsed: float, warnings: Sequence[LintWarning]
) -> None:
    """Send a whole answer that took so many seconds, on a blocking connection."""
    rows = -1 if answer.rows is None else answer.rows
    warned = json.dumps([asdict(one) for one in warnings]).encode() if warnings else b""
    numbers = ANSWER.pack(_KINDS.index(answer.kind), rows, elapsed, len(answer.body), len(warned))
    _send(connection, numbers + warned, answer.body)


def send_error(connection: socket.socket, error: QueryError | SyntaxError) -> None:
    """Send an error, on a blocking connection; a SyntaxError as the engine words it."""
    said = error.fields() if isinstance(error, QueryError) else {"error": _SYNTAX, "message": str(error)}
    body = json.dumps(said).encode()
    _send(connection, ANSWER.pack(0, -1, 0.0, len(body), 0), body)


def receive(connection: socket.socket, deadline: float) -> tuple[Head, bytes]:
    """An answer's head and body, not yet read.

    Raises LateError past the deadline and BrokenFrameError if none comes.
    """
    numbers = wire.exactly(connection, ANSWER.size, deadline)
    kind, rows, elapsed, size, warned = ANSWER.unpack(numbers)
    warnings = bytes(wire.exactly(connection, warned, deadline)) if warned else b""
    return (kind, rows, elapsed, warnings), bytes(wire.exactly(connection, size, deadline))


def begun(data: bytes) -> tuple[Head, int, bytes]:
    """From the first piece of an answer its head, the length of its body and what has come of that.

    A worker sends numbers and warnings in one piece.
    """
    kind, rows, elapsed, size, warned = ANSWER.unpack_from(data)
    start = ANSWER.size + warned
    return (kind, rows, elapsed, data[ANSWER.size : start]), size, data[start:]


def read(
    head: Head,
    body: bytes,
    media_type: str,
    *,
    query: str,
    prefixes: Mapping[str, str],
    worker: int | None = None,
) -> Answer:
    """The answer that came; raises the QueryError that it tells of. ``prefixes`` are the snapshot's, for hints."""
    kind, rows, elapsed, warned = head
    if not kind:
        raise _error(json.loads(body), query, prefixes)
    warnings = tuple(LintWarning(**one) for one in json.loads(warned)) if warned else ()
    return Answer(_KINDS[kind], media_type, body, elapsed, None if rows < 0 else rows, worker, warnings)


def _error(told: dict[str, Any], query: str, prefixes: Mapping[str, str]) -> R2PError:
    if told["error"] == _SYNTAX:
        return errors.of_sparql(mistakes.explain(told["message"], query, prefixes))
    return R2PError.from_fields(told)


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if any(sign <= " " or sign in '<>"{}|^`\\' for sign in name):
            message = f"{name[:80]!r} is no IRI, so that no graph can have that name; encode what an IRI may not hold (RFC 3987)"
            raise QueryRefusedError(message)


def _send(connection: socket.socket, head: bytes, body: bytes) -> None:
    # Without a time limit: the socket would have to be asked first whether it takes something, at the price of a system call. A worker
    # whose answer nobody takes is killed.
    try:
        if len(body) < _COPIED:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
    except OSError as error:
        raise wire.BrokenFrameError(str(error)) from error
