"""How long the entailments take, compared with owlrl and `reasonable`, and what each of them misses.

Usage: python benchmarks/reasoning.py [TRIPLES …]      (default 10000 100000 1000000 synthetic triples, after
the real graph)

The others are asked only of graphs that they can close. `reasonable` is no dependency of ours: without `pip
install reasonable` its columns say so. Prints seconds and ratios; asserts nothing: times depend on the
machine.
"""

from __future__ import annotations

import importlib
import random
import sys
import tempfile
import time
import warnings
from typing import TYPE_CHECKING, Any

import owlrl
import rdflib
from pyoxigraph import RdfFormat, Triple, serialize

from r2p_kg.curate import build, reasoning, sources
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The most triples that owlrl is asked to close: some 700 a second.
OWLRL_MOST = 30_000
#: The most triples that `reasonable` is asked to close: with these axioms and 925,000 triples it was killed
#: for want of memory (23 GiB).
REASONABLE_MOST = 300_000
SPACE = "http://e/"

#: A schema with every construct of ours, and some more.
SCHEMA = """
@prefix : <http://e/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Event a owl:Class . :Situation rdfs:subClassOf :Event . :Conflict rdfs:subClassOf :Situation .
:Response rdfs:subClassOf :Event .
:State rdfs:subClassOf :Actor . :Group rdfs:subClassOf :Actor . :Kind0 rdfs:subClassOf :Tool .
:usedIn a owl:ObjectProperty ; rdfs:domain :Response ; rdfs:range :Situation ; rdfs:subPropertyOf :concerns .
:hasResponse owl:inverseOf :usedIn .
:usedTool a owl:ObjectProperty ; rdfs:domain :Response ; rdfs:range :Tool ; rdfs:subPropertyOf :concerns .
:usedBy a owl:ObjectProperty ; rdfs:range :Actor ; rdfs:subPropertyOf :concerns .
:inDocument a owl:FunctionalProperty .
:partOf a owl:TransitiveProperty . :relatedTo a owl:SymmetricProperty .
:precededBy rdfs:subPropertyOf :relatedTo .
:metWith owl:propertyChainAxiom ( :hasResponse :usedTool ) .
:respondedIn owl:propertyChainAxiom ( [ owl:inverseOf :usedBy ] :usedIn ) .
:memberOf owl:propertyChainAxiom ( :memberOf :partOf ) .
:inRegion owl:propertyChainAxiom ( :usedIn :inState :stateIn ) .
:Answered owl:equivalentClass [ a owl:Class ; owl:intersectionOf
    ( :Situation [ owl:onProperty :hasResponse ; owl:someValuesFrom :Response ] ) ] .
:Failed owl:equivalentClass [ a owl:Restriction ; owl:onProperty :outcome ; owl:hasValue :failure ] .
:Party owl:equivalentClass [ a owl:Class ; owl:unionOf ( :State :Group ) ] .
"""


def synthetic(size: int) -> list[Triple]:
    """About as many triples as asked, the same each time.

    Responses to situations, by actors, with tools of a tree of two hundred kinds.
    """
    chance = random.Random(42)  # noqa: S311 - the same graph every time, no secret
    responses = max(size // 9, 20)
    situations, actors, tools, states = responses // 10 + 1, responses // 50 + 2, 200, 60
    lines = [f"{SPACE}Kind{n} {vocab.RDFS}subClassOf {SPACE}Kind{(n - 1) // 4}" for n in range(1, tools)]
    lines += [f"{SPACE}tool{n} {vocab.RDF_TYPE} {SPACE}Kind{n}" for n in range(tools)]
    lines += [f"{SPACE}state{n} {SPACE}stateIn {SPACE}region{n % 8}" for n in range(states)]
    lines += [f"{SPACE}org{n} {SPACE}partOf {SPACE}org{n // 3}" for n in range(1, 20)]
    for n in range(actors):
        lines += [
            f"{SPACE}actor{n} {vocab.RDF_TYPE} {SPACE}{('State', 'Group')[n % 2]}",
            f"{SPACE}actor{n} {SPACE}memberOf {SPACE}org{chance.randrange(20)}",
        ]
    for n in range(situations):
        lines += [f"{SPACE}situation{n} {vocab.RDF_TYPE} {SPACE}{('Situation', 'Conflict')[n % 4 == 0]}"]
        lines += [f"{SPACE}situation{n} {SPACE}inState {SPACE}state{chance.randrange(states)}"]
        lines += [
            f"{SPACE}situation{n} {SPACE}precededBy {SPACE}situation{max(n - chance.randrange(1, 8), 0)}"
        ] * bool(n % 5)
    for n in range(responses):
        made = f"{SPACE}response{n}"
        lines += [
            f"{made} {vocab.RDF_TYPE} {SPACE}Response",
            f"{made} {SPACE}usedIn {SPACE}situation{chance.randrange(situations)}",
        ]
        lines += [
            f"{made} {SPACE}usedTool {SPACE}tool{int(tools * chance.random() ** 2)}",
            f"{made} {SPACE}usedBy {SPACE}actor{chance.randrange(actors)}",
        ]
        lines += [
            f"{made} {SPACE}inDocument {SPACE}document{chance.randrange(responses)}",
            f"{made} {SPACE}outcome {SPACE}{('failure', 'success')[n % 3 > 0]}",
        ]
        lines += [f"{made} {SPACE}year {SPACE}y{1990 + n % 35}", f"{made} {SPACE}day {SPACE}d{n % 365}"]
    text = "".join(f"<{s}> <{p}> <{o}> .\n" for s, p, o in (line.split(" ") for line in lines))
    quads = [*rdf.parse_text(SCHEMA, RdfFormat.TURTLE), *rdf.parse_text(text, RdfFormat.N_TRIPLES)]
    return list(dict.fromkeys(quad.triple for quad in quads))


def real() -> list[Triple]:
    """The curated graph, its annotations included."""
    corpus = sources.read(build.ontology_folder())
    return list(dict.fromkeys(triple for source in corpus.sources for triple in source.triples))


def by_us(given: list[Triple]) -> tuple[float, set[str]]:
    """Seconds, loading included, and what we entail, as N-Triples."""
    begun = time.perf_counter()
    entailed = reasoning.closure(given).entailed
    return time.perf_counter() - begun, {str(triple) for triple in entailed}


def by_owlrl(given: list[Triple]) -> tuple[float, set[str]]:
    """The same of owlrl, without the time to load."""
    graph = as_rdflib(given)
    begun = time.perf_counter()
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    return time.perf_counter() - begun, as_text(graph)


def by_reasonable(given: list[Triple]) -> tuple[float, set[str]]:
    """The same of `reasonable`, loading included; raises ImportError where it is not installed."""
    reasoner: Any = importlib.import_module("reasonable").PyReasoner()
    with tempfile.NamedTemporaryFile(suffix=".ttl") as file:
        file.write(serialize(given, format=RdfFormat.N_TRIPLES) or b"")
        file.flush()
        begun = time.perf_counter()
        reasoner.load_file(file.name)
        found = reasoner.reason()
        taken = time.perf_counter() - begun
    graph = rdflib.Graph()
    for triple in found:
        graph.add(triple)
    return taken, as_text(graph)


def as_rdflib(given: Iterable[Triple]) -> rdflib.Graph:
    """The triples as an rdflib graph."""
    graph = rdflib.Graph()
    graph.parse(data=(serialize(given, format=RdfFormat.N_TRIPLES) or b"").decode(), format="nt")
    return graph


def as_text(graph: rdflib.Graph) -> set[str]:
    """The triples about things of ours, as N-Triples: no axiom's inside, nothing reflexive or axiomatic."""
    kept = set()
    for subject, predicate, value in graph:
        ours = isinstance(subject, rdflib.URIRef) and str(subject).startswith((SPACE, vocab.NS, vocab.ID))
        told = not isinstance(value, rdflib.BNode) and not (
            isinstance(value, rdflib.URIRef) and str(value).startswith((vocab.OWL, vocab.XSD, vocab.RDF))
        )
        if ours and told and not (subject == value and str(predicate).startswith((vocab.OWL, vocab.RDFS))):
            kept.add(
                str(
                    rdf.parse_text(f"{subject.n3()} {predicate.n3()} {value.n3()} .", RdfFormat.TURTLE)[
                        0
                    ].triple
                )
            )
    return kept


def kinds(missed: set[str]) -> str:
    """The three properties of which most is missed."""
    counts: dict[str, int] = {}
    for text in missed:
        name = text.split(" ")[1].rpartition("#")[2].rpartition("/")[2].rstrip(">")
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(
        f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1])[:3]
    )


def compare(name: str, given: list[Triple]) -> None:
    """Print one graph's line for each reasoner."""
    seconds, ours = by_us(given)
    print(f"\n{name}: {len(given):,} triples")
    print(f"  ours        {seconds:8.2f} s          {len(ours):>9,} entailed")
    asserted = {str(triple) for triple in given}
    for other, ask, most in (("owlrl", by_owlrl, OWLRL_MOST), ("reasonable", by_reasonable, REASONABLE_MOST)):
        if len(given) > most:
            print(f"  {other:<11} not asked of more than {most:,} triples")
            continue
        try:
            taken, theirs = ask(given)
        except ImportError:
            print(f"  {other:<11} not installed: pip install {other}")
            continue
        theirs -= asserted
        missed, alone = ours - theirs, theirs - ours
        print(
            f"  {other:<11} {taken:8.2f} s  {taken / seconds:6.1f} x {len(theirs):>9,} entailed; "
            f"misses {len(missed):,} of ours ({kinds(missed) or 'none'}); "
            f"has {len(alone):,} that we miss ({kinds(alone) or 'none'})"
        )


def main(arguments: list[str]) -> int:
    """The real graph, then the synthetic ones."""
    warnings.simplefilter("ignore")  # owlrl and rdflib warn of their own deprecations
    compare("the real graph", real())
    for size in [int(argument) for argument in arguments] or [10_000, 100_000, 1_000_000]:
        compare("synthetic", synthetic(size))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
