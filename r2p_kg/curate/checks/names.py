"""Names that lead nowhere.

Terms that no schema file declares, things that no file describes; each with the nearest known name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode
from rdflib.namespace import OWL, RDF, RDFS, XSD

from r2p_kg.curate.declared import DANGLING, FOREIGN_TERM, UNDECLARED_TERM
from r2p_kg.graph import vocab
from r2p_kg.sparql.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from r2p_kg.curate.checks.locations import Locations
    from r2p_kg.curate.findings import Check, Finding
    from r2p_kg.curate.sources import Corpus

#: Vocabularies that OWL itself builds on: they need no declaration, only the right spelling.
_BUILT_IN = {
    str(space): frozenset(str(space[name]) for name in space.__annotations__)
    for space in (OWL, RDF, RDFS, XSD)
}


def check(corpus: Corpus, locations: Locations) -> Iterator[Finding]:
    """One finding for each name and file in which it leads nowhere, at its first use there."""
    described = frozenset(
        triple.subject.value
        for source in corpus.sources
        for triple in source.triples
        if isinstance(triple.subject, NamedNode)
    )
    seen = set()
    for source in corpus.sources:
        foreign_facts = corpus.overlaid and not source.path.startswith("facts/")
        for triple, line in source.lines.items():
            for term, is_term in (
                (triple.predicate, True),
                (triple.object, triple.predicate.value == vocab.RDF_TYPE),
                (getattr(triple.object, "datatype", None), True),
            ):
                if not isinstance(term, NamedNode) or term.value in described or (term, source.path) in seen:
                    continue
                fault = _fault(term.value, described, locations, is_term=is_term)
                if fault is not None and not (fault[0] is DANGLING and foreign_facts):
                    seen.add((term, source.path))
                    yield fault[0].finding(term.value, source.path, line, *fault[1:])


def _fault(
    iri: str, described: Collection[str], locations: Locations, *, is_term: bool
) -> tuple[Check, str, str] | None:
    """Check, message and repair for an IRI that no file describes; None if that is not a fault."""
    built_in = next((terms for space, terms in _BUILT_IN.items() if iri.startswith(space)), None)
    ours = iri.startswith((vocab.NS, vocab.ID))
    if (built_in is not None and iri in built_in) or not (ours or built_in is not None or is_term):
        return None
    name = locations.prefixes.shorten(iri)
    like = _did_you_mean(iri, described if built_in is None else built_in, locations)
    if iri.startswith(vocab.NS):
        repair = f"mend the spelling{like}, or declare it in schema/ with label and definition"
        return UNDECLARED_TERM, f"{name} is declared in no schema file", repair
    if iri.startswith(vocab.ID):
        repair = f"mend the name{like}, or describe it in the file where it belongs"
        return DANGLING, f"{name} is described nowhere", repair
    if built_in is not None:
        return UNDECLARED_TERM, f"{name} does not exist", f"mend the spelling{like}"
    repair = (
        f"mend the spelling{like}, or add it to schema/foreign.ttl once you have found it in its vocabulary"
    )
    return FOREIGN_TERM, f"{name} is a foreign term that the schema does not declare", repair


def _did_you_mean(iri: str, known: Iterable[str], locations: Locations) -> str:
    """A question in brackets with the known IRI of the same namespace that looks most like it; else empty."""
    prefix, _ = locations.prefixes.split(iri) or ("", "")
    space = vocab.NS if iri.startswith(vocab.NS) else locations.prefixes.get(prefix)
    if space is None:
        return ""
    alike = nearest(
        iri.removeprefix(space), [other.removeprefix(space) for other in known if other.startswith(space)]
    )
    return "".join(f" (did you mean {locations.prefixes.shorten(space + other)}?)" for other in alike)
