"""The first token of a text at which it ceases to be SPARQL, and what could have stood there.

The engine's parser tries one reading after another and reports the furthest place that any of them reached, often the end of the text.
SPARQL can be read token by token without going back (https://www.w3.org/TR/sparql11-query/#sparqlGrammar is LL(1)), so this package reads
it that way, for the sake of the place alone: nothing is decided by it. It knows 1.1, and of 1.2 what the engine knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2p_kg.sparql.grammar.cursor import StopError
from r2p_kg.sparql.grammar.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from r2p_kg.sparql.tokens import Token


@dataclass(frozen=True)
class Mistake:
    """``index``: of the first token that cannot stand, the number of tokens where the text ends too early.

    ``expected``: what could, as a short tag; empty where this reader cannot tell whether it is a mistake at all.
    ``inside``: the constructs around it, the innermost last. ``opened``: indexes of the brackets that are open there.
    """

    index: int
    expected: str
    inside: tuple[str, ...]
    opened: tuple[int, ...]


def first_mistake(found: Sequence[Token]) -> Mistake | None:
    """The first mistake; None where there is none that a grammar can see."""
    reader = Queries(found)
    try:
        reader.query()
    except StopError as stop:
        return Mistake(reader.at, stop.expected, tuple(reader.inside), tuple(reader.opened))
    return None
