"""What the SPARQL text of a saved query says of itself, read from its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2p_kg.sparql import policy
from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.tokens import place, tokens
from r2p_kg.sparql.tree import prologue

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Variable:
    """One occurrence of a variable: its ``sign`` (``?`` or ``$``), its name, its line from 1."""

    sign: str
    name: str
    line: int


@dataclass(frozen=True)
class Outline:
    """What a query says of itself.

    form: ``select``, ``ask``, ``construct`` or ``describe``.
    prefixes: Prefix → namespace, as declared.
    variables: Each occurrence, in the order of the text.
    projection: The names of the columns; None for a query without named columns (``*``, ASK, graphs).
    """

    form: str
    prefixes: Mapping[str, str]
    variables: tuple[Variable, ...]
    projection: tuple[str, ...] | None


def read(text: str) -> Outline:
    """The form, prefixes, variables and columns of a query.

    Raises SparqlSyntaxError or SparqlRefusedError, with its place, if the text is no query or policy forbids
    it.
    """
    form = policy.inspect(text).form
    tree = parse(text)
    variables = tuple(
        Variable(token.text[0], token.text[1:], place(text, token.start)[0])
        for token in tree.tokens
        if token.kind == "variable"
    )
    columns = tree.columns(tree.form) if form == "select" and tree.form else []
    return Outline(
        form, prologue(tree.tokens).prefixes, variables, tuple(one.text[1:] for one in columns) or None
    )


def substitute(text: str, terms: Mapping[str, str]) -> str:
    """The text with each ``$name`` of ``terms`` replaced by its term, between blanks.

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
