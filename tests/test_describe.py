"""The description of the service: each of its claims holds of what it describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyoxigraph as ox
import pytest

from r2p_kg import library
from r2p_kg.graph import rdf, vocab
from r2p_kg.graph.snapshot import Snapshot
from r2p_kg.web import Settings, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE = "http://127.0.0.1:8000"
DATASET = f"{BASE}/void#dataset"

QUADS = b"""\
<http://e/a> <http://e/p> "1" <https://w3id.org/r2p-kg/graph/schema> .
<http://e/a> <http://e/p> "1" <https://w3id.org/r2p-kg/graph/entailed> .
<http://e/a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://e/C> <https://w3id.org/r2p-kg/graph/schema> .
<http://e/b> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://e/C> <https://w3id.org/r2p-kg/graph/schema> .
<https://w3id.org/r2p-kg/ns> <http://purl.org/dc/terms/license> <https://creativecommons.org/licenses/by/4.0/> <https://w3id.org/r2p-kg/graph/schema> .
"""

QUERY = """\
#+ title: A "quoted" title
#+ question: What is there?
#+ returns: [{s: a thing}]
#+ expect: rows
#+ tags: [all]
SELECT ?s WHERE { ?s ?p "\\\\ and \\"" }
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.of(rdf.canonical(rdf.quads_of(QUADS)), {"ex": "http://e/", "": "http://none/"}, {})


@pytest.fixture(scope="module")
def store(snapshot: Snapshot) -> ox.Store:
    saved = library.Library((library.read(QUERY, "queries/things/all.rq"),))
    found = ox.Store()
    settings = Settings(seconds=7.5, rows=11, bytes=12, query_bytes=13)
    found.extend(describe.service(snapshot, describe.Counts.of(snapshot), saved, BASE, settings))
    return found


def asked(store: ox.Store, query: str) -> Sequence[Any]:
    """Rows of a query over the description, as texts."""
    solutions = store.query(query, prefixes=dict(describe.PREFIXES))
    assert isinstance(solutions, ox.QuerySolutions)
    return [tuple(term.value if term else None for term in row) for row in solutions]


def test_the_service_is_at_its_endpoint_and_claims_neither_update_nor_federation(store: ox.Store) -> None:
    assert [(f"{BASE}/sparql",)] == asked(store, "SELECT ?e { ?s a sd:Service ; sd:endpoint ?e }")
    assert [(vocab.SD + "SPARQL11Query",)] == asked(store, "SELECT ?l { ?s sd:supportedLanguage ?l }")
    assert [(vocab.SD + "UnionDefaultGraph",)] == asked(store, "SELECT ?f { ?s sd:feature ?f }")


def test_every_result_format_is_one_that_the_service_writes(store: ox.Store) -> None:
    assert 10 == len(asked(store, "SELECT ?f { ?s sd:resultFormat ?f }"))


def test_the_limits_in_force_are_stated(store: ox.Store) -> None:
    ((text,),) = asked(
        store, "SELECT ?c { ?s a sd:Service ; <http://www.w3.org/2000/01/rdf-schema#comment> ?c }"
    )
    assert all(part in text for part in ("7.5 seconds", "11 rows", "12 bytes", "13 bytes"))


def test_counts_are_those_of_the_union_and_of_each_graph(store: ox.Store, snapshot: Snapshot) -> None:
    data = ox.Store()
    data.bulk_load(snapshot.quads, ox.RdfFormat.N_QUADS)
    union = data.query(
        "SELECT (COUNT(*) AS ?n) { SELECT DISTINCT ?s ?p ?o { ?s ?p ?o } }", use_default_graph_as_union=True
    )
    assert isinstance(union, ox.QuerySolutions)
    ((triples,),) = asked(store, f"SELECT ?n {{ <{DATASET}> void:triples ?n }}")
    assert [triples] == [row["n"].value for row in union]
    named = asked(
        store,
        f"SELECT ?g ?n {{ <{DATASET}> sd:namedGraph [ sd:name ?g ; sd:graph/void:triples ?n ] }} ORDER BY ?g",
    )
    assert [(vocab.ENTAILED_GRAPH, "1"), (vocab.SCHEMA_GRAPH, "4")] == named
    assert [("http://e/C", "2")] == asked(
        store, "SELECT ?c ?n { ?d void:classPartition [ void:class ?c ; void:entities ?n ] }"
    )
    parts = asked(store, "SELECT ?p ?n { ?d void:propertyPartition [ void:property ?p ; void:triples ?n ] }")
    assert ("http://e/p", "1") in parts


def test_the_licence_is_the_one_of_the_ontology(store: ox.Store) -> None:
    assert [("https://creativecommons.org/licenses/by/4.0/",)] == asked(
        store, f"SELECT ?l {{ <{DATASET}> dcterms:license ?l }}"
    )


def test_the_dumps_have_addresses_and_the_first_its_size(store: ox.Store, snapshot: Snapshot) -> None:
    assert [(f"{BASE}/dumps/r2p.nq", str(len(snapshot.quads)))] == asked(
        store, "SELECT ?a ?n { ?d dcat:downloadURL ?a ; dcat:byteSize ?n }"
    )
    assert 3 == len(asked(store, f"SELECT ?a {{ <{DATASET}> void:dataDump ?a }}"))


def test_saved_queries_and_prefixes_can_be_queried_for(store: ox.Store) -> None:
    found = asked(
        store,
        "SELECT ?q ?l ?t { ?q a sh:SPARQLSelectExecutable ; <http://www.w3.org/2000/01/rdf-schema#label> ?l ; sh:select ?t }",
    )
    assert [
        (f"{BASE}/queries/all", 'A "quoted" title', 'SELECT ?s WHERE { ?s ?p "\\\\ and \\"" }\n')
    ] == found
    assert [("ex", "http://e/")] == asked(
        store, "SELECT ?p ?n { ?x sh:declare [ sh:prefix ?p ; sh:namespace ?n ] }"
    )
    assert {("things",), ("all",)} == set(asked(store, "SELECT ?k { ?q schema:keywords ?k }"))


def test_a_graph_store_describes_its_own_default_graph_and_its_updates() -> None:
    quads = b"<http://e/a> <http://e/p> <http://e/b> .\n" + QUADS
    found = Snapshot.of(rdf.canonical(rdf.quads_of(quads)), {}, {})
    store = ox.Store()
    store.extend(
        describe.service(
            found,
            describe.Counts.of(found),
            library.Library(),
            BASE,
            Settings(),
            mode=describe.Mode(union=False, writable=True),
        )
    )
    assert {(vocab.SD + "SPARQL11Query",), (vocab.SD + "SPARQL11Update",)} == set(
        asked(store, "SELECT ?l { ?s sd:supportedLanguage ?l }")
    )
    assert [] == asked(store, "SELECT ?f { ?s sd:feature ?f }")
    assert [("1",)] == asked(store, "SELECT ?n { ?d sd:defaultGraph/void:triples ?n }")
