"""The errors of this package, each with its place in the text."""

from __future__ import annotations


class SparqlError(Exception):
    """A text cannot be asked. ``line`` and ``column`` count from 1; None if the place is unknown."""

    def __init__(
        self, message: str, line: int | None = None, column: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.hint = hint


class SparqlSyntaxError(SparqlError):
    """The text is not SPARQL."""


class SparqlRefusedError(SparqlError):
    """Policy forbids the text; ``status`` is the HTTP status that says so."""

    def __init__(
        self, message: str, line: int | None = None, column: int | None = None, status: int = 400
    ) -> None:
        super().__init__(message, line, column)
        self.status = status
