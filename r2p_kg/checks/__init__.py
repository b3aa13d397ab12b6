"""Shapes, check queries and a few checks in Python → findings with file, line, message and repair.

All checks look at what was written, before anything is entailed: a reasoner would make a tool of whatever stands where a tool belongs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, Quad, Store

from r2p_kg.checks import literals, names, queries, shapes
from r2p_kg.checks.places import HEAD, Places
from r2p_kg.findings import SEVERITIES, Finding, Severity, in_order

if TYPE_CHECKING:
    from pathlib import Path

    from r2p_kg.reasoning import Closure, Verdict
    from r2p_kg.sources import Corpus

__all__ = ["SEVERITIES", "Finding", "Places", "Severity", "clashes", "in_order", "judged", "run", "store_of"]


def run(corpus: Corpus, rules: Path) -> tuple[Finding, ...]:
    """All findings about a corpus, those of its syntax included, in order of file and line.

    ``rules``: the ontology folder whose ``checks/*.rq`` and ``shapes/*.ttl`` are the rules, mostly the corpus' own.
    Raises UsageError where a check query has a bad header or is not SPARQL.
    """
    places = Places.of(corpus)
    store = store_of(corpus)
    found = [*corpus.findings, *names.check(corpus, places), *literals.check(corpus)]
    found += shapes.check(corpus, rules / "shapes", places)
    found += queries.check(store, rules / "checks", places)
    return in_order(found)


def store_of(corpus: Corpus) -> Store:
    """A store of what was written, every file's triples in their graph."""
    store = Store()
    store.bulk_extend(Quad(triple.subject, triple.predicate, triple.object, NamedNode(source.graph)) for source in corpus.sources for triple in source.triples)
    return store


def clashes(corpus: Corpus, closed: Closure) -> tuple[Finding, ...]:
    """One finding for each contradiction among what was written and what it entails, at the place of what it is about."""
    places = Places.of(corpus)
    found = []
    for one in closed.contradictions:
        focus = NamedNode(one.about[1:-1])
        path, line = places.of_subject(focus)
        message = one.clash.says.format_map({variable: places.name_written(term) for variable, term in one.bound.items()})
        repair = "decide which of the two the source supports and take the other away, or give the two things two names"
        found.append(Finding("error", one.clash.name, focus.value, path, line, message, repair))
    return in_order(found)


def judged(corpus: Corpus, verdict: Verdict) -> tuple[Finding, ...]:
    """What Pellet objects to: classes without possible members, a graph without a model; a warning where it gave no answer."""
    places = Places.of(corpus)
    found = []
    for iri in verdict.unsatisfiable:
        path, line = places.of_subject(NamedNode(iri))
        repair = "look for two of its superclasses, domains or ranges that are disjoint"
        found.append(Finding("error", "unsatisfiable-class", iri, path, line, f"{places.name(NamedNode(iri))} can have no members", repair))
    if verdict.consistent is False:
        named = [NamedNode(iri) for iri in re.findall(r"https?://[^\s,]+", verdict.said)]
        path, line = places.of_subject(named[0]) if named else (HEAD, 1)
        said = verdict.said
        for node in named:
            said = said.replace(node.value, places.name(node))
        repair = "undo the last change to what the reason names, or look there for two axioms that exclude each other"
        focus = named[0].value if named else ""
        found.append(Finding("error", "inconsistent", focus, path, line, f"the graph contradicts itself: {said}", repair))
    if verdict.consistent is None:
        repair = "run r2p check again; the rules of OWL 2 RL were applied and found no clash"
        found.append(Finding("warning", "consistency-unknown", "", HEAD, 1, f"consistency was not judged: {verdict.said}", repair))
    return in_order(found)
