"""What SPARQL 1.2 calls invalid and the engine's parser takes all the same, giving an answer that means nothing.

Two rules, as the W3C's syntax tests have them. No aggregate stands inside another (nested-aggregate-functions): an argument is computed
for each solution, before there are groups. The subject of a triple term among expressions is an IRI or a variable (tripleterm-subject-03
and -06); in a pattern it may be any term (nested-tripleterm-02).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.errors import SparqlSyntaxError
from r2p_kg.sparql.tokens import CLOSING, OPENING, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from r2p_kg.sparql.tokens import Token

_AGGREGATES: Final = ("count", "sum", "min", "max", "avg", "sample", "group_concat")

#: An aggregate called, or one whose bracket may follow behind a comment.
_CALL: Final = re.compile(rf"(?:{'|'.join(_AGGREGATES)})[ \t\r\n]*+[(#]")

_GROUPED: Final = (
    "Compute the inner one in a subquery of its own: { SELECT ?key (COUNT(*) AS ?n) { … } GROUP BY ?key }."
)


def may_break(text: str) -> bool:
    """False where the text cannot break a rule whatever its tokens are; costs two microseconds for most.

    >>> may_break("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"), may_break("SELECT (COUNT(SUM(?x)) AS ?n) { ?s ?p ?x }")
    (False, True)
    """
    lower = text.lower()
    return "<<(" in lower or (sum(map(lower.count, _AGGREGATES)) > 1 and len(_CALL.findall(lower)) > 1)


def check(text: str, found: Sequence[Token]) -> None:
    """Raise SparqlSyntaxError, with line, column and a hint, at the first token that breaks a rule."""
    for wrong, message, hint in _broken(found):
        raise SparqlSyntaxError(message, *place(text, wrong.start), hint=hint)


def _broken(found: Sequence[Token]) -> Iterator[tuple[Token, str, str]]:
    """Token, message and hint of each breach.

    For every open bracket it is known whether an expression or the arguments of an aggregate are around; a brace begins a pattern anew.
    """
    around = [(False, False)]
    for token, following in pairwise(found):
        expression, aggregate = around[-1]
        called = token.kind == "word" and token.text != "a" and following.text == "("
        aggregates = called and token.text.lower() in _AGGREGATES
        if aggregates and aggregate:
            yield (
                token,
                f"{token.text.upper()} stands inside another aggregate, where there are no groups yet",
                _GROUPED,
            )
        if (
            expression
            and token.text == "<<("
            and (following.kind in ("string", "number") or following.text == "<<(")
        ):
            what = "a triple term" if following.text == "<<(" else following.text[:60]
            yield (
                following,
                f"{what} cannot be the subject of a triple term in an expression",
                "Its subject is an IRI or a variable.",
            )
        if following.text in OPENING:
            around.append(
                (False, False) if following.text == "{" else (expression or called, aggregate or aggregates)
            )
        elif following.text in CLOSING and len(around) > 1:
            around.pop()
