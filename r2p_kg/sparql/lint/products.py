"""Cartesian products: triples of one group that share no variable, so that each match meets each other match.

Only what is sure is told: whatever could join two triples (a filter, a nested group, a variable that is used
outside the group) counts as joining them.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from r2p_kg.sparql.tokens import Token
    from r2p_kg.sparql.tree import Node, Tree

#: Name → the places at which it stands first and last.
_Extents = dict[str, tuple[int, int]]

_MESSAGE: Final = (
    "nothing joins these triples to those before them, so every match of one meets every match of the other; "
    "share a variable"
)


def warnings(tree: Tree) -> Iterator[tuple[Token, str, str]]:
    """Token, code and message of each warning, at the first triples that nothing joins to earlier ones."""
    extents = cache(lambda: _extents(tree))
    for group in tree.every("{"):
        triples = [part for part in group.parts if part.name == "triples"]
        if len(triples) > 1:
            for first in _apart(tree, group, triples, extents):
                yield tree.tokens[first], "cartesian-product", _MESSAGE


def _apart(tree: Tree, group: Node, triples: list[Node], extents: Callable[[], _Extents]) -> Iterator[int]:
    """The index of the first token of each lot of triples but the first lot."""
    # A thing of which one triple tells, and that another names, joins them as well.
    things = {
        tree.tokens[node.first].text for node in triples if tree.tokens[node.first].kind in ("iri", "name")
    }
    runs = [_names(tree, node.indexes()) | (_ends(tree, node) & things) for node in triples]
    joined = [_names(tree, part.indexes()) for part in group.parts if part.name != "triples"]
    lots = _lots([*map(set, runs), *joined])
    if len({id(lot) for lot in lots.values()}) > 1:
        lots = _lots([*lots.values(), _outside(group, lots, extents())])
    known: set[int] = set()
    for node, names in zip(triples, runs, strict=True):
        lot = lots[next(iter(names))] if names else None
        if lot is not None and id(lot) not in known:
            known.add(id(lot))
            if len(known) > 1:
                yield node.first


def _ends(tree: Tree, node: Node) -> set[str]:
    """The subject and the objects of triples, as far as each is one token."""
    objects = [part.first for part in node.parts if part.name == "object" and part.end - part.first == 1]
    return {tree.tokens[at].text for at in (node.first, *objects)}


def _outside(group: Node, names: Iterable[str], extents: _Extents) -> set[str]:
    """Those of the names that also stand outside this group, or outside the query whose pattern it is."""
    whole = group.around if group.around is not None and group.around.name == "SELECT" else group
    known = [(name, *extents[name]) for name in names if name in extents]
    return {name for name, first, last in known if first < whole.first or last >= whole.end}


def _extents(tree: Tree) -> _Extents:
    """The first and the last place of each name in the pattern of the whole query."""
    pattern = tree.form.part("{", "SELECT") if tree.form else None
    extents: dict[str, tuple[int, int]] = {}
    for at in pattern.indexes() if pattern else ():
        for name in _names(tree, (at,)):
            extents[name] = (extents.get(name, (at, at))[0], at)
    return extents


def _names(tree: Tree, indexes: Iterable[int]) -> set[str]:
    """The variables and blank nodes among these tokens."""
    tokens = (tree.tokens[at] for at in indexes)
    return {token.text.lstrip("?$") for token in tokens if token.kind in ("variable", "blank")}


def _lots(sets: Iterable[set[str]]) -> dict[str, set[str]]:
    """For each name the names that belong together with it: sets that share a name are one."""
    lots: dict[str, set[str]] = {}
    for names in sets:
        touched = {id(lot): lot for name in names if (lot := lots.get(name)) is not None}
        *smaller, largest = sorted([names, *touched.values()], key=len)
        for one in smaller:
            largest |= one
        lots.update(dict.fromkeys(chain(names, *smaller), largest))
    return lots
