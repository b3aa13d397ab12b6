"""What the engine takes and what matches nothing, or something else than it seems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.words import AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.sparql.tokens import Token
    from r2p_kg.sparql.tree import Node, Tree

_DATE: Final = re.compile(r"[12]\d{3}-[01]?\d-[0-3]?\d(?!\d)")


def warnings(tree: Tree) -> Iterator[tuple[Token, str, str]]:
    """Token, code and message of each warning."""
    for node in tree.every("triples"):
        if (
            tree.tokens[node.first].kind == "string"
            and node.around is not None
            and node.around.name != "template"
        ):
            message = (
                "a text cannot be the subject of a triple, so this matches nothing; write the thing first"
            )
            yield tree.tokens[node.first], "literal-subject", message
    for condition in tree.every("FILTER"):
        for node in condition.every(AGGREGATES, without=("{", "SELECT")):
            message = (
                f"{node.name} has no groups in FILTER, which so keeps nothing; write HAVING after GROUP BY"
            )
            yield tree.tokens[node.first - 2], "aggregate-in-filter", message
    for having in tree.every("HAVING"):
        yield from _aliases(tree, having)
    if _DATE.search(tree.text):
        for token in tree.tokens:
            if token.kind == "number" and (match := _DATE.match(tree.text, token.start)):
                message = f'{match[0]} is a subtraction; write "{match[0]}"^^xsd:date for the day'
                yield token, "arithmetic-date", message


def _aliases(tree: Tree, having: Node) -> Iterator[tuple[Token, str, str]]:
    """Variables in HAVING that only a column names: columns are computed after HAVING."""
    select = having.around
    if select is None:
        return
    computed = {
        tree.column(part).text[1:]: tree.tokens[part.first + 1 : part.end - 3]
        for part in select.parts
        if part.name == "column" and part.end - part.first > 1
    }
    for token in tree.variables(having):
        if expression := computed.get(token.text[1:]):
            written = tree.text[expression[0].start : expression[-1].start + len(expression[-1].text)]
            message = (
                f"{token.text} has no value in HAVING, which so keeps nothing; write {written[:80]} for it"
            )
            yield token, "alias-in-having", message
