"""Did you mean: the names that a misspelt one resembles most."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The least share of letters, in the same order, that two names have in common (difflib's ratio): a swap of
#: two letters is a third of a short name.
_LIKE: Final = 0.72
_SHORT_LIKE: Final = 0.6
_SHORT: Final = 4

#: Longer names are compared by their first letters only, because the time grows with the square of their
#: length.
_COMPARED: Final = 200

#: Names with fewer letters than this resemble too many others.
_SHORTEST: Final = 3


def nearest(name: str, names: Iterable[str], most: int = 1) -> list[str]:
    """The names that resemble this one, at most ``most`` of them, the most similar first; often none.

    Capital letters count less than others: a name that differs only in them is the most similar.

    >>> nearest("Situaton", ["Situation", "Statement", "station"]), nearest("qqq", ["Situation"])
    (['Situation'], [])
    >>> nearest("label", ["Label", "labels"], 2)
    ['Label', 'labels']
    """
    if len(name) < _SHORTEST:
        return []
    like = _LIKE if len(name) > _SHORT else _SHORT_LIKE
    # Of names that differ in capitals only, the last stays: the one whose first letter is written like this
    # one's.
    ordered = sorted(names, key=lambda other: (other[:1].isupper() == name[:1].isupper(), other))
    by_key = {other[:_COMPARED].lower(): other for other in ordered}
    return [by_key[key] for key in difflib.get_close_matches(name[:_COMPARED].lower(), by_key, most, like)]
