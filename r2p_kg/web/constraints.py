"""What the shapes in a snapshot ask of each class, in words.

SHACL, https://www.w3.org/TR/shacl/, as far as our shapes use it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.web.index import Index
    from r2p_kg.web.terms import Node

_COUNTS: Final = {
    ("1", "1"): "exactly one",
    ("1", ""): "at least one",
    ("", "1"): "at most one",
    ("", "0"): "none",
}


@dataclass(frozen=True)
class Constraint:
    """One property shape. ``path``.

    Alternatives, each a sequence of properties one after the other; ``count`` in words, empty for any number.

    ``allowed``: the only values that it takes, ``barred``: those that it does not take; ``form``: what its
    text must look like. ``repair``: what a curator does if it does not hold.
    """

    path: tuple[tuple[str, ...], ...]
    count: str
    allowed: tuple[Node, ...]
    barred: tuple[Node, ...]
    form: str
    repair: str


def by_class(index: Index) -> Mapping[str, tuple[Constraint, ...]]:
    """Class → what the shapes that target it ask, in the order of their properties.

    Empty if the snapshot has no shapes.
    """
    found: dict[str, list[Constraint]] = defaultdict(list)
    for shape, _ in index.instances(vocab.SH + "NodeShape"):
        for target in index.values(shape, vocab.SH + "targetClass"):
            found[target.value] += [
                _constraint(index, f"_:{node.value}") for node in index.values(shape, vocab.SH + "property")
            ]
    return {
        of: tuple(sorted(several, key=lambda one: (one.path, one.count))) for of, several in found.items()
    }


def _constraint(index: Index, node: str) -> Constraint:
    def first(name: str, of: str = node) -> str:
        return next((value.value for value in index.values(of, vocab.SH + name)), "")

    barred = [
        member
        for inner in index.values(node, vocab.SH + "not")
        for member in _lists(index, f"_:{inner.value}", "in")
    ]
    return Constraint(
        path=_path(index, node),
        count=_count(first("minCount"), first("maxCount")),
        allowed=tuple(_lists(index, node, "in")),
        barred=tuple(barred),
        form=_form(
            first("pattern"),
            first("minLength"),
            [language.value for language in _lists(index, node, "languageIn")],
        ),
        repair=first("description"),
    )


def _count(least: str, most: str) -> str:
    """The words for a count.

    >>> _count("1", "1"), _count("2", ""), _count("", "")
    ('exactly one', 'at least 2', '')
    """
    if (least, most) in _COUNTS or not (least or most):
        return _COUNTS.get((least, most), "")
    return " and ".join(part for part in (least and f"at least {least}", most and f"at most {most}") if part)


def _form(pattern: str, length: str, languages: list[str]) -> str:
    parts = [
        pattern and f"matches {pattern}",
        length and f"at least {length} characters",
        languages and f"in {' or '.join(languages)}",
    ]
    return ", ".join(part for part in parts if part)


def _path(index: Index, node: str) -> tuple[tuple[str, ...], ...]:
    """The alternatives of a path (SHACL, sections 2.3.1.1 to 2.3.1.3).

    One property, a list of them in a row, or several to choose from.
    """
    found: list[tuple[str, ...]] = []
    for step in index.values(node, vocab.SH + "path"):
        row = (step,) if step.kind == "iri" else tuple(members(index, step))
        found += (
            [tuple(one.value for one in row)]
            if row
            else [(one.value,) for one in _lists(index, f"_:{step.value}", "alternativePath")]
        )
    return tuple(found)


def _lists(index: Index, node: str, name: str) -> list[Node]:
    """The members of the RDF lists that a SHACL property of the node leads to."""
    return [member for head in index.values(node, vocab.SH + name) for member in members(index, head)]


def members(index: Index, head: Node) -> list[Node]:
    """The members of an RDF list; those before the break if it is broken."""
    found: list[Node] = []
    seen: set[str] = set()
    while head.kind == "bnode" and head.value not in seen:
        seen.add(head.value)
        found += index.values(f"_:{head.value}", vocab.RDF + "first")
        head = next(iter(index.values(f"_:{head.value}", vocab.RDF + "rest")), head)
    return found
