"""The engine's syntax errors in words that help: where, what stands there, and what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql import hints
from r2p_kg.sparql.errors import SparqlSyntaxError
from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.tokens import place, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.sparql.tokens import Token

_PLACE: Final = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)

#: What the engine says in words among the characters that it expected, and what we say.
_KNOWN: Final[Mapping[str, tuple[str, str]]] = {
    "The SELECT contains a variable that is unbound": (
        "a variable of the SELECT is neither in GROUP BY nor inside an aggregate",
        "Add the variable to GROUP BY, or wrap it: (SAMPLE(?x) AS ?y).",
    ),
    "The SELECT overrides an existing variable using an expression": (
        "an expression of the SELECT has the name of a variable that already has a value",
        "Give it another name: (… AS ?other).",
    ),
    "Duplicated variable name in SELECT": (
        "a variable is in the SELECT twice",
        "Delete one, or give it another name: (… AS ?other).",
    ),
}


def explain(
    message: str, query: str, prefixes: Mapping[str, str], *, update: bool = False
) -> SparqlSyntaxError:
    """The engine's message as an error with line, column and, where the mistake is a known one, a hint.

    ``prefixes`` are those of the snapshot; a missing declaration of one of them is spelt out.
    The place is that of the mistake where the grammar tells it, else the one where the engine gave up.
    ``update``: the text is an update, whose grammar the hints do not know.
    """
    if not update and (said := hints.advice(parse(query), prefixes)):
        return SparqlSyntaxError(said.detail, *place(query, said.start), hint=said.hint)
    reported = _PLACE.match(message)
    if not reported:
        return SparqlSyntaxError(
            message.strip().splitlines()[0] if message.strip() else "the query cannot be read"
        )
    line, column, expected = int(reported[1]), int(reported[2]), reported[3]
    ours = next((ours for said, ours in _KNOWN.items() if said in expected), None)
    if ours:
        return SparqlSyntaxError(ours[0], line, column, hint=ours[1])
    return SparqlSyntaxError(_what(tuple(tokens(query)), _offset(query, line, column)), line, column)


def _what(found: Sequence[Token], offset: int) -> str:
    at = next((token for token in found if token.start + len(token.text) > offset), None)
    return f"{at.text[:60]!r} is not allowed here" if at else "the query cannot be read up to its end"


def _offset(query: str, line: int, column: int) -> int:
    lines = query.split("\n")
    return sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
