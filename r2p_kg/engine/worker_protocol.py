"""What is said between one who asks and a query worker.

A question in one frame, its whole answer in one frame.

A question: five numbers (:data:`_QUESTION`), the media type and the dataset as lines of text, the query. An
answer: five numbers (:data:`ANSWER`), its warnings as JSON, and its body, which for an error is JSON. Structs
and not JSON, because every query pays for them.
"""

from __future__ import annotations

import json
import struct
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from r2p_kg import errors
from r2p_kg.engine import frames
from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.errors import QueryError, QueryRefusedError
from r2p_kg.sparql import mistakes
from r2p_kg.sparql.lint import LintWarning

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping
    from mmap import mmap

#: Bytes of the text about the answer, bytes of the query, then the budget: seconds, rows, bytes.
_QUESTION: Final = struct.Struct("!IIdQQ")

#: The place of the kind in :data:`_KINDS`, rows (-1: not counted), seconds, bytes of the warnings and of the
#: body.
ANSWER: Final = struct.Struct("!BqdIQ")
_WHOLE: Final = Dataset()

#: Bytes taken from a socket at once; hardly a question is longer.
_TAKEN: Final = 1 << 17

#: Shorter bodies are copied behind their head, which costs less than a second system call.
_COPIED: Final = 1 << 16
_KINDS: Final = ("error", "select", "ask", "graph")


class Told(NamedTuple):
    """An answer as it came: kind and rows as in :data:`ANSWER`, the warnings and the body not yet read."""

    kind: int
    rows: int
    elapsed: float
    warnings: bytes
    body: bytes | mmap


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
    """The next question on a blocking connection.

    Query, media type, dataset, budget; raises BrokenFrameError at its end.
    """
    data = frames.some(connection, _TAKEN)
    while len(data) < _QUESTION.size:
        data += frames.some(connection, _TAKEN)
    about, text, seconds, rows, size = _QUESTION.unpack_from(data)
    end = _QUESTION.size + about + text
    while len(data) < end:
        data += frames.some(connection, _TAKEN)
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
    connection: socket.socket, answer: Answer, elapsed: float, warnings: Iterable[LintWarning]
) -> None:
    """Send a whole answer that took so many seconds, on a blocking connection."""
    rows = -1 if answer.rows is None else answer.rows
    packed = json.dumps([astuple(one) for one in warnings]).encode() if warnings else b""
    head = ANSWER.pack(_KINDS.index(answer.kind), rows, elapsed, len(packed), len(answer.body))
    _send(connection, head + packed, answer.body)


def send_error(connection: socket.socket, error: SyntaxError | QueryError) -> None:
    """Send an error, on a blocking connection; the other side explains what is wrong with the syntax."""
    fields = error.fields() if isinstance(error, QueryError) else {"syntax": str(error)}
    body = json.dumps(fields).encode()
    _send(connection, ANSWER.pack(0, -1, 0.0, 0, len(body)), body)


def receive(connection: socket.socket) -> Told:
    """The answer, on a blocking connection; raises BrokenFrameError if none comes."""
    kind, rows, elapsed, warnings, size = ANSWER.unpack(frames.exactly(connection, ANSWER.size))
    packed = bytes(frames.exactly(connection, warnings))
    return Told(kind, rows, elapsed, packed, bytes(frames.exactly(connection, size)))


def read(
    told: Told, media_type: str, *, query: str, prefixes: Mapping[str, str], worker: int | None = None
) -> Answer:
    """The answer that came.

    Raises the QueryError that it tells of. ``prefixes`` are the snapshot's, for hints.
    """
    if not told.kind:
        raise _error(json.loads(bytes(told.body)), query, prefixes)
    warnings = tuple(LintWarning(*one) for one in json.loads(told.warnings)) if told.warnings else ()
    rows = None if told.rows < 0 else told.rows
    # A large body is a buffer over a file, of which bytes can be made
    # (:func:`r2p_kg.engine.answer_files.in_file`).
    return Answer(
        _KINDS[told.kind], media_type, cast("bytes", told.body), told.elapsed, rows, worker, warnings
    )


def _error(fields: dict[str, Any], query: str, prefixes: Mapping[str, str]) -> QueryError:
    if "syntax" in fields:
        return errors.of_sparql(mistakes.explain(fields["syntax"], query, prefixes))
    return cast("QueryError", errors.from_fields(fields))


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if any(sign <= " " or sign in '<>"{}|^`\\' for sign in name):
            message = (
                f"{name[:80]!r} is not an IRI, so no graph can have that name; "
                "encode what an IRI may not hold (RFC 3987)"
            )
            raise QueryRefusedError(message)


def _send(connection: socket.socket, head: bytes, body: bytes) -> None:
    # Without a time limit: the socket would have to be asked first whether it takes something, at the price
    # of a system call. A worker whose answer nobody takes is killed.
    try:
        if len(body) < _COPIED:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
    except OSError as error:
        raise frames.BrokenFrameError(str(error)) from error
