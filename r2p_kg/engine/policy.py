"""The policy on queries (:mod:`r2p_kg.sparql.policy`) with this project's base IRI and its errors."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from r2p_kg.errors import of_sparql
from r2p_kg.graph import vocab
from r2p_kg.sparql import policy
from r2p_kg.sparql.errors import SparqlError
from r2p_kg.sparql.policy import Inspection, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Inspection", "Limits", "inspect", "refuse_unknown_graphs"]


@lru_cache(maxsize=128)
def inspect(text: str, limits: Limits | None = None) -> Inspection:
    """What the query is; raises QueryRefusedError or QuerySyntaxError, each with its place."""
    try:
        return policy.inspect(text, limits, vocab.BASE)
    except SparqlError as error:
        raise of_sparql(error) from error


def refuse_unknown_graphs(graphs: Iterable[str], known: frozenset[str]) -> None:
    """Raise QueryRefusedError if the protocol's dataset names a graph that is not served."""
    try:
        policy.refuse_unknown_graphs(graphs, known)
    except SparqlError as error:
        raise of_sparql(error) from error
