"""The engine's syntax errors in words that help: where, what stands there, and what to write instead."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from r2p_kg.engine.tokens import place, tokens
from r2p_kg.errors import QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from r2p_kg.engine.tokens import Token

_PLACE: Final = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)

_TERMS: Final = frozenset({"variable", "iri", "name", "string", "number", "blank"})
_TRIPLE: Final = 3

_DOT: Final = "A triple ends with a dot, or with ; or , before the next predicate or object."

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
            return QuerySyntaxError(
                ours,
                line,
                column,
                hint="Add the variable to GROUP BY, or wrap it: (SAMPLE(?x) AS ?y)." if "unbound" in said else "Give it another name: (… AS ?other).",
            )
    found_tokens = tuple(tokens(query))
    if undeclared := _undeclared(found_tokens):
        return _missing_prefix(query, undeclared, prefixes)
    offset = _offset(query, line, column)
    late = _late(found_tokens) if not query[offset:].strip() and not _open_string(found_tokens, offset) and not _open_bracket(found_tokens, offset) else None
    if late:
        return QuerySyntaxError(late[0], *place(query, late[1].start), hint=late[2])
    hint = next((hint for check in _HINTS if (hint := check(found_tokens, offset))), None)
    return QuerySyntaxError(_what(found_tokens, offset), line, column, hint=hint)


def _what(found: Sequence[Token], offset: int) -> str:
    at = next((token for token in found if token.start + len(token.text) > offset), None)
    return f"{at.text[:60]!r} cannot stand here" if at else "the query ends too early"


def _late(found: Sequence[Token]) -> tuple[str, Token, str] | None:
    """What the engine notices only behind the last bracket, with its token and a hint: triples cut short or run together, a variable bound twice."""
    bound: set[str] = set()
    terms: int | None = None  # of a triple without paths and lists, since its beginning
    for before, token in pairwise(found):
        if before.text in {"{", "}", "."}:
            terms = 0
        if token.text == "}" and terms in {1, 2} and not any(one.text.upper() == "VALUES" for one in found):
            return "a triple is cut short here", token, "A triple has a subject, a predicate and an object."
        terms = terms + 1 if terms is not None and (token.kind in _TERMS or token.text == "a") else None
        if terms == _TRIPLE + 1:
            return f"a dot is missing before {token.text}", token, _DOT
        if token.kind == "variable" and before.text.upper() == "AS" and token.text[1:] in bound:
            return f"{token.text} has a value already", token, "BIND needs a variable that nothing before it in its group uses."
        if token.kind == "variable" and "{" in {one.text for one in found if one.start < token.start}:
            bound.add(token.text[1:])
    return None


def _undeclared(found: Sequence[Token]) -> Token | None:
    """The first prefixed name whose prefix is declared nowhere; the engine reports the place after it."""
    declared = {name.text for word, name in pairwise(found) if word.kind == "word" and word.text.upper() == "PREFIX"}
    return next((token for token in found if token.kind == "name" and token.text.partition(":")[0] + ":" not in declared), None)


def _missing_prefix(query: str, token: Token, prefixes: Mapping[str, str]) -> QuerySyntaxError:
    prefix = token.text.partition(":")[0]
    line, column = place(query, token.start)
    known = prefixes.get(prefix)
    hint = f"Add the line PREFIX {prefix}: <{known or '…'}> at the top."
    return QuerySyntaxError(f"the prefix {prefix}: is not declared", line, column, hint=hint)


def _open_bracket(found: Sequence[Token], offset: int) -> str | None:
    del offset
    pairs = {"{": "}", "(": ")", "[": "]"}
    still_open: list[str] = []
    for token in found:
        if token.kind == "mark" and token.text in pairs:
            still_open.append(token.text)
        elif token.kind == "mark" and token.text in pairs.values() and (not still_open or pairs[still_open.pop()] != token.text):
            return f"The bracket {token.text} closes nothing."
    return f"The bracket {still_open[-1]} is never closed; add {pairs[still_open[-1]]}." if still_open else None


def _open_string(found: Sequence[Token], offset: int) -> str | None:
    del offset
    is_open = any(token.kind == "other" and token.text in {'"', "'"} for token in found)
    return "A string is never closed, or runs over a line end; close it, or use three quotes." if is_open else None


def _missing_dot(found: Sequence[Token], offset: int) -> str | None:
    before = [token for token in found if token.start < offset][-_TRIPLE - 1 :]
    if len(before) > _TRIPLE and all(token.kind in _TERMS for token in before):
        return _DOT
    return None


#: What can be told from the tokens alone; the first that has something to say is shown.
_HINTS: Final[tuple[Callable[[Sequence[Token], int], str | None], ...]] = (_open_string, _open_bracket, _missing_dot)


def _offset(query: str, line: int, column: int) -> int:
    lines = query.split("\n")
    return sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
