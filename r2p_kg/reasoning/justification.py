"""Which few statements are to blame: from the axioms that a reasoner names down to statements of which none can be spared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from r2p_kg import vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_BUILT_IN = (vocab.OWL, vocab.RDF, vocab.RDFS, vocab.XSD)
_DECLARED = tuple(
    f"<{vocab.RDF_TYPE}> <{vocab.OWL}{name}> ."
    for name in ("Class", "Restriction", "ObjectProperty", "DatatypeProperty", "AnnotationProperty", "NamedIndividual", "Ontology")
)


def minimal(lines: Iterable[str], named: str, holds: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """Lines of N-Triples for which ``holds`` is true, and is not without any one of them; none where ``named`` does not lead to such lines.

    ``named``: the reasoner's words, in which the local names of all that matters occur. Declarations are taken for granted.
    What hangs together by blank nodes is kept or dropped together, as the axiom that it is.
    """
    words = set(re.findall(r"[^\s(){},\"]+", named))
    declared, axioms = [], []
    for unit in _units(lines):
        if _names(unit) <= words:
            plain = [line for line in unit if line.endswith(_DECLARED)]
            declared += plain
            if len(plain) < len(unit):
                axioms.append(tuple(line for line in unit if line not in plain))
    if not axioms or not holds([*declared, *_flat(axioms)]):
        return ()
    needed = axioms
    for axiom in axioms:
        fewer = [one for one in needed if one is not axiom]
        if holds([*declared, *_flat(fewer)]):
            needed = fewer
    return _flat(needed)


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
