"""What the engine is given for a text: the same query, in words that the engine reads rightly.

Two things are rewritten. The engine's parser takes a local name with at most one run of dots, and with no
letter beyond the basic plane of Unicode (it refuses ``ex:a.b.c``, although PN_LOCAL allows it): such a name
is written out as an IRI. And the engine sorts the columns of ``SELECT *`` by name: the star of the outermost
SELECT becomes the variables, in the order of the text.

Nearly all texts need neither, which two regular expressions find out in a few microseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.tokens import place, tokens
from r2p_kg.sparql.tree import prologue
from r2p_kg.sparql.words import AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What may be local names, among other things: all that follows a colon without a sign that ends a name.
_LOCALS: Final = re.compile(r":((?:[\w:%.\u0080-\U0010FFFF-]|\\.)*+)")

_STAR: Final = re.compile(r"select\s*+(?:(?:distinct|reduced)\s*+)?\*", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\.")
_DOTS: Final = re.compile(r"\.+")

#: What an IRI may hold as it is. All other signs are written as code points, because they could end the IRI,
#: or begin something else, in another reading of the text than that which policy has judged.
_NOT_PLAIN: Final = re.compile(r"[^\w.~:/%\u0080-\U0010FFFF-]")

#: Signs that no IRI may hold, however written (IRIREF).
_NO_IRI: Final = re.compile(r'[<>"{}|^`\\\x00-\x20]')

_PLACE: Final = re.compile(r"error at (\d+):(\d+):")

#: The parts that a SELECT with a star may have to be rewritten.
_KNOWN: Final = frozenset({"{", "SELECT", "VALUES", "ORDER BY"})


@dataclass(frozen=True)
class EngineText:
    """A text as it was sent and as the engine is given it.

    sent: As it was sent.
    text: What the engine is given.
    edits: Offset in ``sent``, length there, and what stands there instead, in the order of the text.
    """

    sent: str
    text: str
    edits: Sequence[tuple[int, int, str]] = ()

    def message(self, message: str) -> str:
        """The engine's message; its place, ``error at 1:2:``, becomes that of the text that was sent."""
        return _PLACE.sub(self._placed, message, count=1) if self.edits else message

    def _placed(self, match: re.Match[str]) -> str:
        line, column = int(match[1]), int(match[2])
        lines = self.text.split("\n")
        offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
        shift = 0
        for start, length, written in self.edits:
            end = start + shift + len(written)
            if offset < end:
                # A place inside what was rewritten is that of its beginning.
                offset = min(offset, start + shift)
                break
            shift += len(written) - length
        line, column = place(self.sent, offset - shift)
        return f"error at {line}:{column}:"


def engine_text(text: str, base: str = "") -> EngineText:
    r"""What the engine is given for a text.

    ``base``: the IRI against which the engine resolves relative IRIs before the first BASE.

    >>> engine_text("PREFIX e: <http://x#> SELECT * { ?s e:a.b.c ?o }").text
    'PREFIX e: <http://x#> SELECT ?s ?o { ?s <http://x\\u0023a.b.c> ?o }'
    """
    edits = [*_columns(text), *_names(text, base)]
    if not edits:
        return EngineText(text, text)
    pieces, copied = [], 0
    for start, length, written in edits:
        pieces += [text[copied:start], written]
        copied = start + length
    return EngineText(text, "".join([*pieces, text[copied:]]), edits)


def _columns(text: str) -> Iterator[tuple[int, int, str]]:
    """The edit that writes the star of the outermost SELECT out, if its variables are known for sure."""
    if "*" not in text or not _STAR.search(text):
        return
    tree = parse(text)
    select = tree.form
    if (
        tree.mistake
        or select is None
        or select.name != "SELECT"
        or not _KNOWN.issuperset(p.name for p in select.parts)
    ):
        return
    if any(True for _ in select.every(AGGREGATES, without=("{", "SELECT"))):
        return
    star = next(token for token in tree.tokens[select.first : select.first + 2] if token.kind == "mark")
    if names := tree.visible(select):
        yield star.start, 1, " ".join(f"?{name}" for name in names)


def _names(text: str, base: str) -> Iterator[tuple[int, int, str]]:
    """The edits that write names out which the engine refuses."""
    locals_ = _LOCALS.findall(text)
    if not any([one.count(".") > 1 or not one.isascii() for one in locals_]):  # noqa: C419 - every query pays for this
        return
    found = tuple(tokens(text))
    head = prologue(found, base)
    for index, token in enumerate(found):
        if index >= head.end and token.kind == "word" and token.text.upper() in ("PREFIX", "BASE"):
            head = prologue(found, head.base, index, head.prefixes)
        local = token.text.partition(":")[2] if token.kind == "name" and index >= head.end else ""
        if _is_refused(local):
            iri = head.iri(token)
            if iri is not None and not _NO_IRI.search(iri):
                yield token.start, len(token.text), f"<{_NOT_PLAIN.sub(_code, iri)}>"


def _is_refused(local: str) -> bool:
    return len(_DOTS.findall(_ESCAPED.sub("x", local))) > 1 or max(local, default="") > "\uffff"


def _code(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign[0]):04X}"
