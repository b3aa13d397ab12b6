"""Mistakes that no grammar sees: variables that have a value already or are not grouped, blank nodes in two patterns."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.tokens import CLOSING, OPENING
from r2p_kg.sparql.words import AGGREGATES, MODIFIERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from r2p_kg.sparql.tokens import Token


def advice(found: Sequence[Token]) -> Advice | None:
    """What is wrong with a text that the grammar takes and the engine does not; None where this module cannot tell."""
    for start in (
        index for index, token in enumerate(found) if token.kind == "word" and token.text.upper() == "SELECT"
    ):
        if said := _selected(_query(found, start)):
            return said
    return _bound_again(found) or _blank_twice(found)


def _query(found: Sequence[Token], start: int) -> list[Token]:
    """The tokens of the SELECT that begins there, up to the end of the braces around it."""
    depth = 0
    taken = []
    for token in found[start:]:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth < 0:
            break
        taken.append(token)
    return taken


def _columns(query: Sequence[Token]) -> Iterator[tuple[Token, list[Token]]]:
    """Each column's variable, with the expression that it names."""
    depth = 0
    expression: list[Token] = []
    for before, token in pairwise(query):
        if token.text == "{" or token.text.upper() in {"WHERE", "FROM"}:
            return
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth:
            expression.append(token)
        else:
            expression = []
        if token.kind == "variable" and depth == 0:
            yield token, []
        elif token.kind == "variable" and depth == 1 and before.text.upper() == "AS":
            yield token, expression[1:-2]


def _selected(query: Sequence[Token]) -> Advice | None:
    columns = list(_columns(query))
    names = Counter(_name(token) for token, _ in columns)
    twice = next((token for token, _ in reversed(columns) if names[_name(token)] > 1), None)
    if twice:
        return Advice(
            f"{twice.text} stands twice in the SELECT",
            "Leave one out, or give it another name: (… AS ?other).",
            twice.start,
        )
    keys = _grouped_by(query)
    aggregated = any(
        token.kind == "word" and token.text.upper() in AGGREGATES
        for _, expression in columns
        for token in expression
    )
    if keys is None and not aggregated:
        return _overrides(query, columns)
    star = query[1] if len(query) > 1 and query[1].text == "*" else None
    if star:
        return Advice(
            "SELECT * cannot stand with GROUP BY",
            "Name the variables of GROUP BY, and wrap others: (SAMPLE(?x) AS ?y).",
            star.start,
        )
    for column, expression in columns:
        for token in [column] if not expression else _outside_aggregates(expression):
            if _name(token) not in (keys or set()):
                hint = f"Add GROUP BY {token.text}" if keys is None else f"Add {token.text} to GROUP BY"
                return Advice(
                    f"{token.text} is neither in GROUP BY nor inside an aggregate",
                    f"{hint}, or wrap it: (SAMPLE({token.text}) AS ?one).",
                    token.start,
                )
        if expression:
            keys = {*(keys or set()), _name(column)}  # a later expression may use it
    return _overrides(query, columns)


def _grouped_by(query: Sequence[Token]) -> set[str] | None:
    """The variables of GROUP BY, those that it names with AS included; None where there is none."""
    depth, inside = 0, False
    keys: set[str] | None = None
    for token in query:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        word = token.text.upper() if token.kind == "word" else ""
        if depth == 0 and word in MODIFIERS:
            inside = word == "GROUP"
            keys = set() if inside else keys
        elif inside and keys is not None and token.kind == "variable":
            keys.add(_name(token))
    return keys


def _outside_aggregates(expression: Sequence[Token]) -> Iterator[Token]:
    depth: int | None = None
    for before, token in zip([None, *expression], expression, strict=False):
        if depth is None and token.text == "(" and before is not None and before.text.upper() in AGGREGATES:
            depth = 0
        if depth is None:
            if token.kind == "variable":
                yield token
            continue
        depth += (token.text in OPENING) - (token.text in CLOSING)
        depth = depth or None


def _overrides(query: Sequence[Token], columns: Sequence[tuple[Token, list[Token]]]) -> Advice | None:
    begin = next((index for index, token in enumerate(query) if token.text == "{"), len(query))
    depth, bound = 0, set()
    for token in query[begin:]:
        depth += (token.text == "{") - (token.text == "}")
        if depth and token.kind == "variable":
            bound.add(_name(token))
    grouped = _grouped_by(query)
    for column, expression in columns:
        if expression and _name(column) in (bound if grouped is None else bound & grouped):
            return Advice(
                f"{column.text} has a value in the pattern already",
                "Give the expression another name: (… AS ?other).",
                column.start,
            )
    return None


def _bound_again(found: Sequence[Token]) -> Advice | None:
    """BIND of a variable that something before it in its group, or in a group inside that, uses."""
    groups: list[set[str]] = [set()]
    for index, token in enumerate(found):
        if token.text == "{":
            groups.append(set())
        elif token.text == "}" and len(groups) > 1:
            inner = groups.pop()
            groups[-1] |= inner
        elif token.kind == "variable":
            naming = found[index - 1].text.upper() == "AS" and found[index - 1].kind == "word"
            if naming and _name(token) in groups[-1] and len(groups) > 1:
                return Advice(
                    f"{token.text} has a value already",
                    "BIND takes a variable that nothing before it in its group uses: choose another.",
                    token.start,
                )
            groups[-1].add(_name(token))
    return None


def _blank_twice(found: Sequence[Token]) -> Advice | None:
    """A label of a blank node in two patterns."""
    number, place, stack = 0, 0, []
    places: dict[str, int] = {}
    for token in found:
        word = token.text.upper() if token.kind == "word" else token.text
        if word == "{":
            stack.append(place)
            number, place = number + 1, number + 1
        elif word == "}" and stack:
            stack.pop()
            number, place = number + 1, number + 1
        if token.kind == "blank" and places.setdefault(token.text, place) != place:
            return Advice(
                f"{token.text} stands in two patterns",
                "A blank node belongs to one pattern; write a variable for it.",
                token.start,
            )
    return None


def _name(token: Token) -> str:
    return token.text[1:]
