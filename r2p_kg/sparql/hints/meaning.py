"""Mistakes that no grammar sees: variables bound twice or not grouped, blank nodes in two patterns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.words import AGGREGATES

if TYPE_CHECKING:
    from r2p_kg.sparql.tree import Node, Tree


def advice(tree: Tree) -> Advice | None:
    """What is wrong with a text that only the grammar takes; None if this module cannot tell."""
    for select in tree.every("SELECT"):
        if said := _selected(tree, select):
            return said
    return _bound_again(tree) or _blank_twice(tree)


def _selected(tree: Tree, select: Node) -> Advice | None:
    columns = [(tree.column(part), part) for part in select.parts if part.name == "column"]
    names = Counter(token.text[1:] for token, _ in columns)
    twice = next((token for token, _ in reversed(columns) if names[token.text[1:]] > 1), None)
    if twice:
        hint = "Delete one, or give it another name: (… AS ?other)."
        return Advice(f"{twice.text} is in the SELECT twice", hint, twice.start)
    grouped = select.part("GROUP BY")
    keys = {token.text[1:] for token in tree.variables(grouped)} if grouped else set()
    computed = {token.text[1:] for token, part in columns if part.end - part.first > 1}
    if not grouped and not any(True for _, part in columns for _ in part.every(AGGREGATES)):
        return _overrides(tree, select, computed)
    if not columns:
        star = next(tree.tokens[at] for at in select.indexes() if tree.tokens[at].text == "*")
        hint = "Name the variables of GROUP BY, and wrap others: (SAMPLE(?x) AS ?y)."
        return Advice("SELECT * cannot be used with GROUP BY", hint, star.start)
    known = set(keys)  # an expression may use the columns before it
    for column, part in columns:
        named = column.text[1:] in computed
        for token in tree.variables(part, AGGREGATES):
            if token.text[1:] not in known and not (named and token is column):
                hint = f"Add {token.text} to GROUP BY" if grouped else f"Add GROUP BY {token.text}"
                what = f"{token.text} is neither in GROUP BY nor inside an aggregate"
                return Advice(what, f"{hint}, or wrap it: (SAMPLE({token.text}) AS ?one).", token.start)
        known.add(column.text[1:])
    return _overrides(tree, select, computed & keys if grouped else computed)


def _overrides(tree: Tree, select: Node, computed: set[str]) -> Advice | None:
    pattern = select.part("{", "SELECT")
    bound = {token.text[1:] for token in tree.variables(pattern)} if pattern else set()
    for column in tree.columns(select):
        if column.text[1:] in computed & bound:
            hint = "Give the expression another name: (… AS ?other)."
            return Advice(f"{column.text} already has a value in the pattern", hint, column.start)
    return None


def _bound_again(tree: Tree) -> Advice | None:
    """BIND of a variable that something before it in its group, or in a group inside that, uses."""
    for group in tree.every("{"):
        used: set[str] = set()
        for part in group.parts:
            new = tree.tokens[part.end - 2] if part.name == "BIND" else None
            used |= {token.text[1:] for token in tree.variables(part) if token is not new}
            if new and new.text[1:] in used:
                hint = "BIND needs a variable that is not used before it in its group: choose another."
                return Advice(f"{new.text} already has a value", hint, new.start)
            used |= {new.text[1:]} if new else set()
    return None


def _blank_twice(tree: Tree) -> Advice | None:
    """A label of a blank node in two patterns: anything but a filter between triples ends a pattern."""
    patterns: dict[Node, int] = {}
    number = 0
    for group in tree.every("{"):
        number += 1
        for part in group.parts:
            if part.name == "triples":
                patterns[part] = number
            number += part.name not in ("triples", "FILTER")
    places: dict[str, int] = {}
    for node in tree.every("triples"):
        for token in (tree.tokens[at] for at in node.indexes() if node in patterns):
            if token.kind == "blank" and places.setdefault(token.text, patterns[node]) != patterns[node]:
                hint = "A blank node belongs to one pattern; write a variable instead."
                return Advice(f"{token.text} is in two patterns", hint, token.start)
    return None
