"""Clauses in the wrong order or place, and two queries in one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.nearest import nearest
from r2p_kg.sparql.words import ELEMENTS, FORMS, MODIFIERS

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene

_ORDER: Final = "GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET"
_NAMES: Final = {"GROUP": "GROUP BY", "ORDER": "ORDER BY"}
_SIGNS: Final = frozenset({"+", "-", "*", "/", "=", "!=", "<", ">", "<=", ">=", "&&", "||"})


def _modifier(scene: Scene) -> Advice | None:
    if scene.token.kind != "word" or scene.word not in MODIFIERS:
        return None
    name = _NAMES.get(scene.word, scene.word)
    if scene.expected in {"where", "projection"}:
        return Advice(
            f"{name} belongs after the pattern",
            f"Move it after the closing }} of WHERE {{ … }}; the order there is {_ORDER}.",
        )
    if scene.expected in {"subject", "dot", "predicate"} and (
        "{" in scene.mistake.inside or scene.in_template
    ):
        return Advice(f"{name} belongs after the pattern, not inside it", "Move it after the closing }.")
    if scene.expected != "end":
        return None
    mine = MODIFIERS.index(scene.word)
    earlier = [
        token.text.upper()
        for token in scene.before
        if token.kind == "word" and token.text.upper() in MODIFIERS
    ]
    after = next((word for word in earlier if MODIFIERS.index(word) > mine), None)
    if after:
        return Advice(
            f"{name} belongs before {_NAMES.get(after, after)}", f"Swap them; the order is {_ORDER}."
        )
    return Advice(f"{name} is here a second time", "Delete one of them.") if scene.word in earlier else None


def _behind_the_pattern(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    if scene.expected != "end":
        return None
    if scene.word in FORMS:
        return Advice("a second query begins here", "Send one query at a time.")
    if scene.token.text == ";" and scene.near(1).text.upper() in (*FORMS, "PREFIX"):
        return Advice("a second query begins after this semicolon", "Send one query at a time.")
    if scene.token.text in {";", "."}:
        return Advice(f"a query does not end with {scene.token.text}", "Delete it.")
    if scene.word in (*ELEMENTS, "UNION"):
        return Advice(
            f"{scene.word} is outside the pattern", "Move it into the braces, before the closing }."
        )
    if scene.word == "JOIN":
        return Advice(
            "JOIN is SQL, not SPARQL",
            "Write all patterns inside the same braces; a shared variable joins them.",
        )
    return None


def _sorting(scene: Scene) -> Advice | None:
    if scene.expected != "end" and scene.inside not in {"ORDER BY", "GROUP BY", "HAVING"}:
        return None
    text = scene.token.text
    last = next(
        (token.text.upper() for token in reversed(scene.before) if token.text.upper() in MODIFIERS), ""
    )
    name = _NAMES.get(last, last)
    if text == "," and last in {"LIMIT", "OFFSET"}:
        first, second = scene.near(-1).text, scene.near(1).text
        return Advice(
            "LIMIT takes one number",
            f"Write LIMIT {second} OFFSET {first}." if second.isdigit() else "Write LIMIT 10 OFFSET 20.",
        )
    if text == "," and last in {"ORDER", "GROUP"}:
        return Advice(f"the keys of {name} are separated by spaces", "Delete the comma.")
    if text in _SIGNS and last in {"ORDER", "GROUP", "HAVING"}:
        return Advice(
            f"an expression after {name} needs parentheses", f"Write {name} ( … ).", scene.near(-1).start
        )
    before = scene.near(-1).text.upper()
    if scene.expected == "(" and before in {"ASC", "DESC"}:
        what = scene.near(-2).text if scene.near(-2).kind == "variable" else "?x"
        return Advice(
            f"{before} comes before what it sorts by",
            f"Write ORDER BY {before}({what}).",
            scene.near(-1).start,
        )
    return None


def _parts(scene: Scene) -> Advice | None:
    before = scene.near(-1).text.upper()
    if scene.expected == "BY":
        return Advice(f"BY is missing after {before}", f"Write {before} BY.")
    if scene.expected != "count":
        return None
    if scene.token.kind == "end":
        return Advice(f"{before} takes a number", f"Write for example {before} 10.", scene.near(-1).start)
    return Advice(
        f"{before} takes a whole number, and {scene.token.text} is not one", f"Write for example {before} 10."
    )


def _misspelt(scene: Scene) -> Advice | None:
    """A word that resembles a keyword that could stand here."""
    words = {
        "end": MODIFIERS,
        "where": ("WHERE", "FROM"),
        "projection": ("DISTINCT", "REDUCED"),
        "subject": (*ELEMENTS, "UNION"),
        "dot": (*ELEMENTS, "UNION"),
    }.get(scene.expected, ())
    if scene.token.kind != "word" or scene.word in (
        *FORMS,
        *MODIFIERS,
        *ELEMENTS,
        "DISTINCT",
        "UNION",
        "WHERE",
    ):
        return None
    near = next(iter(nearest(scene.word, words)), "")
    return (
        Advice(f"{scene.token.text} is not a SPARQL keyword", f"Did you mean {_NAMES.get(near, near)}?")
        if near
        else None
    )


RULES: Final = (_modifier, _behind_the_pattern, _sorting, _parts, _misspelt)
