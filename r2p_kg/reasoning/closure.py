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

from pyoxigraph import BlankNode, DefaultGraph, NamedNode, Quad, QuerySolutions, Store, Triple

from r2p_kg import vocab
from r2p_kg.reasoning.rules import CLASHES, FACT_RULES, SCHEMA_RULES, Clash, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_SKOLEM = "urn:r2p-kg:blank:"
_DELTA = NamedNode("urn:r2p-kg:delta")
_FOUND = NamedNode("urn:r2p-kg:found")
_PREFIXES = {"rdf": vocab.RDF, "rdfs": vocab.RDFS, "owl": vocab.OWL}

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
    """A clash that was found. ``about``: its focus; ``bound``: variable without question mark → term; terms as SPARQL writes them."""

    clash: Clash
    about: str
    bound: Mapping[str, str]


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
    Rules that would need a literal as a subject conclude nothing, as RDF has no such triples.
    """
    known = frozenset(_skolemised(triple) for triple in asserted)
    store = Store()
    store.bulk_extend(Quad(triple.subject, triple.predicate, triple.object, DefaultGraph()) for triple in known)
    _fixpoint(store, compile_rules(store, SCHEMA_RULES), notice)
    rules = compile_rules(store, FACT_RULES)
    rounds = _fixpoint(store, rules, notice)
    derived = (quad.triple for quad in store.quads_for_pattern(None, None, None, DefaultGraph()))
    entailed = tuple(sorted((triple for triple in derived if triple not in known and _worth_saying(triple)), key=str))
    return Closure(entailed, tuple(contradictions(store)), rounds, len(rules))


def compile_rules(store: Store, rules: Iterable[Rule]) -> tuple[Compiled, ...]:
    """The rules with the axioms of the store's default graph put in; rules with the same body are one."""
    backwards = _inverses(store)
    merged: dict[tuple[Pattern, ...], tuple[set[str], dict[Pattern, None]]] = {}
    for rule in rules:
        for bound in _solutions(store, rule.schema):
            body = _patterns(rule.body)
            if rule.each:
                stations = _stations(_patterns(rule.each)[0], _members(store, bound["?list"]))
                if not stations:
                    continue
                body += stations
            names, heads = merged.setdefault(_put_in(body, bound, backwards), (set(), {}))
            names.add(rule.name)
            heads |= dict.fromkeys(_put_in(_patterns(rule.head), bound, backwards))
    return tuple(Compiled(tuple(sorted(names)), body, tuple(heads)) for body, (names, heads) in merged.items())


def contradictions(store: Store) -> Iterator[Contradiction]:
    """Every clash in a store whose default graph is closed under the rules, each pair once."""
    backwards = _inverses(store)
    seen = set()
    for clash in CLASHES:
        for axiom in _solutions(store, clash.schema):
            patterns = _put_in(_patterns(clash.body), axiom, backwards)
            for found in _solutions(store, _text(patterns)):
                bound = axiom | found
                key = (clash.name, frozenset(bound.values()))
                if key in seen or ("?z" in bound and bound["?y"] == bound["?z"]):
                    continue
                seen.add(key)
                terms = {name.removeprefix("?"): value for name, value in bound.items()}
                yield Contradiction(clash, terms[clash.focus], terms)


def _fixpoint(store: Store, rules: tuple[Compiled, ...], notice: Callable[[int], None]) -> int:
    """Run the rules until a round finds nothing new; the number of rounds."""
    store.update(f"ADD DEFAULT TO {_DELTA}")
    store.add_graph(_FOUND)
    for rule in rules:
        if not rule.body:
            store.update(f"INSERT DATA {{ GRAPH {_FOUND} {{ {_text(rule.head)} }} }}")
    known: set[str] = set()
    for rounds in count(1):
        fresh = _kinds(store)
        known |= fresh
        for rule in rules:
            if known.issuperset(map(_kind, rule.body)):
                for position, pattern in enumerate(rule.body):
                    if _kind(pattern) in fresh:
                        store.update(_insertion(rule, position))
        store.update(f"DELETE {{ GRAPH {_FOUND} {{ ?s ?p ?o }} }} WHERE {{ GRAPH {_FOUND} {{ ?s ?p ?o }} ?s ?p ?o }}")
        store.update(f"MOVE {_FOUND} TO {_DELTA} ; ADD {_DELTA} TO DEFAULT ; CREATE GRAPH {_FOUND}")
        added = sum(1 for _ in store.quads_for_pattern(None, None, None, _DELTA))
        notice(added)
        if not added:
            return rounds
    raise AssertionError  # pragma: no cover - count() does not end


def _insertion(rule: Compiled, position: int) -> str:
    """The update that concludes what follows with a new triple at one position of the body."""
    new, others = rule.body[position], rule.body[:position] + rule.body[position + 1 :]
    return f"INSERT {{ GRAPH {_FOUND} {{ {_text(rule.head)} }} }} WHERE {{ GRAPH {_DELTA} {{ {_text((new,))} }} {_text(others)} }}"


def _kinds(store: Store) -> set[str]:
    """What kinds of triples are new: their predicates and, for types, their classes; ``?`` for any."""
    found = {"?"}
    for query in (f"SELECT DISTINCT ?k {{ GRAPH {_DELTA} {{ ?x ?k ?y }} }}", f"SELECT DISTINCT ?k {{ GRAPH {_DELTA} {{ ?x <{vocab.RDF_TYPE}> ?k }} }}"):
        found |= {str(solution["k"]) for solution in _select(store, query)}
    return found


def _kind(pattern: Pattern) -> str:
    _, predicate, value = pattern
    if predicate.startswith("?"):
        return "?"
    return value if predicate == f"<{vocab.RDF_TYPE}>" and not value.startswith("?") else predicate


def _solutions(store: Store, patterns: str) -> Iterator[dict[str, str]]:
    """Variable (with its question mark) → term as SPARQL writes it, for each solution of the patterns."""
    if not patterns:
        yield {}
        return
    names = sorted(set(re.findall(r"\?\w+", patterns)))
    for solution in _select(store, f"SELECT DISTINCT {' '.join(names) or '*'} {{ {patterns} }}"):
        yield {name: str(solution[name[1:]]) for name in names}


def _select(store: Store, query: str) -> QuerySolutions:
    found = store.query(query, prefixes=_PREFIXES)
    assert isinstance(found, QuerySolutions)  # noqa: S101 - for the type checker: the query is a SELECT
    return found


def _patterns(text: str) -> tuple[Pattern, ...]:
    """The rule's text as patterns, prefixed names expanded.

    >>> _patterns("?x a ?c . ?c rdfs:subClassOf ?d")[1]
    ('?c', '<http://www.w3.org/2000/01/rdf-schema#subClassOf>', '?d')
    """
    return tuple((_token(s), _token(p), _token(o)) for s, p, o in (pattern.split() for pattern in text.split(" . ") if pattern))


def _token(text: str) -> str:
    if text == "a":
        return f"<{vocab.RDF_TYPE}>"
    prefix, colon, name = text.partition(":")
    return f"<{_PREFIXES[prefix]}{name}>" if colon else text


def _text(patterns: Iterable[Pattern]) -> str:
    return " . ".join(" ".join(pattern) for pattern in patterns)


def _put_in(patterns: Iterable[Pattern], bound: Mapping[str, str], backwards: Mapping[str, str]) -> tuple[Pattern, ...]:
    """The patterns with terms for variables; a property that is only the inverse of a named one turns its pattern round."""
    done = []
    for pattern in patterns:
        subject, predicate, value = (bound.get(token, token) for token in pattern)
        if predicate in backwards:
            subject, predicate, value = value, backwards[predicate], subject
        done.append((subject, predicate, value))
    return tuple(done)


def _stations(pattern: Pattern, members: list[str]) -> tuple[Pattern, ...]:
    """The pattern once for each member, ``?here`` and ``?next`` joining them to a chain from ``?first`` to ``?last``."""
    stops = ["?first", *(f"?n{number}" for number in range(1, len(members))), "?last"]
    return _put_in_each(pattern, [{"?m": member, "?here": stops[number], "?next": stops[number + 1]} for number, member in enumerate(members)])


def _put_in_each(pattern: Pattern, bindings: Iterable[Mapping[str, str]]) -> tuple[Pattern, ...]:
    return tuple(put for bound in bindings for put in _put_in((pattern,), bound, {}))


def _members(store: Store, node: str) -> list[str]:
    """The members of an RDF list, in order; none where the list is cut short."""
    members = []
    while node != f"<{vocab.RDF}nil>":
        solution = next(iter(_select(store, f"SELECT ?m ?rest {{ {node} rdf:first ?m ; rdf:rest ?rest }}")), None)
        if solution is None:
            return []
        members.append(str(solution["m"]))
        node = str(solution["rest"])
    return members


def _inverses(store: Store) -> dict[str, str]:
    """Nameless property → the property whose inverse it is (``[ owl:inverseOf … ]``)."""
    return {bound["?b"]: bound["?p"] for bound in _solutions(store, "?b owl:inverseOf ?p") if bound["?b"].startswith(f"<{_SKOLEM}")}


def _skolemised(triple: Triple) -> Triple:
    subject, value = triple.subject, triple.object
    if isinstance(subject, BlankNode):
        subject = NamedNode(_SKOLEM + subject.value)
    if isinstance(value, BlankNode):
        value = NamedNode(_SKOLEM + value.value)
    return Triple(subject, triple.predicate, value)


def _worth_saying(triple: Triple) -> bool:
    """False for what no one asks: of nameless nodes, that a thing is a thing, that a thing is itself."""
    terms = (triple.subject, triple.object)
    if any(isinstance(term, NamedNode) and term.value.startswith((_SKOLEM, vocab.OWL, vocab.XSD, vocab.RDF)) for term in terms):
        return False
    return triple.subject != triple.object or triple.predicate.value not in _REFLEXIVE


_REFLEXIVE = {vocab.OWL + "sameAs", vocab.OWL + "equivalentClass", vocab.OWL + "equivalentProperty", vocab.RDFS + "subClassOf", vocab.RDFS + "subPropertyOf"}
