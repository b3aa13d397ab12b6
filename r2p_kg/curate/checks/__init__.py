"""Shapes, check queries and a few checks in Python → findings with file, line, message and repair.

All checks look at what was written, before anything is entailed: a reasoner would make a tool of whatever is
used as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, Quad, Store

from r2p_kg.curate.checks import literals, names, queries, shapes
from r2p_kg.curate.checks.clashing import clashes, judged
from r2p_kg.curate.checks.locations import Locations
from r2p_kg.curate.findings import SEVERITIES, Finding, Severity, in_order

if TYPE_CHECKING:
    from pathlib import Path

    from r2p_kg.curate.sources import Corpus

__all__ = [
    "SEVERITIES",
    "Finding",
    "Locations",
    "Severity",
    "clashes",
    "in_order",
    "judged",
    "run",
    "store_of",
]


def run(corpus: Corpus, rules: Path, locations: Locations | None = None) -> tuple[Finding, ...]:
    """All findings about a corpus, those of its syntax included, in order of file and line.

    ``rules``: the ontology folder whose ``checks/*.rq`` and ``shapes/*.ttl`` are the rules, mostly the
    corpus' own. ``locations``: those of the corpus, if they are known already. Raises UsageError for a check
    query with a bad header, or that is not SPARQL.
    """
    locations = locations or Locations.in_corpus(corpus)
    return in_order(
        [
            *corpus.findings,
            *names.check(corpus, locations),
            *literals.check(corpus),
            *shapes.check(corpus, rules / "shapes", locations),
            *queries.check(store_of(corpus), rules / "checks", locations),
        ]
    )


def store_of(corpus: Corpus) -> Store:
    """A store of what was written, every file's triples in their graph."""
    store = Store()
    store.bulk_extend(
        Quad(triple.subject, triple.predicate, triple.object, NamedNode(source.graph))
        for source in corpus.sources
        for triple in source.triples
    )
    return store
