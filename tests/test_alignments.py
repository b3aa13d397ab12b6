"""Mappings to other vocabularies start from terms of ours, lead to terms that exist, fit by kind, and are loaded by nobody."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest
from pyoxigraph import NamedNode
from rdflib.namespace import DCTERMS, PROV, SH, SKOS, VANN

from r2p_kg.curate import sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.graph import vocab

MAPPINGS = {
    vocab.RDFS + "subClassOf": "Class",
    vocab.RDFS + "subPropertyOf": "Property",
    vocab.SKOS + "closeMatch": "",
}
#: Vocabularies that rdflib ships whole, beside the list of terms that were looked up in their vocabularies
#: one by one.
CLOSED = (DCTERMS, PROV, SH, SKOS, VANN)


@cache
def verified() -> dict[str, str]:
    """Foreign term → its kinds, as found in the vocabulary itself."""
    with (Path(__file__).parent / "verified_terms.csv").open(encoding="utf-8", newline="") as rows:
        return {row["iri"]: row["rdf_types"] for row in csv.DictReader(rows)}


@cache
def corpus() -> sources.Corpus:
    return sources.read(ontology_folder())


@cache
def kinds() -> dict[str, str]:
    """Term of ours → Class or Property."""
    found = {}
    for source in corpus().sources:
        for triple in source.triples:
            if (
                triple.predicate.value == vocab.RDF_TYPE
                and isinstance(triple.object, NamedNode)
                and triple.object.value.startswith(vocab.OWL)
            ):
                found[str(triple.subject.value)] = (
                    "Class" if triple.object.value.endswith("#Class") else "Property"
                )  # type: ignore[union-attr]
    return found


def alignments() -> list[sources.Source]:
    return [source for source in corpus().asides if source.path.startswith("align/")]


def test_the_alignments_are_all_found_and_none_is_loaded() -> None:
    assert ["bibo", "foaf", "org", "prov", "schema", "sem"] == [
        Path(source.path).stem for source in alignments()
    ]
    assert [] == [
        source.path for source in corpus().sources if source.path.startswith(("align/", "examples/"))
    ]


@pytest.mark.parametrize("name", ["bibo", "foaf", "org", "prov", "schema", "sem"])
def test_every_alignment_starts_from_a_term_of_ours(name: str) -> None:
    (source,) = [one for one in alignments() if Path(one.path).stem == name]
    space = corpus().prefixes[name]
    assert len(source.triples) > 4
    for triple in source.triples:
        ours, mapping, theirs = str(triple.subject.value), triple.predicate.value, str(triple.object.value)  # type: ignore[union-attr]
        assert ours in kinds(), f"{ours} is no term of ours"
        assert mapping in MAPPINGS
        assert theirs.startswith(space), f"{theirs} belongs into another file"
        assert theirs in verified(), f"{theirs} has not been found in its vocabulary"
        assert ("Class" in verified()[theirs]) == (kinds()[ours] == "Class"), (
            f"{ours} and {theirs} are not of one kind"
        )
        assert MAPPINGS[mapping] in {"", kinds()[ours]}


def test_exact_mappings_of_properties_fit_those_of_the_classes_at_their_ends() -> None:
    """What wasDerivedFrom relates are entities, so the statements that derivedFrom relates have to be entities as well."""
    above = {
        (str(t.subject.value), str(t.object.value))
        for source in alignments()
        for t in source.triples
        if t.predicate.value == vocab.RDFS + "subClassOf"
    }  # type: ignore[union-attr]
    ends = {
        (str(triple.subject.value), triple.predicate.value.rpartition("#")[2]): str(triple.object.value)  # type: ignore[union-attr]
        for source in corpus().sources
        for triple in source.triples
        if triple.predicate.value in {vocab.RDFS + "domain", vocab.RDFS + "range"}
    }
    with (Path(__file__).parent / "verified_terms.csv").open(encoding="utf-8", newline="") as rows:
        theirs = {(row["iri"], end): row[end] for row in csv.DictReader(rows) for end in ("domain", "range")}
    checked = 0
    for source in alignments():
        for triple in source.triples:
            prop, other = str(triple.subject.value), str(triple.object.value)  # type: ignore[union-attr]
            for end in ("domain", "range"):
                wanted = theirs[other, end]
                if triple.predicate.value == vocab.RDFS + "subPropertyOf" and wanted.startswith(str(PROV)):
                    assert (ends[prop, end], wanted) in above, (
                        f"{prop} leads from or to {ends[prop, end]}, which is not mapped to {wanted}"
                    )
                    checked += 1
    assert checked == 6


def test_foreign_terms_are_known_to_their_vocabularies() -> None:
    (source,) = [one for one in corpus().sources if one.path == "schema/foreign.ttl"]
    declared = {str(triple.subject.value) for triple in source.triples}  # type: ignore[union-attr]
    known = {
        str(term) for space in CLOSED for term in (space[name] for name in space.__annotations__)
    } | verified().keys()
    assert len(declared) > 20
    assert set() == declared - known
