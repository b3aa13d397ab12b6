"""What a saved query is, once read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.library.params import Param


@dataclass(frozen=True)
class Column:
    """One column of the answer: ``name`` is the variable without its sign."""

    name: str
    description: str


@dataclass(frozen=True)
class SavedQuery:
    """One question with its query.

    ``form`` is select, ask, construct or describe; ``expect`` says what a right answer looks like: ``rows``,
    ``empty`` (the sources do not say it) or ``boolean``. ``prefixes`` are those that the text declares;
    ``text`` has no header.
    """

    id: str
    topic: str
    title: str
    question: str
    form: str
    params: tuple[Param, ...]
    returns: tuple[Column, ...]
    expect: str
    note: str | None
    tags: tuple[str, ...]
    prefixes: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Library:
    """All saved queries, ordered by topic and id."""

    queries: tuple[SavedQuery, ...] = ()

    def get(self, query_id: str) -> SavedQuery | None:
        """The query of this id, or None."""
        return next((query for query in self.queries if query.id == query_id), None)

    def topics(self) -> Mapping[str, tuple[SavedQuery, ...]]:
        """The queries by topic, in order."""
        found: dict[str, tuple[SavedQuery, ...]] = {}
        for query in self.queries:
            found[query.topic] = (*found.get(query.topic, ()), query)
        return found
