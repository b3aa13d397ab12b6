"""Brackets that are never closed, that close nothing, or that close another kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.tokens import CLOSING

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene
    from r2p_kg.sparql.tokens import Token

_PAIRS: Final = {"{": "}", "(": ")", "[": "]", "<<": ">>", "<<(": ")>>", "{|": "|}"}


def _never_closed(scene: Scene) -> Advice | None:
    """The innermost open bracket, at the end of the text or before a bracket that closes one further out."""
    opened = [scene.tokens[index] for index in scene.mistake.opened]
    if not opened:
        return None
    closes = scene.token.text if scene.token.kind == "mark" and scene.token.text in CLOSING else None
    if scene.token.kind != "end" and (
        closes is None
        or closes not in [_PAIRS[one.text] for one in opened[:-1]]
        or closes == _PAIRS[opened[-1].text]
    ):
        return None
    bracket = opened[-1]
    if scene.token.kind == "end" and scene.expected not in {
        "subject",
        "dot",
        "}",
        ")",
        "]",
        "operator",
        "list item",
        "value",
        "row",
    }:
        return None
    if scene.token.kind == "end" and bracket.text == "{":
        bracket = _outdented(scene) or bracket
    where = "" if closes is None else f" before the {closes} that follows"
    return Advice(
        f"the bracket {bracket.text} that opens here is never closed",
        f"Add {_PAIRS[bracket.text]}{where}.",
        bracket.start,
    )


def _outdented(scene: Scene) -> Token | None:
    """A brace whose closing one begins a line further to the left than the line of the brace.

    Its own is missing, and it took another's.
    """
    for opening, closing in scene.tree.brackets.items():
        brace, at = scene.tokens[opening], scene.tokens[closing].start
        line = scene.query[scene.query.rfind("\n", 0, at) + 1 : at]
        if (
            brace.text == "{"
            and not line.strip()
            and len(line) < _indent(scene.query, brace)
            and "\n" in scene.query[brace.start : at]
        ):
            return brace
    return None


def _indent(query: str, token: Token) -> int:
    line = query[query.rfind("\n", 0, token.start) + 1 : token.start]
    return len(line) - len(line.lstrip(" \t"))


def _closes_nothing(scene: Scene) -> Advice | None:
    closing = scene.token.text
    if scene.token.kind != "mark" or closing not in CLOSING:
        return None
    opened = [scene.tokens[index].text for index in scene.mistake.opened]
    opening = next(one for one, other in _PAIRS.items() if other == closing)
    if not opened or (closing not in [_PAIRS[one] for one in opened]):
        if opened and closing in {")", "]"} and opened[-1] in {"(", "["}:
            return Advice(
                f"{closing} is here instead of {_PAIRS[opened[-1]]}", f"Write {_PAIRS[opened[-1]]}."
            )
        return Advice(
            f"the bracket {closing} closes nothing", f"Delete it, or add {opening} where it should open."
        )
    return None


RULES: Final = (_never_closed, _closes_nothing)
