"""What is published about the service can be asked of it, and runs as it is published."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from r2p_kg import library
from r2p_kg.command.publishing import Publisher
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.graph import rdf, snapshot, vocab
from r2p_kg.web import Settings, create_app, describe
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.curate.build import Built

QUERIES = Path(__file__).parent.parent / "queries"
LIBRARY = library.load(QUERIES)
SH, VOID = vocab.SH, vocab.VOID
JSON = "application/sparql-results+json"

#: The three questions that sib-swiss's editor asks an endpoint about itself, in our words.
PREFIXES = f"SELECT DISTINCT ?prefix ?namespace {{ [] <{SH}namespace> ?namespace ; <{SH}prefix> ?prefix }} ORDER BY ?prefix"
EXAMPLES = f"""\
SELECT DISTINCT ?example ?comment ?query {{
  ?example a <{SH}SPARQLExecutable> ; <{vocab.RDFS}comment> ?comment ;
    <{SH}select>|<{SH}ask>|<{SH}construct> ?query .
  ?example <{SH}prefixes>/<{SH}declare>/<{SH}prefix> "r2p" .
}} ORDER BY ?example"""
PARTITIONS = f"""\
SELECT DISTINCT ?class ?property {{
  ?part <{VOID}class> ?class ; <{VOID}propertyPartition> ?inner . ?inner <{VOID}property> ?property .
}}"""


@pytest.fixture(scope="module")
def published(snapshot_of_the_checkout: Built, tmp_path_factory: pytest.TempPathFactory) -> snapshot.Snapshot:
    """The real graph as it is served."""
    publisher = Publisher(tmp_path_factory.mktemp("served"), QUERIES, Settings())
    return snapshot.read(publisher.publish(snapshot_of_the_checkout.path))


@pytest.fixture(scope="module")
def client(
    published: snapshot.Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[in_process.FrontClient]:
    pool = Pool(snapshot.write(published, tmp_path_factory.mktemp("pool")), PoolSettings(workers=2))
    yield in_process.client(create_app(Settings(), published, pool, LIBRARY))
    pool.close()


def rows(client: in_process.FrontClient, query: str) -> list[dict[str, str]]:
    """The values of an answer, which has nothing to warn of but a form of question that there is not."""
    reply = client.get("/sparql", query_string={"query": query}, headers={"Accept": JSON})
    assert 200 == reply.status_code, reply.text
    assert "R2P-Warnings" not in reply.headers or SH + "construct" in query
    return [
        {name: term["value"] for name, term in row.items()}
        for row in json.loads(reply.data)["results"]["bindings"]
    ]


def test_the_prefixes_of_the_data_are_in_the_store(client: Any, published: snapshot.Snapshot) -> None:
    found = {row["prefix"]: row["namespace"] for row in rows(client, PREFIXES)}
    assert {name: space for name, space in published.prefixes.items() if name} == found


def test_every_published_example_runs_as_it_is_published_and_answers_as_its_question(client: Any) -> None:
    examples = rows(client, EXAMPLES)
    assert [
        vocab.BASE + "queries/" + query.id for query in sorted(LIBRARY.queries, key=lambda one: one.id)
    ] == [row["example"] for row in examples]
    for row in examples:
        query_id = row["example"].rpartition("/")[2]
        graph = "CONSTRUCT" in row["query"]
        accept = {"Accept": "application/n-triples" if graph else JSON}
        reply = client.get(f"/sparql?{urlencode({'query': row['query']})}", headers=accept)
        assert 200 == reply.status_code, (query_id, reply.text)
        same = client.get(f"/queries/{query_id}", headers=accept)
        assert same.data == reply.data
        assert "$" not in row["query"].replace('"$', "")


def test_the_document_has_the_same_examples_as_the_store(client: Any) -> None:
    said = {
        str(quad.object.value)
        for quad in rdf.parse_text(client.get("/void").data, rdf.SUFFIXES[".ttl"])
        if quad.predicate.value in {SH + "select", SH + "ask", SH + "construct"}
    }
    assert {row["query"] for row in rows(client, EXAMPLES)} == said


def test_the_partitions_say_which_properties_the_members_of_each_class_have(client: Any) -> None:
    found = {(row["class"], row["property"]) for row in rows(client, PARTITIONS)}
    graphs = " ".join(f"FROM <{name}>" for name in graphs_of(client))
    asked = rows(
        client,
        f"SELECT DISTINCT ?class ?property {graphs} {{ ?s a ?class ; ?property ?o FILTER(ISIRI(?class)) }}",
    )
    assert {(row["class"], row["property"]) for row in asked} == found
    assert len(found) > 500


def graphs_of(client: Any) -> list[str]:
    """The graphs of the data."""
    query = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }"
    return [row["g"] for row in rows(client, query) if row["g"] != vocab.SERVICE_GRAPH]


def test_the_description_stands_in_its_own_graph_and_in_the_default_graph(client: Any) -> None:
    kind = f"?q a <{SH}SPARQLExecutable>"
    [inside] = rows(client, f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{vocab.SERVICE_GRAPH}> {{ {kind} }} }}")
    [outside] = rows(
        client, f"SELECT (COUNT(*) AS ?n) {{ GRAPH ?g {{ {kind} }} FILTER(?g != <{vocab.SERVICE_GRAPH}>) }}"
    )
    [whole] = rows(client, f"SELECT (COUNT(*) AS ?n) {{ {kind} }}")
    number = str(len(LIBRARY.queries))
    assert (number, "0", number) == (inside["n"], outside["n"], whole["n"])
    stored = client.get("/rdf-graph-store", query_string={"graph": vocab.SERVICE_GRAPH, "format": "nt"})
    assert stored.text.count(f"<{SH}SPARQLExecutable>") == len(LIBRARY.queries)
    assert 200 == client.get("/graph/service", headers={"Accept": "text/turtle"}).status_code


def test_digest_dump_and_census_are_those_of_the_data_alone(
    client: Any, published: snapshot.Snapshot, snapshot_of_the_checkout: Built
) -> None:
    plain = snapshot_of_the_checkout.snapshot
    assert (plain.digest, plain.quads, plain.census) == (published.digest, published.quads, published.census)
    dump = client.get("/dumps/r2p.nq").data
    assert plain.digest == hashlib.sha256(dump).hexdigest()
    assert dump == gzip.decompress(client.get("/dumps/r2p.nq.gz").data)
    assert (
        dict(plain.census)
        == client.get("/status", headers={"Accept": "application/json"}).get_json()["census"]
    )
    [said] = rows(client, f"SELECT ?n {{ ?d a <{VOID}Dataset> ; <{VOID}triples> ?n }}")
    graphs = " ".join(f"FROM <{name}>" for name in graphs_of(client))
    [counted] = rows(client, f"SELECT (COUNT(*) AS ?n) {graphs} {{ ?s ?p ?o }}")
    assert said == counted


def test_addresses_of_the_service_are_stored_only_if_the_operator_has_said_them(
    published: snapshot.Snapshot,
) -> None:
    assert f"<{vocab.SD}endpoint>".encode() not in published.description
    from r2p_kg.web import describe  # noqa: PLC0415 - the one test that needs it

    told = describe.stored(published, LIBRARY, "https://x.example/kg/", Settings())
    assert f"<{vocab.SD}endpoint> <https://x.example/kg/sparql>".encode() in told
    assert b"<https://x.example/kg/dumps/r2p.nq>" in told


def test_other_questions_over_the_same_data_are_another_snapshot_to_serve_and_the_same_data(
    published: snapshot.Snapshot, tmp_path: Path, snapshot_of_the_checkout: Built
) -> None:
    (tmp_path / "queries" / "tools").mkdir(parents=True)
    one = next(QUERIES.glob("tools/*.rq"))
    (tmp_path / "queries" / "tools" / one.name).write_text(one.read_text("utf-8"), "utf-8")
    publisher = Publisher(tmp_path / "served", tmp_path / "queries", Settings())
    other = snapshot.read(publisher.publish(snapshot_of_the_checkout.path))
    assert other.digest == published.digest
    assert other.identity != published.identity
    latest = publisher.publish(snapshot_of_the_checkout.path)
    publisher.keep(latest)
    assert [latest] == list((tmp_path / "served").iterdir())


def test_what_was_written_alone_leaves_the_description_out(client: Any) -> None:
    query = f"SELECT (COUNT(*) AS ?n) {{ ?q a <{SH}SPARQLExecutable> }}"
    fields = {"query": query, "entailment": "none"}
    found = client.get("/sparql", query_string=fields, headers={"Accept": "text/csv"}).text
    assert ["n", "0"] == found.split()


def test_a_description_is_made_once_for_the_same_data_questions_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(
        describe, "stored", lambda *about: made.append(str(about[2])) or b"<a:a> <a:b> <a:c> <a:g> .\n"
    )
    (tmp_path / "queries" / "some").mkdir(parents=True)
    data = snapshot.Snapshot.of(b"<a:a> <a:b> <a:c> <a:d> .\n", {}, {})
    path = snapshot.write(data, tmp_path / "state" / "snapshots")

    def published(settings: Settings) -> bytes:
        publisher = Publisher(tmp_path / "served", tmp_path / "queries", settings)
        return snapshot.read(publisher.publish(path)).description

    one, other = Settings(), Settings(public_url="https://x.example")
    assert published(one) == published(one) == published(other) == published(one)
    assert ["None", "https://x.example"] == made
    (tmp_path / "queries" / "some" / "new.rq").write_text("# nothing yet", "utf-8")
    monkeypatch.setattr(library, "load", lambda _folder: LIBRARY)
    published(one)
    assert 3 == len(made)


def test_a_state_folder_that_cannot_be_written_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "stored", lambda *_: b"<a:a> <a:b> <a:c> <a:g> .\n")
    data = snapshot.Snapshot.of(b"<a:a> <a:b> <a:c> <a:d> .\n", {}, {})
    path = snapshot.write(data, tmp_path / "state" / "snapshots")
    (tmp_path / "state" / "descriptions").write_text("a file", "utf-8")
    published = Publisher(tmp_path / "served", QUERIES, Settings()).publish(path)
    assert b"<a:g>" in snapshot.read(published).served
