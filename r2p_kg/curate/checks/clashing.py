"""What the reasoners object to → findings that name the statements that clash, with file and line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyoxigraph import BlankNode, NamedNode, RdfFormat

from r2p_kg.curate import reasoning
from r2p_kg.curate.checks.locations import HEAD, Locations
from r2p_kg.curate.declared import CONSISTENCY_UNKNOWN, INCONSISTENT, UNSATISFIABLE_CLASS
from r2p_kg.curate.findings import Check, Finding, in_order
from r2p_kg.curate.reasoning import rules
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pyoxigraph import Triple

    from r2p_kg.curate.reasoning import Closure, Contradiction, Verdict

#: The checks that the rules for contradictions are, by name.
CLASHES: Final[Mapping[str, Check]] = {clash.name: Check(clash.name, clash.says) for clash in rules.CLASHES}

#: Checks that blame one statement for what it does to classes or datatypes. A clash that follows from that
#: statement has nothing to add, and says it in a logician's words.
BLAMING: Final = frozenset(
    {
        "ill-typed-literal",
        "literal-for-thing",
        "thing-for-literal",
        "wrong-class",
        "wrong-datatype",
        "wrong-domain",
    }
)

#: Triples that are only the inside of a list.
_INSIDE: Final = {vocab.RDF + "first", vocab.RDF + "rest"}


def clashes(closed: Closure, locations: Locations, others: Collection[Finding] = ()) -> tuple[Finding, ...]:
    """One finding for each contradiction, with the written statements that it rests on.

    Of contradictions that rest on the same statements, or on more, only the one on the fewest is reported,
    and lenient ones only if no strict one rests on the same statements. None is reported that rests on a
    statement which one of the ``others`` blames already. A finding is placed at the first of its statements
    that is a fact, since axioms are seldom wrong.
    """
    blamed = {(one.path, one.line) for one in others if one.check in BLAMING}
    findings: list[Finding] = []
    for one, statements in _independent(closed):
        triples = [_triple(statement) for statement in statements]
        if blamed.isdisjoint(locations.of(triple) for triple in triples):
            findings.append(_clash(one, triples, locations))
    return in_order(findings)


def _independent(closed: Closure) -> Iterator[tuple[Contradiction, tuple[reasoning.Pattern, ...]]]:
    """The contradictions that no other one explains, each with the statements that it rests on."""
    reported: list[frozenset[reasoning.Pattern]] = []
    supported = [(one, reasoning.support(one.premises, closed.derivations)) for one in closed.contradictions]
    for one, statements in sorted(
        supported,
        key=lambda pair: (pair[0].clash.lenient, len(pair[1]), pair[0].clash.name, pair[0].about, pair[1]),
    ):
        rests_on = frozenset(statements)
        if not any(known <= rests_on or (one.clash.lenient and rests_on <= known) for known in reported):
            reported.append(rests_on)
            yield one, statements


def _clash(one: Contradiction, triples: Iterable[Triple], locations: Locations) -> Finding:
    path, line = _at(triples, locations) or locations.of_subject(NamedNode(one.about[1:-1]))
    names = {variable: locations.name_written(term) for variable, term in one.bound.items()}
    message = f"{one.clash.says.format_map(names)}: {_listed(triples, locations)}"
    which = "decide which of the two the source supports and take the other away"
    repair = f"{which}, or give the two things two names"
    return CLASHES[one.clash.name].finding(one.about[1:-1], path, line, message, repair)


def judged(verdict: Verdict, locations: Locations) -> tuple[Finding, ...]:
    """What Pellet objects to: classes without possible members, a graph without a model.

    A warning if it gave no answer.
    """
    because = [quad.triple for line in verdict.because for quad in rdf.parse_text(line, RdfFormat.N_TRIPLES)]
    listed = f": {_listed(because, locations)}" if because else ""
    findings = []
    for number, iri in enumerate(verdict.unsatisfiable):
        path, line = locations.of_subject(NamedNode(iri))
        repair = "look for two of its superclasses, domains or ranges that are disjoint"
        message = f"{locations.name(NamedNode(iri))} can have no members{'' if number else listed}"
        findings.append(UNSATISFIABLE_CLASS.finding(iri, path, line, message, repair))
    if verdict.consistent is False:
        findings.append(_inconsistent(verdict.said, because, listed, locations))
    if verdict.consistent is None:
        message = f"consistency was not judged: {verdict.said}"
        repair = "run r2p check again; the rules of OWL 2 RL were applied and found no clash"
        findings.append(CONSISTENCY_UNKNOWN.finding("", HEAD, 1, message, repair))
    return in_order(findings)


def _inconsistent(reason: str, because: Iterable[Triple], listed: str, locations: Locations) -> Finding:
    things = [NamedNode(iri) for iri in re.findall(r"https?://[^\s,]+", reason)]
    path, line = _at(because, locations) or (locations.of_subject(things[0]) if things else (HEAD, 1))
    for thing in things:
        reason = reason.replace(thing.value, locations.name(thing))
    repair = (
        "undo the last change to what the reason names, or look there for two axioms that exclude each other"
    )
    focus = things[0].value if things else ""
    return INCONSISTENT.finding(focus, path, line, f"the graph contradicts itself: {reason}{listed}", repair)


def _triple(statement: reasoning.Pattern) -> Triple:
    """The triple of three terms as SPARQL writes them, its blank nodes as they were."""
    text = " ".join(re.sub(rf"^<{reasoning.SKOLEM}(.*)>$", r"_:\1", term) for term in statement)
    return rdf.parse_text(f"{text} .", RdfFormat.N_TRIPLES)[0].triple


def _facts_first(location: tuple[str, int]) -> tuple[bool, tuple[str, int]]:
    return not location[0].startswith("facts/"), location


def _at(triples: Iterable[Triple], locations: Locations) -> tuple[str, int] | None:
    """The location of the first statement that is a fact, else of the first; None if there are none."""
    return min((locations.of(triple) for triple in triples), key=_facts_first, default=None)


def _listed(triples: Iterable[Triple], locations: Locations) -> str:
    """The statements with their locations, those of facts first; a nameless axiom by its location alone."""
    lines: dict[str, None] = {}
    nameless = set()
    for triple in sorted(triples, key=lambda one: _facts_first(locations.of(one))):
        path, line = locations.of(triple)
        if isinstance(triple.subject, BlankNode):
            if triple.subject not in nameless and triple.predicate.value not in _INSIDE:
                lines[f"an axiom ({path}:{line})"] = None
            nameless.add(triple.subject)
        else:
            lines[f"{_sentence(triple, locations)} ({path}:{line})"] = None
    return "; ".join(lines)


def _sentence(triple: Triple, locations: Locations) -> str:
    verb = "a" if triple.predicate.value == vocab.RDF_TYPE else locations.name(triple.predicate)
    value = "a nameless class" if isinstance(triple.object, BlankNode) else locations.name(triple.object)
    return f"{locations.name(triple.subject)} {verb} {value}"
