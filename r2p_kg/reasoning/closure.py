"""Rules compiled against a schema into SPARQL, and run on a pyoxigraph memory store to a fixpoint.

Evaluation is semi-naive: a rule is asked only for what follows with the help of a triple that is new since the last round.
To that end the store holds three graphs: the default graph is all that is known, DELTA what was new, FOUND what this round concludes.
Blank nodes of the schema are given IRIs for the time of the work, since SPARQL cannot name a blank node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, Store, Triple

from r2p_kg import vocab
from r2p_kg.reasoning.rules import CLASHES, FACT_RULES, SCHEMA_RULES, Clash, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pyoxigraph import QuerySolution, QuerySolutions

_SKOLEM = "urn:r2p-kg:blank:"
_DELTA = NamedNode("urn:r2p-kg:delta")
_FOUND = NamedNode("urn:r2p-kg:found")
_PREFIXES = {"rdf": vocab.RDF, "rdfs": vocab.RDFS, "owl": vocab.OWL}
_CHAIN = ("?first", "?last", "?here", "?next")

#: A pattern in pieces: subject, predicate, object, each a variable or a term as SPARQL writes it.
Pattern = tuple[str, str, str]


@dataclass(frozen=True)
class Compiled:
    """One rule for one axiom, or for several that share a body. ``body`` and ``head`` have no schema variables any more."""

    names: tuple[str, ...]
    body: tuple[Pattern, ...]
    head: tuple[Pattern, ...]


@dataclass(frozen=True)
class Contradiction:
    """A clash that was found. ``rule``: its name; ``about``: the IRI of its focus; ``bound``: variable → term."""

    clash: Clash
    about: str
    bound: Mapping[str, NamedNode | Literal | BlankNode]


@dataclass(frozen=True)
class Closure:
    """``entailed``: what follows and was not asserted, sorted; ``contradictions``; ``rounds``: until nothing new followed."""

    entailed: tuple[Triple, ...]
    contradictions: tuple[Contradiction, ...]
    rounds: int
    rules: int


def closure(asserted: Iterable[Triple], notice: Callable[[int], None] = lambda _: None) -> Closure:
    """What the asserted triples entail by the rules of OWL 2 RL, apart from noise (see :func:`_worth_saying`).

    ``notice`` is called after every round with the number of triples that the round added.
    Rules that need a literal as a subject conclude nothing, as RDF has no such triples.
    """
    known = frozenset(_skolemised(triple) for triple in asserted)
    store = Store()
    store.bulk_extend(Quad(triple.subject, triple.predicate, triple.object, DefaultGraph()) for triple in known)
    _fixpoint(store, [Compiled((rule.name,), _patterns(rule.body), _patterns(rule.head)) for rule in SCHEMA_RULES if "/" not in rule.body], lambda _: None, first=_with_paths(store))
    rules = compile_rules(store)
    rounds = _fixpoint(store, rules, notice)
    derived = (quad.triple for quad in store.quads_for_pattern(None, None, None, DefaultGraph()))
    entailed = tuple(sorted((triple for triple in derived if triple not in known and _worth_saying(triple)), key=str))
    return Closure(entailed, tuple(_contradictions(store)), rounds, len(rules))
