"""What the SPARQL text of a saved query says of itself, read from the engine's own tokens."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from r2p_kg.engine import policy
from r2p_kg.engine.tokens import CLOSING, OPENING, decode, place, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.engine.tokens import Token


@dataclass(frozen=True)
class Variable:
    """One occurrence of a variable: its ``sign`` (``?`` or ``$``), its name, its line from 1."""

    sign: str
    name: str
    line: int


@dataclass(frozen=True)
class Text:
    """``projection``: names of the columns in order; None where the query gives no named columns (``*``, ASK, graphs)."""

    form: str
    prefixes: Mapping[str, str]
    variables: tuple[Variable, ...]
    projection: tuple[str, ...] | None


def read(text: str) -> Text:
    """The form, prefixes, variables and columns of a query.

    Raises QuerySyntaxError or QueryRefusedError, each with the line, where the text is no query or none that policy allows.
    """
    form = policy.inspect(text).form
    found = tuple(tokens(text))
    variables = tuple(
        Variable(token.text[0], token.text[1:], place(text, token.start)[0])
        for token in found
        if token.kind == "variable"
    )
    return Text(form, _prefixes(found), variables, _projection(found) if form == "select" else None)


def substitute(text: str, terms: Mapping[str, str]) -> str:
    """The text with each ``$name`` of ``terms`` replaced by its term, a blank between the term and what touches it.

    Only tokens are replaced: strings, comments and IRIs that hold ``$name`` stay as they are.
    """
    parts: list[str] = []
    done = 0
    for token in tokens(text):
        if token.kind != "variable" or token.text[0] != "$" or token.text[1:] not in terms:
            continue
        end = token.start + len(token.text)
        before = " " if token.start and not text[token.start - 1].isspace() else ""
        after = " " if end < len(text) and not text[end].isspace() else ""
        parts += [text[done : token.start], before, terms[token.text[1:]], after]
        done = end
    return "".join([*parts, text[done:]])


def _prefixes(found: Sequence[Token]) -> dict[str, str]:
    """What the PREFIX declarations declare."""
    return {
        name.text[:-1]: decode(iri.text[1:-1])
        for (word, name), (_, iri) in pairwise(pairwise(found))
        if word.kind == "word" and word.text.upper() == "PREFIX" and name.kind == "name" and iri.kind == "iri"
    }


def _projection(found: Sequence[Token]) -> tuple[str, ...] | None:
    """The columns between SELECT and what follows it: bare variables, and in brackets the one after AS."""
    start = next(
        index for index, token in enumerate(found) if token.kind == "word" and token.text.upper() == "SELECT"
    )
    names: list[str] = []
    depth = 0
    for before, token in pairwise(found[start:]):
        if token.text == "{":
            break
        if token.text in OPENING:
            depth += 1
        elif token.text in CLOSING:
            depth -= 1
        elif depth == 0 and (token.text == "*" or token.text.upper() in {"WHERE", "FROM"}):
            break
        elif token.kind == "variable" and (depth == 0 or (depth == 1 and before.text.upper() == "AS")):
            names.append(token.text[1:])
    return tuple(names) or None
