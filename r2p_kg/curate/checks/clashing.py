"""What the reasoners object to → findings that name the statements that clash, each with its file and line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, NamedNode, RdfFormat

from r2p_kg.curate import reasoning
from r2p_kg.curate.checks.places import HEAD, Places
from r2p_kg.curate.findings import Finding, in_order
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoxigraph import Triple

    from r2p_kg.curate.reasoning import Closure, Verdict
    from r2p_kg.curate.sources import Corpus

#: Triples that are only the inside of a list.
_INSIDE = {vocab.RDF + "first", vocab.RDF + "rest"}


def clashes(corpus: Corpus, closed: Closure) -> tuple[Finding, ...]:
    """One finding for each contradiction among what was written and what it entails, with the written statements that it rests on.

    Of contradictions that rest on the same statements, or on more, only the one on the fewest is told. What
    OWL itself would bear with is told only where it is no part of something that OWL does not. A finding
    stands at the first of its statements that is a fact, since axioms are seldom what is wrong.
    """
    places = Places.of(corpus)
    found: list[Finding] = []
    told: list[frozenset[tuple[str, str, str]]] = []
    supported = [(reasoning.support(one.premises, closed.derivations), one) for one in closed.contradictions]
    for statements, one in sorted(
        supported,
        key=lambda pair: (pair[1].clash.lenient, len(pair[0]), pair[1].clash.name, pair[1].about, pair[0]),
    ):
        rests_on = frozenset(statements)
        if any(known <= rests_on or (one.clash.lenient and rests_on <= known) for known in told):
            continue
        told.append(rests_on)
        triples = [_triple(fact) for fact in statements]
        path, line = _at(triples, places) or places.of_subject(NamedNode(one.about[1:-1]))
        message = one.clash.says.format_map(
            {variable: places.name_written(term) for variable, term in one.bound.items()}
        )
        repair = "decide which of the two the source supports and take the other away, or give the two things two names"
        found.append(
            Finding(
                "error",
                one.clash.name,
                one.about[1:-1],
                path,
                line,
                f"{message}: {_listed(triples, places)}",
                repair,
            )
        )
    return in_order(found)


def judged(corpus: Corpus, verdict: Verdict) -> tuple[Finding, ...]:
    """What Pellet objects to.

    Classes without possible members, a graph without a model; a warning where it gave no answer.
    """
    places = Places.of(corpus)
    because = [quad.triple for line in verdict.because for quad in rdf.parse_text(line, RdfFormat.N_TRIPLES)]
    listed = f": {_listed(because, places)}" if because else ""
    found = []
    for number, iri in enumerate(verdict.unsatisfiable):
        path, line = places.of_subject(NamedNode(iri))
        repair = "look for two of its superclasses, domains or ranges that are disjoint"
        message = f"{places.name(NamedNode(iri))} can have no members{'' if number else listed}"
        found.append(Finding("error", "unsatisfiable-class", iri, path, line, message, repair))
    if verdict.consistent is False:
        named = [NamedNode(iri) for iri in re.findall(r"https?://[^\s,]+", verdict.said)]
        path, line = _at(because, places) or (places.of_subject(named[0]) if named else (HEAD, 1))
        said = verdict.said
        for node in named:
            said = said.replace(node.value, places.name(node))
        repair = "undo the last change to what the reason names, or look there for two axioms that exclude each other"
        focus = named[0].value if named else ""
        found.append(
            Finding(
                "error",
                "inconsistent",
                focus,
                path,
                line,
                f"the graph contradicts itself: {said}{listed}",
                repair,
            )
        )
    if verdict.consistent is None:
        repair = "run r2p check again; the rules of OWL 2 RL were applied and found no clash"
        found.append(
            Finding(
                "warning",
                "consistency-unknown",
                "",
                HEAD,
                1,
                f"consistency was not judged: {verdict.said}",
                repair,
            )
        )
    return in_order(found)


def _triple(fact: tuple[str, str, str]) -> Triple:
    """The triple of three terms as SPARQL writes them, its blank nodes as they were."""
    text = " ".join(re.sub(rf"^<{reasoning.SKOLEM}(.*)>$", r"_:\1", term) for term in fact)
    return rdf.parse_text(f"{text} .", RdfFormat.N_TRIPLES)[0].triple


def _place(triple: Triple, places: Places) -> tuple[str, int]:
    return places.find(triple.subject, triple.predicate, triple.object)


def _at(triples: Iterable[Triple], places: Places) -> tuple[str, int] | None:
    """The place of the first statement that is a fact, else of the first; None where there is none."""
    return min(
        (_place(triple, places) for triple in triples),
        key=lambda place: (not place[0].startswith("facts/"), place),
        default=None,
    )


def _listed(triples: Iterable[Triple], places: Places) -> str:
    """The statements with their places, those of facts first; what has no name is told by its place."""
    lines: dict[str, None] = {}
    nameless = set()
    for triple in sorted(
        triples, key=lambda one: (not _place(one, places)[0].startswith("facts/"), _place(one, places))
    ):
        path, line = _place(triple, places)
        if isinstance(triple.subject, BlankNode):
            if triple.subject not in nameless and triple.predicate.value not in _INSIDE:
                lines[f"an axiom ({path}:{line})"] = None
            nameless.add(triple.subject)
        else:
            lines[f"{_said(triple, places)} ({path}:{line})"] = None
    return "; ".join(lines)


def _said(triple: Triple, places: Places) -> str:
    verb = "a" if triple.predicate.value == vocab.RDF_TYPE else places.name(triple.predicate)
    value = "a nameless class" if isinstance(triple.object, BlankNode) else places.name(triple.object)
    return f"{places.name(triple.subject)} {verb} {value}"
