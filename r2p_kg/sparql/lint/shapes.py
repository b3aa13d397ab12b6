"""Queries that differ only in what a program fills in: those of which there is nothing to warn are read once.

Two queries have the same shape if they are the same but for numbers and for IRIs that the graph has, and if
what is equal in one is equal in the other. No rule can tell them apart then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.policy import USUAL

if TYPE_CHECKING:
    from r2p_kg.sparql.known_terms import KnownTerms

#: IRIs in full, and whole numbers that are no part of a name. What stands before a number is looked at behind
#: its first digit: so only digits are looked at.
_FILLED: Final = re.compile(r"(<[^<>\"{}|^`\\\x00-\x20]*+>|[0-9](?<![\w:.%?$@\\-][0-9])[0-9]*+(?![\w.-]))")

#: Shapes that are remembered; a program has few.
_MOST: Final = 1000


def of(query: str, known: KnownTerms) -> str | None:
    """What the query has in common with all of its shape; None if it has to be read itself.

    That is so with a text in quotes, a prologue that is not the usual one, or an IRI that the graph has not.
    """
    if known.terms is None or '"' in query or "'" in query or (usual := USUAL.match(query)) is None:
        return None
    head = usual.start(1)
    pieces: list[str] = _FILLED.split(query[head:])
    places: dict[str, str] = {}
    for index in range(1, len(pieces), 2):
        filled = pieces[index]
        if filled not in places:
            iri = filled[1:-1]
            if filled[0] == "<" and (iri not in known.terms or iri in known.deprecated):
                return None
            places[filled] = f"\x00{filled[0] == '<'}{len(places)}\x00"
        pieces[index] = places[filled]
    return query[:head] + "".join(pieces)


def remember(shape: str, known: KnownTerms) -> None:
    """There is nothing to warn of in queries of this shape."""
    if len(known.clean) < _MOST:
        known.clean.add(shape)
