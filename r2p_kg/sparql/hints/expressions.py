"""Mistakes in expressions: operators of other languages, functions, IN, parentheses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.nearest import nearest
from r2p_kg.sparql.words import AGGREGATES, FUNCTIONS

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene

#: Words and signs between two values that other languages have: what to write in SPARQL.
_BETWEEN: Final = {
    "AND": "Write && between two conditions.",
    "OR": "Write || between two conditions.",
    "&": "Write && between two conditions.",
    "|": "Write || between two conditions.",
    "LIKE": 'Write CONTAINS(?x, "…") or REGEX(?x, "…") instead.',
    "ILIKE": 'Write CONTAINS(LCASE(?x), "…") or REGEX(?x, "…", "i") instead.',
    "IS": "Write BOUND(?x), or !BOUND(?x) for a variable without a value.",
    "BETWEEN": "Write ?x >= 1 && ?x <= 9.",
    "CONTAINS": 'Write CONTAINS(?x, "…").',
    "MOD": "Write ?x - FLOOR(?x / ?y) * ?y.",
    "%": "Write ?x - FLOOR(?x / ?y) * ?y.",
    "<>": "Write != instead.",
}

#: Functions of other languages and ours.
_FOREIGN: Final = {
    "SUBSTRING": "SUBSTR",
    "LENGTH": "STRLEN",
    "LEN": "STRLEN",
    "UPPER": "UCASE",
    "LOWER": "LCASE",
    "IFNULL": "COALESCE",
    "NVL": "COALESCE",
    "ISNULL": "!BOUND",
    "STARTSWITH": "STRSTARTS",
    "ENDSWITH": "STRENDS",
    "TODAY": "NOW",
    "GETDATE": "NOW",
    "INT": "xsd:integer",
    "INTEGER": "xsd:integer",
    "DATE": "xsd:date",
    "STRING": "STR",
}


def _constraint(scene: Scene) -> Advice | None:
    if scene.expected != "constraint":
        return None
    name = {"GROUP BY": "GROUP BY", "ORDER BY": "ORDER BY", "HAVING": "HAVING"}.get(scene.inside, "FILTER")
    if scene.inside in {"GROUP BY", "ORDER BY"}:
        return Advice(f"{name} names no key", f"Write {name} and a variable.")
    if scene.word == "REGEX" or scene.token.kind == "end":
        return None
    return Advice(f"the condition of {name} needs parentheses", f"Write {name}( … ).")


def _between(scene: Scene) -> Advice | None:
    if scene.expected not in {")", "operator", "end", "dot", "AS"} or not (said := _BETWEEN.get(scene.word)):
        return None
    if scene.expected in {"end", "dot"} and scene.token.kind != "word":
        return None
    return Advice(f"{scene.token.text} is not a SPARQL operator", said)


def _signs(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    before, token = scene.near(-1), scene.token
    if scene.expected == "second comparison":
        return Advice("one comparison cannot follow another", "Write two with && between: 1 < ?x && ?x < 9.")
    if scene.expected != "expression":
        return None
    if token.text == "=" and before.text == "=":
        return Advice("== is not a SPARQL operator", "Write = instead.", before.start)
    if before.text == "=" and token.text in {">", "<"} and scene.joined(0):
        return Advice(
            f"={token.text} is not a SPARQL operator", f"Write {token.text}= instead.", before.start
        )
    if token.text == "/" and scene.inside in {"REGEX", "REPLACE"}:
        return Advice(
            "a pattern is a quoted string",
            'Write "…" for /…/, and the flags as another string: REGEX(?x, "peace", "i").',
        )
    if token.text in {"&&", "||", "*", "/", "<", ">"} or token.kind == "end" or token.text == ")":
        what = (
            f"a value is missing after {before.text}"
            if before.text not in {"(", ","}
            else "a value is missing here"
        )
        return Advice(what, "Write a variable, a number, a quoted string, an IRI or a function.")
    return None


def _function(scene: Scene) -> Advice | None:
    if scene.expected != "function":
        return None
    token, word = scene.token, scene.word
    if word == "NOT":
        return Advice("NOT is not a SPARQL operator", "Write !( … ), or NOT EXISTS { … }, or NOT IN ( … ).")
    if word in {"NULL", "NONE", "NIL"}:
        return Advice("SPARQL has no null", "Write !BOUND(?x) for a variable without a value.")
    if token.text.lower() in {"true", "false"}:
        return Advice(f"{token.text} is written in lower case", f"Write {token.text.lower()}.")
    if scene.near(1).text != "(":
        return Advice(
            f"{token.text} is not a value",
            f'Write "{token.text}" for a text, or ?{token.text} for a variable.',
        )
    near = _FOREIGN.get(word) or next(iter(nearest(word, [*FUNCTIONS, *AGGREGATES])), None)
    return Advice(
        f"{token.text} is not a SPARQL function",
        f"Did you mean {near}?" if near else "A function of another vocabulary is named by its IRI.",
    )


def _calls(scene: Scene) -> Advice | None:
    name, token = scene.near(-1).text.upper(), scene.token
    if scene.expected == "(" and (name in FUNCTIONS or name in AGGREGATES):
        inner = (
            "DISTINCT ?x" if scene.word == "DISTINCT" else token.text if token.kind == "variable" else "?x"
        )
        return Advice(f"the argument of {name} needs parentheses", f"Write {name}({inner}).")
    if scene.expected in {"too few arguments", "too many arguments"}:
        least, most = FUNCTIONS[scene.inside]
        count = str(least) if least == most else f"{least} to {most}"
        few = "fewer" if "few" in scene.expected else "more"
        return Advice(
            f"{scene.inside} takes {count} argument{'' if count == '1' else 's'}, and here are {few}",
            "Look at its brackets and commas.",
        )
    if scene.expected == "( of IN":
        return Advice("the list of IN needs parentheses", "Write IN (1, 2).")
    if scene.expected == ")" and scene.inside in FUNCTIONS and token.kind not in {"mark", "end", "other"}:
        return Advice(f"a comma is missing before {token.text[:60]}", "Separate the arguments by commas.")
    return None


RULES: Final = (_constraint, _between, _signs, _function, _calls)
