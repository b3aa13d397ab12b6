"""Names that lead nowhere.

Terms that no schema file declares, things that no file describes; each with the nearest known name.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pyoxigraph import NamedNode
from rdflib.namespace import OWL, RDF, RDFS, XSD

from r2p_kg.curate.findings import Finding
from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from r2p_kg.curate.checks.places import Places
    from r2p_kg.curate.sources import Corpus

#: Vocabularies that OWL itself builds on: they need no declaration, only the right spelling.
_BUILT_IN = {
    str(space): frozenset(str(space[name]) for name in space.__annotations__)
    for space in (OWL, RDF, RDFS, XSD)
}


def check(corpus: Corpus, places: Places) -> Iterator[Finding]:
    """One finding for each name and file in which it leads nowhere, at its first use there."""
    described = frozenset(
        triple.subject.value
        for source in corpus.sources
        for triple in source.triples
        if isinstance(triple.subject, NamedNode)
    )
    seen = set()
    for source in corpus.sources:
        for triple, line in source.lines.items():
            for term, is_term in (
                (triple.predicate, True),
                (triple.object, triple.predicate.value == vocab.RDF_TYPE),
                (_datatype(triple.object), True),
            ):
                if (
                    not isinstance(term, NamedNode)
                    or (term.value, source.path) in seen
                    or term.value in described
                ):
                    continue
                fault = _fault(term, described, places, is_term=is_term)
                if fault is not None and not (
                    fault[0] == "dangling" and corpus.overlaid and not source.path.startswith("facts/")
                ):
                    seen.add((term.value, source.path))
                    yield Finding("error", fault[0], term.value, source.path, line, fault[1], fault[2])


def _datatype(term: object) -> NamedNode | None:
    return getattr(term, "datatype", None)


def _fault(
    term: NamedNode, described: Collection[str], places: Places, *, is_term: bool
) -> tuple[str, str, str] | None:
    """Check, message and repair for an IRI that no file describes; None where that is no fault."""
    iri, name = term.value, places.name(term)
    if iri.startswith(vocab.NS):
        return (
            "undeclared-term",
            f"{name} is declared in no schema file",
            f"mend the spelling{_nearest(iri, described, places)}, or declare it in schema/ with label and definition",
        )
    if iri.startswith(vocab.ID):
        return (
            "dangling",
            f"{name} is described nowhere",
            f"mend the name{_nearest(iri, described, places)}, or describe it in the file where it belongs",
        )
    for space, terms in _BUILT_IN.items():
        if iri.startswith(space):
            return (
                None
                if iri in terms
                else (
                    "undeclared-term",
                    f"{name} does not exist",
                    f"mend the spelling{_nearest(iri, terms, places)}",
                )
            )
    if is_term:
        return (
            "foreign-term",
            f"{name} is a foreign term that the schema does not declare",
            f"mend the spelling{_nearest(iri, described, places)}, or add it to schema/foreign.ttl once you have found it in its vocabulary",
        )
    return None


def _nearest(iri: str, known: Iterable[str], places: Places) -> str:
    """A question that names the known IRI that looks most like this one, where one does."""
    space = next(
        (
            space
            for space in (vocab.NS, *sorted(places.prefixes.values(), key=len, reverse=True))
            if iri.startswith(space)
        ),
        "",
    )
    found = (
        get_close_matches(
            iri.removeprefix(space),
            [other.removeprefix(space) for other in known if other.startswith(space)],
            n=1,
        )
        if space
        else []
    )
    return f" (did you mean {places.name(NamedNode(space + found[0]))}?)" if found else ""
