"""Which few statements are to blame.

From the axioms that a reasoner names down to statements of which none can be spared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_BUILT_IN = (vocab.OWL, vocab.RDF, vocab.RDFS, vocab.XSD)
_DECLARED = tuple(
    f"<{vocab.RDF_TYPE}> <{vocab.OWL}{name}> ."
    for name in (
        "Class",
        "Restriction",
        "ObjectProperty",
        "DatatypeProperty",
        "AnnotationProperty",
        "NamedIndividual",
        "Ontology",
    )
)


def minimal(lines: Iterable[str], named: str, holds: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """Lines of N-Triples for which ``holds`` is true, and is not true without any one of them.

    None at all if it is not true of all lines together.

    ``named``: the reasoner's words, from whose local names the search begins. Declarations are taken for
    granted. What hangs together by blank nodes is kept or dropped together, as the axiom that it is.
    """
    words = set(re.findall(r"[^\s(){},\"]+", re.sub(r"<?https?://[^\s>]*[#/]", "", named)))
    declared: list[str] = []
    axioms: list[tuple[str, ...]] = []
    for unit in _units(lines):
        plain = tuple(line for line in unit if line.endswith(_DECLARED))
        declared += plain
        if len(plain) < len(unit):
            axioms.append(tuple(line for line in unit if line not in plain))
    wider: tuple[Callable[[tuple[str, ...]], bool], ...] = (
        lambda axiom: _names(axiom) <= words,
        lambda axiom: bool(_names(axiom) & words) or not any(f"<{vocab.ID}" in line for line in axiom),
        lambda _axiom: True,
    )
    for fits in wider:
        candidates = [axiom for axiom in axioms if fits(axiom)]
        if candidates and holds([*declared, *_flat(candidates)]):
            return _flat(_needed(tuple(declared), candidates, holds, grown=False))
    return ()


def _needed(
    given: tuple[str, ...],
    axioms: list[tuple[str, ...]],
    holds: Callable[[Sequence[str]], bool],
    *,
    grown: bool,
) -> list[tuple[str, ...]]:
    """Those axioms that, with what is ``given``, cannot be spared.

    U. Junker's QuickXplain, which asks little if few of many are needed.
    """
    if grown and holds(given):
        return []
    if len(axioms) == 1:
        return axioms
    first, second = axioms[: len(axioms) // 2], axioms[len(axioms) // 2 :]
    of_second = _needed(given + _flat(first), second, holds, grown=True)
    of_first = _needed(given + _flat(of_second), first, holds, grown=bool(of_second))
    return of_first + of_second


def _units(lines: Iterable[str]) -> list[tuple[str, ...]]:
    """The lines, those together that share a blank node, directly or by others."""
    alone: list[tuple[str, ...]] = []
    groups: dict[str, list[str]] = {}
    for line in lines:
        blanks = re.findall(r"(?<!\S)_:\w+", line)
        if not blanks:
            alone.append((line,))
            continue
        merged: list[str] = [line]
        for group in {id(groups[blank]): groups[blank] for blank in blanks if blank in groups}.values():
            merged += group
        for one in merged:
            for blank in re.findall(r"(?<!\S)_:\w+", one):
                groups[blank] = merged
    return [*alone, *(tuple(group) for group in {id(group): group for group in groups.values()}.values())]


def _names(unit: Iterable[str]) -> set[str]:
    """The local names of all IRIs of the lines that are not built into OWL."""
    iris = {iri for line in unit for iri in re.findall(r"<([^>]*)>", line)}
    return {re.split(r"[#/]", iri)[-1] for iri in iris if not iri.startswith(_BUILT_IN)}


def _flat(axioms: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(line for axiom in axioms for line in axiom)
