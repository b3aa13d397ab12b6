"""Compiled rules run on a pyoxigraph memory store to a fixpoint.

Evaluation is semi-naive: after the first round a rule is asked only for what follows with the help of a
triple that the round before concluded. To that end the store's default graph is all that is known, and each
round's conclusions stand in a graph of their own as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, NamedNode, RdfFormat, Store, Triple, serialize

from r2p_kg.curate.reasoning.compiler import (
    SKOLEM,
    Compiled,
    Pattern,
    axioms,
    compile_rules,
    inverses,
    patterns,
    put_in,
    select,
    solutions,
    text_of,
)
from r2p_kg.curate.reasoning.derivations import Derivation, derivations
from r2p_kg.curate.reasoning.rules import CLASHES, CLOSING_RULES, FACT_RULES, SCHEMA_RULES, Clash
from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_ROUND = "urn:r2p-kg:round:"


@dataclass(frozen=True)
class Contradiction:
    """A clash in a graph; terms as SPARQL writes them.

    Attributes:
        clash: its rule.
        about: its focus.
        bound: variable without question mark → term.
        premises: the triples that clash.

    """

    clash: Clash
    about: str
    bound: Mapping[str, str]
    premises: tuple[Pattern, ...] = ()


@dataclass(frozen=True)
class Closure:
    """What follows from a graph.

    Attributes:
        entailed: what follows and was not asserted, sorted.
        contradictions: each pair of statements that clash, once.
        rounds: how many there were until nothing new followed.
        rules: how many rules the axioms were compiled to.
        derivations: triple that follows → how, the shortest first, terms as SPARQL writes them; empty unless
            :func:`closure` was asked for them.

    """

    entailed: tuple[Triple, ...]
    contradictions: tuple[Contradiction, ...]
    rounds: int
    rules: int
    derivations: Mapping[Pattern, tuple[Derivation, ...]] = field(default_factory=dict)


def closure(
    asserted: Iterable[Triple], notice: Callable[[int], None] = lambda _: None, *, explained: bool = False
) -> Closure:
    """What the asserted triples entail by the rules of OWL 2 RL, without noise (see :func:`_worth_saying`).

    ``notice`` is called after every round with the number of triples that the round added. ``explained``: say
    also how each follows. Rules that would need a literal as a subject conclude nothing, as RDF has no such
    triples.
    """
    store = _loaded(asserted)
    runs = _Runs(store, notice)
    rules: tuple[Compiled, ...] = ()
    while True:
        runs.fixpoint(compile_rules(store, SCHEMA_RULES))
        # What the facts conclude may be an axiom itself (two classes that are the same …): then the rules are
        # others.
        known, rules = rules, compile_rules(store, FACT_RULES)
        if rules == known:
            break
        runs.fixpoint(rules)
    clashing = tuple(contradictions(store))
    closing = compile_rules(store, CLOSING_RULES)
    runs.fixpoint(closing)
    why: Mapping[Pattern, tuple[Derivation, ...]] = {}
    if explained or clashing:
        why = derivations(
            store, (*compile_rules(store, SCHEMA_RULES), *rules, *closing), _facts(runs.concluded)
        )
    entailed = sorted(filter(_worth_saying, runs.concluded), key=str)
    return Closure(tuple(entailed), clashing, runs.rounds, len(rules), why)


def contradictions(store: Store) -> Iterator[Contradiction]:
    """Every clash in a store whose default graph is closed under the rules, each pair once."""
    backwards = inverses(store)
    seen = set()
    for clash in CLASHES:
        schema = patterns(clash.schema)
        for axiom in solutions(store, f"{clash.schema} {clash.given}"):
            body = put_in(patterns(clash.body), axiom, backwards)
            where = clash.where
            for variable, term in axiom.items():
                where = where.replace(variable, term)
            for solution in solutions(store, f"{text_of(body)} {where}"):
                bound = axiom | solution
                key = (clash.name, frozenset(bound.values()))
                if key in seen or ("?z" in bound and bound["?y"] == bound["?z"]):
                    continue
                seen.add(key)
                terms = {name.removeprefix("?"): value for name, value in bound.items()}
                yield Contradiction(
                    clash, terms[clash.focus], terms, (*put_in(body, solution, {}), *axioms(schema, axiom))
                )


class _Runs:
    """One store on its way to the fixpoint.

    ``concluded``: all triples that follow, in order of rounds; ``rounds``: how many there were.
    """

    def __init__(self, store: Store, notice: Callable[[int], None]) -> None:
        self.concluded: list[Triple] = []
        self.rounds = 0
        self._store = store
        self._notice = notice

    def fixpoint(self, rules: Iterable[Compiled]) -> None:
        """Run the rules until a round finds nothing new."""
        ordered = list(dict.fromkeys((rule.body, rule.head, rule.where) for rule in rules))
        last: str | None = None
        while True:
            fresh = self._kinds(last) if last else set()
            here = f"<{_ROUND}{self.rounds}>"
            for body, head, where in ordered:
                conclusion = text_of((head,))
                for new, others in self._occasions(body, fresh, first=last is None):
                    given = (
                        f"GRAPH {last} {{ {text_of((new,))} }} {text_of(others)}" if new else text_of(others)
                    )
                    self._store.update(
                        f"INSERT {{ {conclusion} . GRAPH {here} {{ {conclusion} }} }} "
                        f"WHERE {{ {given} {where} FILTER NOT EXISTS {{ {conclusion} }} }}"
                    )
            added = [
                quad.triple for quad in self._store.quads_for_pattern(None, None, None, NamedNode(here[1:-1]))
            ]
            self.concluded += added
            self.rounds += 1
            self._notice(len(added))
            if not added:
                return
            last = here

    @staticmethod
    def _occasions(
        body: tuple[Pattern, ...], fresh: set[str], *, first: bool
    ) -> Iterator[tuple[Pattern | None, tuple[Pattern, ...]]]:
        """The patterns that may be met by new triples, each with the others.

        In the first round everything is new, and one look is enough.
        """
        if first:
            yield None, body
            return
        for position, pattern in enumerate(body):
            if _kind(pattern) in fresh:
                yield pattern, body[:position] + body[position + 1 :]

    def _kinds(self, graph: str) -> set[str]:
        """What kinds of triples a graph has: predicates and, for types, classes; ``?`` for any."""
        kinds = {"?"}
        for query in (
            f"SELECT DISTINCT ?k {{ GRAPH {graph} {{ ?x ?k ?y }} }}",
            f"SELECT DISTINCT ?k {{ GRAPH {graph} {{ ?x <{vocab.RDF_TYPE}> ?k }} }}",
        ):
            kinds |= {str(row["k"]) for row in select(self._store, query)}
        return kinds


def _kind(pattern: Pattern) -> str:
    _, predicate, value = pattern
    if predicate.startswith("?"):
        return "?"
    return value if predicate == f"<{vocab.RDF_TYPE}>" and not value.startswith("?") else predicate


def _loaded(asserted: Iterable[Triple]) -> Store:
    """A store of the triples, its blank nodes with IRIs.

    Through text, because that is faster than one quad after the other.
    """
    store = Store()
    named = (
        _skolemised(triple)
        if isinstance(triple.subject, BlankNode) or isinstance(triple.object, BlankNode)
        else triple
        for triple in asserted
    )
    store.bulk_load(serialize(named, format=RdfFormat.N_TRIPLES) or b"", RdfFormat.N_TRIPLES)
    return store


def _skolemised(triple: Triple) -> Triple:
    subject, value = triple.subject, triple.object
    if isinstance(subject, BlankNode):
        subject = NamedNode(SKOLEM + subject.value)
    if isinstance(value, BlankNode):
        value = NamedNode(SKOLEM + value.value)
    return Triple(subject, triple.predicate, value)


def _facts(triples: Iterable[Triple]) -> list[Pattern]:
    return [(str(triple.subject), str(triple.predicate), str(triple.object)) for triple in triples]


def _worth_saying(triple: Triple) -> bool:
    """False for what no one asks: of nameless nodes, that a thing is a thing, that a thing is itself."""
    subject, value = triple.subject, triple.object
    if (isinstance(value, NamedNode) and value.value.startswith(_UNSPOKEN)) or (
        isinstance(subject, NamedNode) and subject.value.startswith(_UNSPOKEN)
    ):
        return False
    return subject != value or triple.predicate.value not in _REFLEXIVE


_UNSPOKEN = (SKOLEM, vocab.OWL, vocab.XSD, vocab.RDF)
_REFLEXIVE = {
    vocab.OWL + "sameAs",
    vocab.OWL + "equivalentClass",
    vocab.OWL + "equivalentProperty",
    vocab.RDFS + "subClassOf",
    vocab.RDFS + "subPropertyOf",
}
