"""What is asked of an engine and what it gives back: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.sparql.lint import LintWarning

from r2p_kg.limits import Limits


@dataclass(frozen=True)
class Budget:
    """What one query may cost: seconds until it is killed, rows and bytes that its answer may have."""

    seconds: float = Limits.seconds
    rows: int = Limits.rows
    bytes: int = Limits.bytes


@dataclass(frozen=True)
class Dataset:
    """The RDF dataset of a query (SPARQL 1.1 Protocol, section 2.1.4): IRIs of its default graph and its named graphs.

    Both empty: the service's own dataset, whose default graph is the union of all graphs, each of which is named as well.
    """

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    kind: select, ask or graph.
    rows: Solutions or triples; None if they were not counted.
    worker: The process that gave it, if that is known.
    warnings: Reasons to doubt that the query means what it says; none if whoever answered knows of none.
    """

    kind: str
    media_type: str
    body: bytes
    elapsed: float
    rows: int | None = None
    worker: int | None = None
    warnings: tuple[LintWarning, ...] = ()


class Engine(Protocol):
    """Anything that answers SPARQL queries within a budget."""

    def ask(self, query: str, *, media_type: str, dataset: Dataset = ..., budget: Budget = ...) -> Answer:
        """The whole answer in the format of ``media_type``; raises a QueryError instead of giving part of one."""
        ...

    def stats(self) -> Mapping[str, Any]:
        """What the engine counts: places, who waits, what runs. Raises QueryError if nobody can say."""
        ...

    def cancel(self, number: str) -> bool:
        """End a running query; False if no query of that id runs any more."""
        ...

    def close(self) -> None:
        """End every process that the engine started."""
        ...
