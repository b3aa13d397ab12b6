"""Each axiom that researchers feel holds where it should, does not where it must not, and shortens the query that docs/axioms.md shows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import DefaultGraph, NamedNode, Quad, QuerySolutions, RdfFormat, Store, Triple

from r2p_kg.curate import reasoning, sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built

DOC = (Path(__file__).parent.parent / "docs" / "axioms.md").read_text("utf-8")
SECTIONS = {
    name: re.findall(r"```sparql\n(.*?)\n```", text, re.DOTALL)
    for name, text in re.findall(r"^## r2p:(\w+)\n(.*?)(?=^## |\Z)", DOC, re.MULTILINE | re.DOTALL)
}

PREFIXES = (
    "@prefix : <https://w3id.org/r2p-kg/id/> . @prefix r2p: <https://w3id.org/r2p-kg/ns#> . "
    "@prefix modality: <https://w3id.org/r2p-kg/id/modality/> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> . "
)
RESPONSE = ":r a r2p:Response ; r2p:usedTool :t ; r2p:usedIn :s ; r2p:usedBy :a . "
PROPOSAL = ":p a r2p:Proposal ; r2p:modality modality:possible ; r2p:proposedTool :t ; r2p:proposedIn :s ; r2p:proposedBy :a . "
DENIAL = ":d a r2p:Finding ; r2p:modality modality:stated ; r2p:negated true ; r2p:concernsTool :t ; r2p:concernsSituation :s ; r2p:doneBy :a ; r2p:about :s . "
HEDGE = ":h a r2p:Finding ; r2p:modality modality:alleged ; r2p:concernsTool :t ; r2p:concernsSituation :s ; r2p:concernsActor :a ; r2p:about :s . "
WEAK = PROPOSAL + DENIAL + HEDGE
CITED = ":f a r2p:Finding ; r2p:cites :passage ; r2p:about :thing . :passage a r2p:Passage ; r2p:inDocument :document . "

# Term, what is given, what must follow, what else is given, what must not follow from that.
CASES = [
    ("metWith", RESPONSE, ":s r2p:metWith :t", WEAK, ":s r2p:metWith :t"),
    ("appliedIn", RESPONSE, ":t r2p:appliedIn :s", WEAK, ":t r2p:appliedIn :s"),
    ("respondedIn", RESPONSE, ":a r2p:respondedIn :s", WEAK, ":a r2p:respondedIn :s"),
    ("respondent", RESPONSE, ":s r2p:respondent :a", WEAK, ":s r2p:respondent :a"),
    (
        "respondent",
        RESPONSE,
        ":s r2p:respondent :a",
        ":r r2p:usedIn :s ; r2p:usedAgainst :a ; r2p:usedWithHelpOf :b .",
        ":s r2p:respondent :a",
    ),
    ("employs", RESPONSE, ":a r2p:employs :t", WEAK, ":a r2p:employs :t"),
    (
        "involvedIn",
        RESPONSE,
        ":a r2p:involvedIn :s",
        WEAK + ":a r2p:partOf :whole .",
        ":whole r2p:involvedIn :s",
    ),
    (
        "involvedIn",
        RESPONSE + ":a r2p:partOf :b . :b r2p:partOf :c .",
        ":c r2p:involvedIn :s",
        RESPONSE + ":part r2p:partOf :a .",
        ":part r2p:involvedIn :s",
    ),
    (
        "responseJudgedBy",
        RESPONSE + ":j r2p:ofResponse :r .",
        ":s r2p:responseJudgedBy :j",
        WEAK + ":j a r2p:Assessment ; r2p:about :s .",
        ":s r2p:responseJudgedBy :j",
    ),
    (
        "responseJudgedBy",
        RESPONSE + ":j r2p:ofResponse :r .",
        ":s r2p:responseJudgedBy :j",
        RESPONSE + ":j r2p:ofResponse :r ; r2p:negated true ; r2p:verdict :success .",
        ":s r2p:responseJudgedBy :success",
    ),
    (
        "statedIn",
        CITED,
        ":f r2p:statedIn :document",
        ":f r2p:concerns :document .",
        ":f r2p:statedIn :document",
    ),
    (
        "mentions",
        CITED,
        ":passage r2p:mentions :thing",
        ":f r2p:cites :passage ; r2p:modality modality:stated .",
        ":passage r2p:mentions modality:stated",
    ),
    (
        "mentionedIn",
        CITED,
        ":thing r2p:mentionedIn :passage",
        ":g r2p:about :thing . :f r2p:cites :passage .",
        ":thing r2p:mentionedIn :passage",
    ),
    (
        "speaksOf",
        CITED,
        ":document r2p:speaksOf :thing",
        ":passage r2p:inDocument :document . :f r2p:about :thing .",
        ":document r2p:speaksOf :thing",
    ),
    (
        "concernsSubject",
        CITED + ":thing r2p:subject :narrow . :narrow skos:broader :broad .",
        ":f r2p:concernsSubject :narrow , :broad ; r2p:concerns :narrow",
        CITED + ":other r2p:subject :narrow . :narrow skos:broader :broad .",
        ":f r2p:concernsSubject :narrow",
    ),
    (
        "concernsSubject",
        CITED + ":thing r2p:subject :narrow .",
        ":f r2p:concernsSubject :narrow",
        CITED + ":thing r2p:subject :broad . :narrow skos:broader :broad .",
        ":f r2p:concernsSubject :narrow",
    ),
    (
        "concerns",
        CITED + ":thing r2p:involves :actor .",
        ":f r2p:concerns :actor",
        CITED + ":other r2p:involves :thing .",
        ":f r2p:concerns :other",
    ),
    (
        "kindOf",
        ":t r2p:kindOf :u . :u r2p:kindOf :v .",
        ":t r2p:kindOf :v",
        RESPONSE + ":t r2p:kindOf :u .",
        ":r r2p:usedTool :u",
    ),
    (
        "partOf",
        ":c r2p:componentPart :p ; r2p:whole :w . :w r2p:partOf :v .",
        ":p r2p:partOf :v",
        ":m a r2p:Membership ; r2p:member :p ; r2p:memberOf :w .",
        ":p r2p:partOf :w",
    ),
    ("hasPart", ":p r2p:partOf :w .", ":w r2p:hasPart :p", ":p r2p:partOf :w .", ":p r2p:hasPart :w"),
    (
        "SituationWithResponse",
        RESPONSE,
        ":s a r2p:SituationWithResponse",
        WEAK + ":s a r2p:Situation .",
        ":s a r2p:SituationWithResponse",
    ),
    (
        "RegionalResponse",
        RESPONSE + ":a a r2p:RegionalOrganization .",
        ":r a r2p:RegionalResponse",
        RESPONSE + ":a a r2p:State .",
        ":r a r2p:RegionalResponse",
    ),
    (
        "RegionalResponse",
        RESPONSE + ":a a r2p:RegionalOrganization .",
        ":r a r2p:RegionalResponse",
        PROPOSAL + ":a a r2p:RegionalOrganization .",
        ":p a r2p:RegionalResponse",
    ),
    (
        "AuthorizedResponse",
        RESPONSE + ":r r2p:authority :x .",
        ":r a r2p:AuthorizedResponse",
        RESPONSE,
        ":r a r2p:AuthorizedResponse",
    ),
    (
        "AuthorizedResponse",
        RESPONSE + ":r r2p:authorizedBy :x .",
        ":r a r2p:AuthorizedResponse",
        PROPOSAL + ":p r2p:authorizedBy :x .",
        ":p a r2p:AuthorizedResponse",
    ),
    (
        "DeniedStatement",
        DENIAL,
        ":d a r2p:DeniedStatement",
        HEDGE + ":h r2p:negated false .",
        ":h a r2p:DeniedStatement",
    ),
    ("HedgedStatement", HEDGE, ":h a r2p:HedgedStatement", DENIAL, ":d a r2p:HedgedStatement"),
]


@cache
def schema() -> tuple[Triple, ...]:
    return tuple(
        triple
        for source in sources.read(ontology_folder()).sources
        if source.path.startswith("schema/")
        for triple in source.triples
    )


def triples(turtle: str) -> set[Triple]:
    return {quad.triple for quad in rdf.parse_text(PREFIXES + turtle, RdfFormat.TURTLE)}


@pytest.mark.parametrize(
    ("term", "given", "follows", "weaker", "absent"),
    CASES,
    ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)],
)
def test_an_axiom_holds_where_it_should_and_not_where_it_must_not(
    term: str, given: str, follows: str, weaker: str, absent: str
) -> None:
    del term
    held = set(reasoning.closure([*schema(), *triples(given)]).entailed)
    assert triples(follows + " .") <= held | triples(given)
    refused = set(reasoning.closure([*schema(), *triples(weaker)]).entailed)
    assert triples(absent + " .").isdisjoint(refused | triples(weaker))


def test_every_hedge_and_no_plain_assertion_makes_a_hedged_statement() -> None:
    corpus = sources.read(ontology_folder())
    scheme = NamedNode(vocab.ID + "scheme/modality")
    modalities = {
        triple.subject.value
        for source in corpus.sources
        for triple in source.triples
        if triple.object == scheme
    }  # type: ignore[union-attr]
    given = {
        Triple(NamedNode(f"{iri}/statement"), NamedNode(vocab.R2P_MODALITY), NamedNode(iri))
        for iri in modalities
    }
    hedged = NamedNode(vocab.NS + "HedgedStatement")
    found = {
        triple.subject.value.removesuffix("/statement")
        for triple in reasoning.closure([*schema(), *given]).entailed
        if triple.object == hedged
    }  # type: ignore[union-attr]
    assert modalities - {vocab.STATED} == found


def test_every_entailed_term_of_axioms_ttl_is_documented_and_tried() -> None:
    text = (ontology_folder() / "schema" / "axioms.ttl").read_text("utf-8")
    terms = set(re.findall(r"^r2p:(\w+) a owl:", text, re.MULTILINE))
    assert {"metWith", "HedgedStatement", "involvedIn"} < terms
    assert terms | {"partOf", "hasPart", "kindOf", "concerns", "concernsSubject"} == set(SECTIONS)
    assert set(SECTIONS) == {case[0] for case in CASES}


@pytest.fixture(scope="module")
def stores(snapshot_of_the_checkout: Built, whole_graph: Store) -> tuple[Store, Store]:
    """All of the real graph, and what of it was written by hand."""
    quads = rdf.quads_of(snapshot_of_the_checkout.snapshot.quads)
    written = Store()
    written.bulk_extend(
        Quad(quad.subject, quad.predicate, quad.object, DefaultGraph())
        for quad in quads
        if quad.graph_name != NamedNode(vocab.ENTAILED_GRAPH)
    )
    return whole_graph, written


def rows(store: Store, query: str) -> set[tuple[str, ...]]:
    found = store.query(query, prefixes={"r2p": vocab.NS, "rdfs": vocab.RDFS, "skos": vocab.SKOS})
    assert isinstance(found, QuerySolutions)
    return {tuple(str(row[name.value]) for name in found.variables) for row in found}


@pytest.mark.parametrize("term", SECTIONS)
def test_the_short_query_answers_as_the_long_one_over_what_was_written(
    term: str, stores: tuple[Store, Store]
) -> None:
    short, long = SECTIONS[term]
    assert len(short) < len(long) or term in {"DeniedStatement", "partOf", "hasPart"}
    whole, written = stores
    expected = rows(written, long)
    assert expected
    assert expected == rows(whole, short)
