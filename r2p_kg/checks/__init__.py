"""Shapes, check queries and a few checks in Python → findings with file, line, message and repair.

All checks look at what was written, before anything is entailed: a reasoner would make a tool of whatever stands where a tool belongs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, Quad, Store

from r2p_kg.checks import literals, names, queries, shapes
from r2p_kg.checks.places import Places
from r2p_kg.findings import SEVERITIES, Finding, Severity, in_order

if TYPE_CHECKING:
    from pathlib import Path

    from r2p_kg.reasoning import Closure, Verdict
    from r2p_kg.sources import Corpus

__all__ = ["SEVERITIES", "Finding", "Places", "Severity", "run", "store_of", "verdict_findings"]


def run(corpus: Corpus, rules: Path) -> tuple[Finding, ...]:
    """All findings about a corpus, those of its syntax included, in order of file and line.

    ``rules``: the ontology folder whose ``checks/*.rq`` and ``shapes/*.ttl`` are the rules, mostly the corpus' own.
    Raises UsageError where a check query has a bad header or is not SPARQL.
    """
    places = Places.of(corpus)
    store = store_of(corpus)
    named = list(names.check(corpus, places))
    # What names a thing that is described nowhere has also no class: once said is enough.
    dangling = {(finding.path, finding.line) for finding in named}
    shaped = [finding for finding in shapes.check(corpus, rules / "shapes", places) if (finding.path, finding.line) not in dangling or "sh:class" not in finding.check]
    return in_order([*corpus.findings, *named, *shaped, *literals.check(corpus), *queries.check(store, rules / "checks", places)])


def store_of(corpus: Corpus) -> Store:
    """A store of what was written, every file's triples in their graph."""
    store = Store()
    store.bulk_extend(Quad(triple.subject, triple.predicate, triple.object, NamedNode(source.graph)) for source in corpus.sources for triple in source.triples)
    return store


def verdict_findings(corpus: Corpus, closed: Closure, verdict: Verdict) -> tuple[Finding, ...]:
    """What the reasoners object to: each contradiction at the place of what it is about, else Pellet's verdict as a whole."""
    places = Places.of(corpus)
    found = [_contradiction(clash.clash.says, clash.bound, clash.about, clash.clash.name, places) for clash in closed.contradictions]
    for iri in verdict.unsatisfiable:
        path, line = places.of_subject(NamedNode(iri))
        found.append(Finding("error", "unsatisfiable-class", iri, path, line, f"{places.name(NamedNode(iri))} can have no members", "look for two of its superclasses, domains or ranges that are disjoint"))
    if verdict.consistent is False and not found:
        found.append(Finding("error", "inconsistent", "", "r2p.ttl", 1, f"the graph contradicts itself: {verdict.said}", "undo the last change, and bring it back in halves until the clash shows"))
    if verdict.consistent is None:
        found.append(Finding("warning", "consistency-unknown", "", "r2p.ttl", 1, f"consistency was not judged: {verdict.said}", "run r2p check again; the rules of OWL 2 RL were applied and found what they can"))
    return in_order(found)


def _contradiction(says: str, bound: dict[str, str] | object, about: str, name: str, places: Places) -> Finding:
    terms = bound if isinstance(bound, dict) else {}
    focus = about.removeprefix("<").removesuffix(">")
    path, line = places.of_subject(NamedNode(focus))
    message = says.format_map({variable: places.name_written(term) for variable, term in terms.items()})
    return Finding("error", name, focus, path, line, message, "decide which of the two the source supports and take the other away, or give the two things two names")
