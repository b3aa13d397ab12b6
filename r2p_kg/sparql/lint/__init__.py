"""Warnings about a query that is SPARQL and may not mean what it seems to: only what is sure.

A query is read as a tree and held against the :class:`~r2p_kg.sparql.known_terms.KnownTerms`; nothing is
evaluated. Most queries give no reason for a warning, so each rule looks first for what it could complain of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.lint import products, shapes, slips, terms, texts
from r2p_kg.sparql.tokens import place

if TYPE_CHECKING:
    from r2p_kg.sparql.known_terms import KnownTerms

#: Warnings of one query; the first ones of the text.
MOST: Final = 10

#: A text longer than this is a program's, which reads no warnings; tokens alone take it milliseconds.
LONGEST: Final = 8192


@dataclass(frozen=True)
class LintWarning:
    """One warning.

    code: What it is about, never renamed: unknown-term, unknown-vocabulary, deprecated-term,
        cartesian-product, unknown-language, untagged-text, literal-subject, aggregate-in-filter,
        alias-in-having or arithmetic-date.
    message: One sentence and the way out.
    line, column: From 1.
    """

    code: str
    message: str
    line: int
    column: int


def lint(query: str, known: KnownTerms) -> tuple[LintWarning, ...]:
    """The first :data:`MOST` warnings, in the order of the text; none for a text over :data:`LONGEST`.

    The query is one that the engine takes; of others nothing is promised.
    """
    if len(query) > LONGEST:
        return ()
    shape = shapes.of(query, known)
    if shape is not None and shape in known.clean:
        return ()
    tree = parse(query)
    if tree.mistake is not None:
        return ()
    found = [
        *terms.warnings(tree, known),
        *texts.warnings(tree, known),
        *products.warnings(tree),
        *slips.warnings(tree),
    ]
    if not found and shape is not None:
        shapes.remember(shape, known)
    first = sorted(found, key=lambda one: one[0].start)[:MOST]
    return tuple(LintWarning(code, message, *place(query, token.start)) for token, code, message in first)
