"""What is asked of an engine and what it gives back: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from r2p_kg.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.sparql.lint import LintWarning


@dataclass(frozen=True)
class Budget:
    """What one query may cost: seconds until it is killed, rows and bytes that its answer may have."""

    seconds: float = Limits.seconds
    rows: int = Limits.rows
    bytes: int = Limits.bytes


@dataclass(frozen=True)
class Dataset:
    """The RDF dataset of a query (SPARQL 1.1 Protocol, section 2.1.4).

    IRIs of its default graph and its named graphs.

    Both empty: the service's own dataset, whose default graph is the union of all graphs, each of which is
    named as well.
    """

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    kind: ``select``, ``ask`` or ``graph``.
    media_type: The format of the body.
    body: All of it.
    elapsed: Seconds of evaluation.
    rows: Solutions or triples, None if they were not counted.
    worker: The process that gave it, if that is known.
    warnings: What the query probably does not mean.
    """

    kind: str
    media_type: str
    body: bytes
    elapsed: float
    rows: int | None = None
    worker: int | None = None
    warnings: tuple[LintWarning, ...] = ()


class Operated(Protocol):
    """Anything that evaluates queries for a service: what runs there can be seen and ended."""

    def stats(self) -> Mapping[str, Any]:
        """Counters, and as ``running`` the queries that are evaluated.

        Raises QueryError if they cannot be told.
        """
        ...

    def cancel(self, number: str) -> bool:
        """End the running query with that ``id``; False if none of that id runs."""
        ...


class Engine(Operated, Protocol):
    """Anything that answers SPARQL queries within a budget."""

    def ask(self, query: str, *, media_type: str, dataset: Dataset = ..., budget: Budget = ...) -> Answer:
        """The whole answer in the format of ``media_type``.

        Raises a QueryError instead of giving part of one.
        """
        ...

    def close(self) -> None:
        """End every process that the engine started."""
        ...
