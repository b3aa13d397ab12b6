"""Cartesian products: triples of one group that share no variable, so that each match of one is combined with each match of the other.

Only what is sure is told: whatever could join two triples (a filter, a nested group, a variable that is used outside the group) counts as
joining them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from r2p_kg.sparql.tokens import Token

#: What follows one of these, parentheses or a group, joins all that it mentions.
_JOINING: Final = frozenset(
    {"FILTER", "BIND", "VALUES", "OPTIONAL", "MINUS", "UNION", "GRAPH", "LATERAL", "EXISTS", "NOT", "SERVICE"}
)


@dataclass(eq=False)
class _Group:
    """A pattern in braces, from token ``begins`` to token ``ends``, or a query (``query``), which holds its pattern and no triples.

    ``runs``: first token and variables of each run of triples. ``joined``: variables that belong together. ``names``: all variables.
    ``depth``, ``run``, ``link``: while it is read: open parentheses, the run of triples and the joining construct that are under way.
    """

    begins: int
    around: _Group | None
    query: bool = False
    ends: int = 0
    runs: list[tuple[Token, set[str]]] = field(default_factory=list)
    joined: list[set[str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    depth: int = 0
    run: set[str] | None = None
    link: set[str] | None = None

    def rest(self) -> None:
        """Whatever was under way ends here, unless a parenthesis is open."""
        if not self.depth:
            self.run = self.link = None

    def take(self, token: Token) -> None:
        """One token that is no brace."""
        word = token.text.upper() if token.kind == "word" else ""
        if word in {"SELECT", "CONSTRUCT", "ASK", "DESCRIBE"} and not self.depth:
            self.query = True
        elif word in _JOINING and not self.depth:
            self.run, self.link = None, set()
            self.joined.append(self.link)
        elif token.text == ".":
            self.rest()
        else:
            self.depth = max(0, self.depth + (token.text in {"(", "["}) - (token.text in {")", "]"}))
            self.note(token)
            if self.link is not None and token.text == ")":
                self.rest()

    def note(self, token: Token) -> None:
        """Remember a variable where it belongs; any token begins a run of triples where none is under way."""
        if self.link is None and self.run is None and not self.query:
            self.run = set()
            self.runs.append((token, self.run))
        if token.kind not in {"variable", "blank"}:
            return
        self.names.add(_name(token))
        under_way = self.run if self.link is None else self.link
        if under_way is not None:
            under_way.add(_name(token))


def products(found: Sequence[Token]) -> list[Token]:
    """The first token of each run of triples that nothing joins to an earlier run of its group, in the order of the text."""
    groups = list(_groups(found))
    if all(len(group.runs) < 2 for group in groups):  # noqa: PLR2004 - two make a product
        return []
    places: dict[str, list[int]] = {}
    main = next((group for group in groups if group.around is not None and group.around.around is None), None)
    for index, token in enumerate(found):
        if token.kind in {"variable", "blank"} and main is not None and main.begins < index < main.ends:
            places.setdefault(_name(token), []).append(index)
    return sorted(
        (token for group in groups for token in _apart(group, places)), key=lambda token: token.start
    )


def _apart(group: _Group, places: dict[str, list[int]]) -> Iterator[Token]:
    """The first token of each lot of runs but the first lot; ``places``: where each variable stands in the whole pattern."""
    if len(group.runs) < 2:  # noqa: PLR2004 - two make a product
        return
    whole = group.around if group.around is not None and group.around.query else group
    outside = {
        name
        for name in group.names
        if any(not whole.begins <= at <= whole.ends for at in places.get(name, ()))
    }
    lots = _Lots()
    for names in [outside, *(names for _, names in group.runs), *group.joined]:
        lots.join(names)
    told: set[str] = set()
    for first, names in group.runs:
        lot = lots.of(next(iter(names))) if names else None
        if lot is not None and lot not in told:
            told.add(lot)
            if len(told) > 1:
                yield first


class _Lots:
    """Names in lots that do not overlap (union-find); each lot is known by one of its names."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The name by which the lot of this name is known."""
        while (above := self._above.setdefault(name, name)) != name:
            self._above[name] = self._above[above]
            name = above
        return name

    def join(self, names: set[str]) -> None:
        """Put all these names into one lot."""
        first = next(iter(names), None)
        for name in names if first is not None else ():
            self._above[self.of(name)] = self.of(first or name)


def _groups(found: Sequence[Token]) -> Iterator[_Group]:
    """Every pattern, the inner ones before those around them; the template of CONSTRUCT and the data of VALUES are none."""
    group = _Group(-1, None, query=True, ends=len(found))
    skipped = 0
    for index, token in enumerate(found):
        if skipped:
            skipped += (token.text == "{") - (token.text == "}")
        elif token.text == "{" and _is_no_pattern(found, index):
            skipped = 1
            group.rest()
        elif token.text == "{":
            group = _Group(index, group)
        elif token.text == "}" and group.around is not None:
            group.ends = index
            yield group
            group.around.names |= group.names
            group.around.joined.append(group.names | (group.around.link or set()))
            group = group.around
            group.rest()
        elif token.text != "}":
            group.take(token)


def _is_no_pattern(found: Sequence[Token], index: int) -> bool:
    """True for the brace of a template (CONSTRUCT {) and of data (VALUES ?x { or VALUES (?x ?y) {)."""
    at = index - 1
    if at >= 0 and found[at].text.upper() == "CONSTRUCT":
        return True
    if at >= 0 and found[at].text == ")":
        while at > 0 and found[at].text != "(":
            at -= 1
    return (
        at > 0
        and (found[at].kind == "variable" or found[at].text == "(")
        and found[at - 1].text.upper() == "VALUES"
    )


def _name(token: Token) -> str:
    return token.text if token.kind == "blank" else token.text[1:]
