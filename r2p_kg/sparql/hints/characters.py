"""Mistakes of single characters: quotes, strange spaces, open IRIs and strings, signs of other notations."""

# ruff: noqa: RUF001 - strange characters are what this module looks for

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene

_ENTITIES: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_QUOTES: Final = dict.fromkeys("“”„‟«»‘’‚‛`´", '"')
_INVISIBLE: Final = frozenset("\ufeff\u200b\u200c\u200d\u2060\u00ad\u200e\u200f")
_INSTEAD: Final = {
    "–": "-",
    "—": "-",
    "−": "-",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "∧": "&&",
    "∨": "||",
    "¬": "!",
    "×": "*",
    "…": "...",
}


def _strange(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    if scene.token.kind != "other":
        return None
    sign, start = scene.token.text[0], scene.token.start
    code = f"U+{ord(sign):04X}"
    if sign == "`" and scene.query.startswith("```", start):
        return Advice("``` is Markdown, not SPARQL", "Send the query without the lines of ```.")
    if sign in _QUOTES:
        return Advice(
            f"{sign} is not a quotation mark in SPARQL", 'Write the text between straight quotes: "…".'
        )
    if sign in _INVISIBLE:
        return Advice(
            f"there is an invisible character here ({code})", "Delete it; pasted text often contains it."
        )
    if sign.isspace():
        return Advice(
            f"{code} is not a space in SPARQL",
            "Replace it by an ordinary space; pasted text often contains it.",
        )
    if sign in _INSTEAD:
        return Advice(f"{sign} ({code}) means nothing in SPARQL", f"Write {_INSTEAD[sign]} instead.")
    if 0xFF01 <= ord(sign) <= 0xFF5E:  # noqa: PLR2004 - the wide forms of ASCII
        return Advice(
            f"{sign} ({code}) is a wide form of {chr(ord(sign) - 0xFEE0)}",
            f"Write {chr(ord(sign) - 0xFEE0)} instead.",
        )
    if sign == "%" and re.match(r"%[0-9A-Fa-f]{2}", scene.query[start:]):
        return Advice(
            "the query is still percent-encoded",
            "Encode it once, not twice: %20 is a space, %3F a question mark.",
        )
    return None


def _open_string(scene: Scene) -> Advice | None:
    if scene.token.kind != "other" or scene.token.text[0] not in "\"'":
        return None
    quote = scene.token.text[0]
    before = [token for token in scene.before if token.kind == "string" and token.text[0] == quote]
    if before and quote == "'" and scene.near(-1).kind == "word":
        return _apostrophe(before[-1].start)
    lines = scene.query[scene.token.start + 1 :].split("\n")
    if (
        quote in "".join(lines[1:])
        and len(lines) > 1
        and not re.search(r"[{}]", "\n".join(lines[1:]).partition(quote)[0])
    ):
        return Advice(
            "a string runs over the end of its line",
            f"Write it on one line, or begin and end it with three quotes: {quote * 3}…{quote * 3}.",
        )
    return Advice("a string begins here and is never closed", f"Add {quote} at its end.")


def _apostrophe(start: int) -> Advice:
    return Advice(
        "an apostrophe ends the string that begins here",
        "Write \\' inside it, or put the string between double quotes.",
        start,
    )


def _word_behind_string(scene: Scene) -> Advice | None:
    if (
        scene.token.kind == "word"
        and scene.near(-1).kind == "string"
        and scene.joined(0)
        and scene.near(-1).text[0] == "'"
    ):
        return _apostrophe(scene.near(-1).start)
    return None


def _open_iri(scene: Scene) -> Advice | None:
    if scene.token.text != "<" or scene.expected in {"operator", ")", "end", "second comparison"}:
        return None
    line = scene.query[scene.token.start + 1 :].partition("\n")[0]
    inside, closed, _ = line.partition(">")
    wrong = re.search(r'[\s<"{}|^`\\]', inside)
    if not closed:
        return Advice("an IRI begins here and is never closed", "Add > at its end.")
    if not wrong:
        return None
    sign = wrong[0]
    name = "a space" if sign.isspace() else sign
    return Advice(
        f"an IRI cannot contain {name}",
        f"Write %{ord(sign):02X} instead, or correct the IRI.",
        scene.token.start + 1 + wrong.start(),
    )


def _entity(scene: Scene) -> Advice | None:
    name = scene.near(1).text
    if scene.token.text not in {"&", "&&"} or name not in _ENTITIES:
        return None
    return Advice(f"&{name}; is HTML, not SPARQL", f"Write {_ENTITIES[name]} instead.")


def _comment(scene: Scene) -> Advice | None:
    pair = scene.token.text + scene.near(1).text
    if scene.expected == "path step" or not (scene.joined(1) and pair in {"//", "--", "/*"}):
        return None
    return Advice(
        f"{pair} does not begin a comment in SPARQL", "Begin a comment with #; it ends with the line."
    )


def _escape(scene: Scene) -> Advice | None:
    if scene.expected != "escape":
        return None
    wrong = re.search(
        r"""\\(?:\\|[^tbnrf"'\\uU]|u(?![0-9A-Fa-f]{4})|U(?![0-9A-Fa-f]{8}))""",
        re.sub(r"\\\\", "\0\0", scene.token.text),
    )
    if not wrong:
        return None
    return Advice(
        f"{wrong[0]} is not an escape in a string",
        f"Write two backslashes instead of one: \\{wrong[0]}.",
        scene.token.start + wrong.start(),
    )


RULES: Final = (_open_string, _word_behind_string, _strange, _open_iri, _entity, _comment, _escape)
