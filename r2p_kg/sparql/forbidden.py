"""What SPARQL 1.2 calls invalid and the engine takes all the same, with an answer that means nothing.

Two rules, as the W3C's syntax tests have them. No aggregate stands inside another
(nested-aggregate-functions): an argument is computed for each solution, before there are groups. The subject
of a triple term in an expression is an IRI or a variable (tripleterm-subject-03 and -06); in a pattern it may
be any term (nested-tripleterm-02).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.errors import SparqlSyntaxError
from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.tokens import place
from r2p_kg.sparql.words import AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.sparql.tokens import Token
    from r2p_kg.sparql.tree import Tree

_AGGREGATES: Final = tuple(name.lower() for name in AGGREGATES)

#: An aggregate called, or one whose bracket may follow behind a comment.
_CALL: Final = re.compile(rf"(?:{'|'.join(_AGGREGATES)})[ \t\r\n]*+[(#]")

_GROUPED: Final = (
    "Compute the inner one in a subquery of its own: { SELECT ?key (COUNT(*) AS ?n) { … } GROUP BY ?key }."
)


def may_break(text: str) -> bool:
    """False if the text cannot break a rule whatever its tokens are; costs two microseconds for most.

    >>> may_break("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    False
    >>> may_break("SELECT (COUNT(SUM(?x)) AS ?n) { ?s ?p ?x }")
    True
    """
    lower = text.lower()
    return "<<(" in lower or (sum(map(lower.count, _AGGREGATES)) > 1 and len(_CALL.findall(lower)) > 1)


def check(text: str) -> None:
    """Raise SparqlSyntaxError, with line, column and a hint, at the first breach of a rule."""
    tree = parse(text)
    for wrong, message, hint in sorted(
        [*_nested_aggregates(tree), *_subjects(tree)], key=lambda breach: breach[0].start
    ):
        raise SparqlSyntaxError(message, *place(text, wrong.start), hint=hint)


def _nested_aggregates(tree: Tree) -> Iterator[tuple[Token, str, str]]:
    """Token, message and hint of each aggregate inside another and not in a pattern or subquery of it."""
    for outer in tree.every(*AGGREGATES):
        for inner in outer.every(AGGREGATES, without=("{", "SELECT")):
            name = tree.tokens[inner.first - 2]
            yield (name, f"{inner.name} is inside another aggregate, where there are no groups yet", _GROUPED)


def _subjects(tree: Tree) -> Iterator[tuple[Token, str, str]]:
    """Token, message and hint of each triple term of an expression whose subject may not be one."""
    for outer in tree.every("triple term"):
        for inner in outer.every({"<<"}):
            subject = tree.tokens[inner.first + 1]
            if subject.kind in ("string", "number") or subject.text == "<<(":
                what = "a triple term" if subject.text == "<<(" else subject.text[:60]
                message = f"{what} cannot be the subject of a triple term in an expression"
                yield subject, message, "Its subject is an IRI or a variable."
