"""The one exception tree of the project.

::

    R2PError                        everything that a person is told in one sentence; exit code 2
    ├── UsageError                  a wrong argument, an unreadable folder, a port in use
    ├── FindingsError               curated files have errors; exit code 1 (in r2p_kg.curate.findings)
    ├── SnapshotError               a snapshot file is corrupt or of another format
    ├── LibraryError                a saved query has a bad header or was given a bad parameter
    └── QueryError                  a question was not answered; becomes a problem+json body
        ├── QuerySyntaxError        400: not SPARQL; knows line and column
        ├── QueryRefusedError       400 or 403: policy forbids it (SERVICE, LOAD, update, nesting, length)
        ├── BodySyntaxError         400: the RDF of a request's body has an error; knows line and column
        ├── NotAcceptableError      406: no format of the request can be produced
        ├── AnswerTooLargeError     413: over the row or byte limit; nothing was sent
        ├── QueryTimeoutError       503: over its deadline; its process was killed
        ├── QueryCancelledError     503: the operator ended it, or the client left
        ├── WorkerDiedError         500: the engine's process died of this query (stack, memory)
        ├── BusyError               503: the queue is full; try again later
        └── AllowanceError          429: this client's queries took too much time

Messages say what, where and what to do, in that order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from r2p_kg.sparql.errors import SparqlRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.sparql.errors import SparqlError


class R2PError(Exception):
    """Something a person must be told in one sentence; never shown as a traceback."""

    exit_code = 2

    def fields(self) -> dict[str, Any]:
        """The error as a JSON object, for another process: its class, its message, and every attribute."""
        return {"error": type(self).__name__, "message": str(self), **vars(self)}


class UsageError(R2PError):
    """The command was called wrongly, or a file, folder or port cannot be used."""


class SnapshotError(R2PError):
    """A snapshot file is corrupt, incomplete or of another format version."""


class LibraryError(R2PError):
    """A saved query has a bad header, or was asked with a bad parameter."""


class QueryError(R2PError):
    """A question was not answered.

    status: The HTTP status (RFC 9110).
    slug: The last segment of the problem type (RFC 9457, section 3.1.1).
    title: What kind of problem it is.
    retry_after: In how many seconds it is worth while to ask again (RFC 9110, section 10.2.3), None if never.
    """

    status = 400
    slug = "query-error"
    title = "The query was not answered"
    retry_after: int | None = None


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
    """No media type that was asked for can carry this kind of answer (RFC 9110, section 15.5.7)."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable format"


class AnswerTooLargeError(QueryError):
    """The answer is over a limit; nothing of it was sent."""

    status = 413
    slug = "answer-too-large"
    title = "The answer is larger than this service sends"


class QueryTimeoutError(QueryError):
    """The query ran past its deadline and its process was killed."""

    status = 503
    slug = "timeout"
    title = "The query took too long"
    retry_after = 10


class QueryCancelledError(QueryError):
    """The query was ended while it ran: by the operator, or because nobody waits for its answer any more."""

    status = 503
    slug = "cancelled"
    title = "The query was cancelled"
    retry_after = 10


class WorkerDiedError(QueryError):
    """The process that evaluated the query died of it; the service goes on with another."""

    status = 500
    slug = "engine-crash"
    title = "The query brought its process down"


class BusyError(QueryError):
    """Too many queries wait already; ``retry_after`` says in how many seconds to come back."""

    status = 503
    slug = "busy"
    title = "The service is busy"

    retry_after: int

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


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
            f"your queries have taken more time than one client may; "
            f"come back in {whole} seconds, with narrower ones",
            whole,
        )


def from_fields(fields: Mapping[str, Any]) -> R2PError:
    """The error that :meth:`R2PError.fields` was made of."""
    kinds: list[type[R2PError]] = [R2PError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    named = next((kind for kind in kinds if kind.__name__ == fields["error"]), QueryError)
    # Past the constructor, which may take something else than the message.
    error = named.__new__(named, fields["message"])
    vars(error).update({name: value for name, value in fields.items() if name not in {"error", "message"}})
    return error


def of_sparql(error: SparqlError) -> QueryError:
    """The error of this tree for one of :mod:`r2p_kg.sparql`, which knows nothing of this tree."""
    if isinstance(error, SparqlRefusedError):
        return QueryRefusedError(str(error), error.line, error.column, error.status)
    return QuerySyntaxError(str(error), error.line, error.column, error.hint)
