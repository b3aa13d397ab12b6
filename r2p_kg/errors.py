"""The one exception tree of the project.

::

    R2PError                        everything that a person is told in one sentence; exit code 2
    ├── UsageError                  a wrong argument, an unreadable folder, a port in use
    ├── FindingsError               curated files have findings of severity error; exit code 1 (:mod:`r2p_kg.curate.findings`)
    ├── SnapshotError               a snapshot file is corrupt or of another format
    ├── LibraryError                a saved query has a bad header or was given a bad parameter
    └── QueryError                  a question was not answered; becomes a problem+json body
        ├── QuerySyntaxError        400: not SPARQL; knows line and column
        ├── QueryRefusedError       400 or 403: policy forbids it (SERVICE, LOAD, update, nesting, length)
        ├── BodySyntaxError         400: the RDF of a request's body has an error; knows line and column
        ├── NotAcceptableError      406: no format of the request can be produced
        ├── AnswerTooLargeError     413: over the row or byte limit; nothing was sent
        ├── WorkerDiedError         500: the engine's process died of this query (stack, memory)
        └── UnavailableError        503: not now; knows when to come back
            ├── QueryTimeoutError   over its deadline; its process was killed
            ├── QueryCancelledError the operator stopped it, or nobody waits for its answer any more
            └── BusyError           the queue is full
                └── AllowanceError  429: this client's queries took too much time

Messages say what, where and what to do, in that order. Between processes an error travels as its
:meth:`R2PError.fields`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from r2p_kg.sparql.errors import SparqlRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from r2p_kg.sparql.errors import SparqlError


class R2PError(Exception):
    """Something a person must be told in one sentence; never shown as a traceback."""

    exit_code = 2

    def fields(self) -> dict[str, Any]:
        """The error as another process can be told of it: its class (``error``), message and attributes."""
        return {**vars(self), "error": type(self).__name__, "message": str(self)}

    @staticmethod
    def from_fields(record: Mapping[str, Any]) -> R2PError:
        """The error that another process told of in :meth:`fields`; a QueryError if its class is unknown here."""
        attributes = dict(record)
        name, message = attributes.pop("error"), str(attributes.pop("message"))
        kind = next((one for one in _kinds(R2PError) if one.__name__ == name), QueryError)
        # Not by the constructor, which may take something else and make the message of it.
        made = kind.__new__(kind, message)
        vars(made).update(attributes)
        return made


class UsageError(R2PError):
    """The command was called wrongly, or a file, folder or port cannot be used."""


class SnapshotError(R2PError):
    """A snapshot file is corrupt, incomplete or of another format version."""


class LibraryError(R2PError):
    """A saved query has a bad header, or was asked with a bad parameter."""


class QueryError(R2PError):
    """A question was not answered.

    ``status`` is the HTTP status (RFC 9110), ``slug`` the last segment of the problem type (RFC 9457, section
    3.1.1).
    """

    status = 400
    slug = "query-error"
    title = "The query was not answered"


class QuerySyntaxError(QueryError):
    """The text is not a SPARQL 1.1 query; ``line`` and ``column`` count from 1 and are None where unknown."""

    slug = "syntax-error"
    title = "The query has a syntax error"

    def __init__(
        self, message: str, line: int | None = None, column: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.hint = hint


class QueryRefusedError(QueryError):
    """Policy forbids the query before it is evaluated; the message names the construct and the way out."""

    slug = "query-refused"
    title = "The query is not allowed here"

    def __init__(
        self, message: str, line: int | None = None, column: int | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.status = status


class BodySyntaxError(QueryError):
    """The RDF that a request brings is not in its format.

    ``line`` and ``column`` count from 1 and are None where unknown.
    """

    slug = "rdf-syntax-error"
    title = "The RDF of the body has a syntax error"

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.members = {"line": line, "column": column}


class NotAcceptableError(QueryError):
    """None of the media types asked for can be produced for this kind of answer (RFC 9110, section 15.5.7)."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable format"


class AnswerTooLargeError(QueryError):
    """The answer is over a limit; nothing of it was sent."""

    status = 413
    slug = "answer-too-large"
    title = "The answer is larger than this service sends"


class WorkerDiedError(QueryError):
    """The process that evaluated the query died of it; the service goes on with another."""

    status = 500
    slug = "engine-crash"
    title = "The query brought its process down"


class UnavailableError(QueryError):
    """Not now; ``retry_after`` says in how many seconds to come back (RFC 9110, section 10.2.3)."""

    status = 503
    slug = "unavailable"
    title = "The service cannot answer now"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueryTimeoutError(UnavailableError):
    """The query ran past its deadline and its process was killed."""

    slug = "timeout"
    title = "The query took too long"


class QueryCancelledError(UnavailableError):
    """The query was stopped: by the operator, or because nobody waited for its answer any more."""

    slug = "cancelled"
    title = "The query was stopped"


class BusyError(UnavailableError):
    """Too many queries wait already, or what answers them is not there yet."""

    slug = "busy"
    title = "The service is busy"


class ShareError(BusyError):
    """Who borrows query workers has its share of them already; it waits until one of its own comes free."""


class AllowanceError(BusyError):
    """The queries of this client took more time than one client may.

    ``retry_after`` as in BusyError (RFC 6585, section 4).
    """

    status = 429
    slug = "allowance-used"
    title = "Your queries took too much time"

    def __init__(self, seconds: float) -> None:
        whole = math.ceil(seconds)
        super().__init__(
            f"your queries have taken more time than one client may; come back in {whole} seconds, with narrower ones",
            whole,
        )


def of_sparql(error: SparqlError) -> QueryError:
    """The error of this tree that says the same as one of :mod:`r2p_kg.sparql`, which knows nothing of it."""
    if isinstance(error, SparqlRefusedError):
        return QueryRefusedError(str(error), error.line, error.column, error.status)
    return QuerySyntaxError(str(error), error.line, error.column, error.hint)


def _kinds(kind: type[R2PError]) -> Iterator[type[R2PError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
