"""The engine's syntax errors in words that help: where, what stands there, and what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.engine.tokens import Token, tokens
from r2p_kg.errors import QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLACE: Final = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)

#: What the engine says in words among the characters that it expected, and what we say.
_KNOWN: Final[Mapping[str, str]] = {
    "The SELECT contains a variable that is unbound": "a variable of the SELECT is neither in GROUP BY nor inside an aggregate",
    "The SELECT overrides an existing variable using an expression": "an expression of the SELECT is named like a variable that the pattern binds already",
    "Duplicated variable name in SELECT": "a variable stands twice in the SELECT",
}


def explain(message: str, query: str, prefixes: Mapping[str, str]) -> QuerySyntaxError:
    """The engine's message as an error with line, column and, where the mistake is a known one, a hint.

    ``prefixes`` are those of the snapshot; a missing declaration of one of them is spelt out.
    """
    found = _PLACE.match(message)
    if not found:
        return QuerySyntaxError(message.strip().splitlines()[0] if message.strip() else "the query cannot be read")
    line, column, expected = int(found[1]), int(found[2]), found[3]
    for said, ours in _KNOWN.items():
        if said in expected:
            return QuerySyntaxError(ours, line, column, hint="Add the variable to GROUP BY, or wrap it: (SAMPLE(?x) AS ?y)." if "unbound" in said else "Give it another name: (… AS ?other).")
    offset = _offset(query, line, column)
    all_tokens = list(tokens(query))
    hint = next((hint for check in _HINTS if (hint := check(query, all_tokens, offset, prefixes))), None)
    return QuerySyntaxError(_what(all_tokens, offset), line, column, hint=hint)


def _what(all_tokens: list[Token], offset: int) -> str:
    at = next((token for token in all_tokens if token.start + len(token.text) > offset), None)
    if at is None:
        return "the query ends too early"
    return f"{at.text[:60]!r} cannot stand here"


def _undeclared_prefix(query: str, all_tokens: list[Token], offset: int, prefixes: Mapping[str, str]) -> str | None:
    declared = {second.text for first, second in zip(all_tokens, all_tokens[1:], strict=False) if first.text.upper() == "PREFIX"}
    for token in all_tokens:
        prefix = token.text.partition(":")[0]
        if token.kind == "name" and f"{prefix}:" not in declared and token.start <= offset:
            known = prefixes.get(prefix)
            return f"Declare the prefix: add the line PREFIX {prefix}: <{known}> at the top." if known else f"The prefix {prefix}: is not declared; add PREFIX {prefix}: <…> at the top."
    del query
    return None


def _open_bracket(query: str, all_tokens: list[Token], offset: int, prefixes: Mapping[str, str]) -> str | None:
    del query, offset, prefixes
    pairs = {"{": "}", "(": ")", "[": "]"}
    still_open = []
    for token in all_tokens:
        if token.text in pairs and token.kind == "mark":
            still_open.append(token.text)
        elif token.kind == "mark" and token.text in pairs.values():
            if not still_open or pairs[still_open.pop()] != token.text:
                return f"The bracket {token.text} closes nothing."
    return f"The bracket {still_open[-1]} is never closed; add {pairs[still_open[-1]]}." if still_open else None


def _open_string(query: str, all_tokens: list[Token], offset: int, prefixes: Mapping[str, str]) -> str | None:
    del query, offset, prefixes
    return "A string is never closed, or runs over a line end; close it, or use three quotes." if any(token.kind == "other" and token.text in "\"'" for token in all_tokens) else None


def _missing_dot(query: str, all_tokens: list[Token], offset: int, prefixes: Mapping[str, str]) -> str | None:
    del query, prefixes
    before = [token for token in all_tokens if token.start < offset]
    if len(before) > 3 and all(token.kind in {"variable", "iri", "name", "string", "number"} for token in before[-4:]):  # noqa: PLR2004 - a triple has three
        return "A triple ends with a dot, or with ; or , before the next predicate or object."
    return None


_HINTS: Final[tuple[Callable[[str, list[Token], int, Mapping[str, str]], str | None], ...]] = (_open_string, _undeclared_prefix, _open_bracket, _missing_dot)


def _offset(query: str, line: int, column: int) -> int:
    lines = query.split("\n")
    return sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
