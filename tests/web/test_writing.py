"""Graphs over HTTP and updates.

Read by everybody, written with the operator's token only, whole or not at all.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pyoxigraph as ox
import pytest

from r2p_kg import library
from r2p_kg.engine import pool, writing
from r2p_kg.errors import BusyError
from r2p_kg.graph import rdf, snapshot
from r2p_kg.web import Settings, create_app, update
from r2p_kg.web.service import Service
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from r2p_kg.engine.changes import Change, Written

STORE: Final = "/rdf-graph-store"
TURTLE: Final = "text/turtle"
UPDATE: Final = "application/sparql-update"
BEARER: Final = "a token of forty characters or thereabouts"
AUTHORISED: Final = {"Authorization": f"Bearer {BEARER}"}
EX: Final = "http://example.org/"
WORLD: Final = b"""\
<http://example.org/a> <http://example.org/p> "01"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://example.org/b> <http://example.org/p> <http://example.org/c> <http://example.org/g> .
<http://example.org/b> <http://example.org/p> <http://example.org/c> <http://example.org/h> .
"""


@dataclass
class Local:
    """A writer over one pool and one application, as a front with one process would have it."""

    app: Flask
    engine: pool.Pool
    path: Path
    settings: Settings

    def write(self, change: Change) -> Written:
        """Apply, then serve what came of it."""
        done = writing.apply(self.path, change, self.path.parent)
        if done.changed:
            self.engine.swap(done.path)
            self.path = done.path
            Service(self.settings, snapshot.read(done.path), self.engine, library.Library()).install(
                self.app.extensions
            )
        return done


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """A graph store with writes on."""
    settings = Settings(union=False)
    found = snapshot.Snapshot.of(WORLD, {"ex": EX}, {})
    path = snapshot.write(found, tmp_path)
    engine = pool.Pool(path, pool.PoolSettings(workers=1, spares=0, union=False))
    made = create_app(settings, found, engine, library.Library())
    update.install(made, update.Gate(Local(made, engine, path, settings), BEARER, body_bytes=2_000_000))
    yield made
    engine.close()


@pytest.fixture
def store(app: Flask) -> FlaskClient:
    return in_process.client(app)


def triples(reply: TestResponse) -> set[str]:
    """The triples of a reply, as N-Triples lines."""
    form = ox.RdfFormat.from_media_type(reply.mimetype)
    assert form is not None
    return {
        str(ox.Triple(quad.subject, quad.predicate, quad.object)) for quad in rdf.parse_text(reply.data, form)
    }


def asked(store: FlaskClient, query: str, **more: str) -> bool:
    """What an ASK query gives."""
    found = store.get("/sparql", query_string={"query": query, **more}).get_json()["boolean"]
    assert isinstance(found, bool)
    return found


B: Final = f"<{EX}b> <{EX}p> <{EX}c>"


def test_a_graph_is_read_by_its_name_in_the_format_asked_for(store: FlaskClient) -> None:
    for media_type in (
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
    ):
        reply = store.get(STORE, query_string={"graph": f"{EX}g"}, headers={"Accept": media_type})
        assert (200, media_type) == (reply.status_code, reply.mimetype)
        assert {B} == triples(reply)
        assert b"example.org/g" not in reply.data
    assert TURTLE == store.get(f"{STORE}/", query_string={"graph": f"{EX}g"}).mimetype
    assert (
        406 == store.get(STORE, query_string={"graph": f"{EX}g"}, headers={"Accept": "image/png"}).status_code
    )


def test_a_graph_may_be_kept_and_is_tagged(store: FlaskClient) -> None:
    first = store.get(STORE, query_string={"graph": f"{EX}g"})
    assert (
        304
        == store.get(
            STORE, query_string={"graph": f"{EX}g"}, headers={"If-None-Match": first.headers["ETag"]}
        ).status_code
    )
    assert first.headers["ETag"] != store.get(STORE, query_string={"graph": f"{EX}h"}).headers["ETag"]
    head = store.head(STORE, query_string={"graph": f"{EX}g"})
    assert b"" == head.data
    assert (first.headers["ETag"], first.headers["Content-Length"]) == (
        head.headers["ETag"],
        head.headers["Content-Length"],
    )


def test_the_default_graph_is_its_own_in_a_graph_store_and_the_union_elsewhere(
    app: Flask, client: FlaskClient
) -> None:
    assert {f'<{EX}a> <{EX}p> "01"^^<http://www.w3.org/2001/XMLSchema#integer>'} == triples(
        in_process.client(app).get(f"{STORE}?default")
    )
    everything = triples(client.get(f"{STORE}?default"))
    one = triples(client.get(STORE, query_string={"graph": "https://w3id.org/r2p-kg/graph/entailed"}))
    assert 2 == len(one)
    assert one < everything


@pytest.mark.parametrize(
    "address",
    [
        "",
        "?graph=",
        "?graph=relative",
        "?default&graph=a:b",
        "?graph=a:b&graph=a:c",
        "?graph=a:%FF",
        "?graph=a:%3E",
    ],
)
def test_an_address_that_names_no_graph_or_two_is_refused(store: FlaskClient, address: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        reply = store.open(f"{STORE}{address}", method=method, headers=AUTHORISED)
        assert (400, "application/problem+json") == (reply.status_code, reply.mimetype)


def test_a_graph_that_is_not_there_is_not_found(store: FlaskClient) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        assert 404 == store.open(f"{STORE}?graph=a:b", method=method, headers=AUTHORISED).status_code
        assert 404 == store.open(f"{STORE}/none", method=method, headers=AUTHORISED).status_code


def test_a_graph_is_put_and_read_at_its_own_address(store: FlaskClient) -> None:
    assert (
        201
        == store.put(
            f"{STORE}/people/1.ttl", data="<#me> <p> 007 .", content_type=TURTLE, headers=AUTHORISED
        ).status_code
    )
    expected = {
        f'<http://localhost{STORE}/people/1.ttl#me> <http://localhost{STORE}/people/p> "007"^^<http://www.w3.org/2001/XMLSchema#integer>'
    }
    assert expected == triples(store.get(f"{STORE}/people/1.ttl"))
    assert expected == triples(
        store.get(STORE, query_string={"graph": f"http://localhost{STORE}/people/1.ttl"})
    )
    assert (
        204
        == store.put(f"{STORE}/people/1.ttl", data="", content_type=TURTLE, headers=AUTHORISED).status_code
    )
    assert 404 == store.get(f"{STORE}/people/1.ttl").status_code


def test_a_host_header_cannot_put_text_into_the_name_of_a_graph(store: FlaskClient) -> None:
    reply = store.post(
        STORE, data=f"{B} .", content_type=TURTLE, headers={**AUTHORISED, "Host": 'evil"><script>'}
    )
    assert reply.status_code in {201, 400}
    assert "evil" not in reply.headers.get("Location", "")


def a_file(text: str) -> io.BytesIO:
    """A file to send."""
    return io.BytesIO(text.encode())


def test_files_of_a_form_are_merged_together(store: FlaskClient) -> None:
    files = {
        "one": (a_file(f"<{EX}x> <{EX}p> 1 ."), "one.ttl", TURTLE),
        "two": (a_file(f"<{EX}y> <{EX}p> <{EX}z> ."), "two.nt"),
    }
    reply = store.post(STORE, query_string={"graph": f"{EX}g"}, data=files, headers=AUTHORISED)
    assert 204 == reply.status_code
    assert 3 == len(triples(store.get(STORE, query_string={"graph": f"{EX}g"})))
    assert (
        400
        == store.put(
            f"{STORE}?default", data={"one": (a_file(""), "one.ttl", TURTLE)}, headers=AUTHORISED
        ).status_code
    )
    assert (
        400
        == store.post(
            f"{STORE}?default",
            data={"one": "no file"},
            content_type="multipart/form-data",
            headers=AUTHORISED,
        ).status_code
    )
    assert (
        415
        == store.post(
            f"{STORE}?default", data={"one": (a_file(""), "one.exe")}, headers=AUTHORISED
        ).status_code
    )


def test_a_body_with_an_error_is_a_problem_with_its_line(store: FlaskClient) -> None:
    reply = store.put(f"{STORE}?graph={EX}g", data=f"{B} .\n{B}", content_type=TURTLE, headers=AUTHORISED)
    problem = reply.get_json()
    assert (400, 2, "https://w3id.org/r2p-kg/problem/rdf-syntax-error") == (
        problem["status"],
        problem["line"],
        problem["type"],
    )
    assert {B} == triples(store.get(f"{STORE}?graph={EX}g"))
    for kind in ("", "image/png", "text/html"):
        assert (
            415 == store.post(f"{STORE}?default", data="x", content_type=kind, headers=AUTHORISED).status_code
        )


def test_a_method_that_is_not_offered_is_405_with_those_that_are(store: FlaskClient) -> None:
    for address in (STORE, f"{STORE}/x"):
        reply = store.patch(address, headers=AUTHORISED)
        assert 405 == reply.status_code
        assert {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"} == {
            name.strip() for name in reply.headers["Allow"].split(",")
        }


WRITES: Final = {
    "put": {"method": "PUT", "path": f"{STORE}?default", "data": "", "content_type": TURTLE},
    "post": {"method": "POST", "path": f"{STORE}?default", "data": "", "content_type": TURTLE},
    "create": {"method": "POST", "path": STORE, "data": "", "content_type": TURTLE},
    "delete": {"method": "DELETE", "path": f"{STORE}?default"},
    "update, direct": {"method": "POST", "path": "/sparql", "data": "CLEAR ALL", "content_type": UPDATE},
    "update, form": {"method": "POST", "path": "/sparql/", "data": {"update": "CLEAR ALL"}},
}


@pytest.mark.parametrize("name", WRITES)
def test_where_writing_is_off_a_write_is_forbidden_whatever_its_token(client: FlaskClient, name: str) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, AUTHORISED):
        reply = client.open(**WRITES[name], headers=headers)
        assert 403 == reply.status_code
        assert "read-only" in reply.get_json()["detail"]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {BEARER}",
        BEARER,
        f"Bearer {BEARER}x",
        "Bearer \u00e9",
    ],
)
def test_a_write_without_the_token_is_told_how_to_send_it(store: FlaskClient, given: str) -> None:
    for write in WRITES.values():
        reply = store.open(**write, headers={"Authorization": given} if given else {})
        assert (401, "application/problem+json") == (reply.status_code, reply.mimetype)
        assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="r2p-kg"')
        assert given.startswith("Bearer ") == ('error="invalid_token"' in reply.headers["WWW-Authenticate"])
    assert asked(store, f"ASK {{ <{EX}a> ?p ?o . GRAPH <{EX}g> {{ ?s ?q ?x }} }}")


@pytest.mark.parametrize("name", WRITES)
def test_with_the_token_it_is_done_and_the_new_snapshot_is_named(store: FlaskClient, name: str) -> None:
    reply = store.open(**WRITES[name], headers={"Authorization": f"bearer  {BEARER}"})
    assert reply.status_code in {201, 204}
    assert b"" == reply.data
    assert (
        reply.headers["R2P-Snapshot"]
        == store.get("/status", headers={"Accept": "application/json"}).get_json()["snapshot"]
    )


def test_an_empty_token_lets_nobody_in(app: Flask) -> None:
    gate = app.extensions["r2p-kg-writing"]
    update.install(app, replace(gate, token=""))
    assert (
        403
        == in_process.client(app).delete(f"{STORE}?default", headers={"Authorization": "Bearer "}).status_code
    )


def test_an_update_is_seen_by_the_next_question(store: FlaskClient) -> None:
    assert (
        204
        == store.post(
            "/sparql",
            data=f"INSERT DATA {{ GRAPH <{EX}new> {{ <s> <p> 1 }} }}",
            content_type=UPDATE,
            headers=AUTHORISED,
        ).status_code
    )
    assert asked(store, f"ASK {{ GRAPH <{EX}new> {{ <s> <p> 1 }} }}")
    assert not asked(store, "ASK { <s> <p> 1 }")


def test_the_dataset_of_an_update_may_stand_in_the_address_and_in_the_form(store: FlaskClient) -> None:
    text = f"INSERT {{ GRAPH <{EX}new> {{ ?s ?p ?o }} }} WHERE {{ ?s ?p ?o }}"
    reply = store.post(
        "/sparql", query_string={"using-graph-uri": f"{EX}g"}, data={"update": text}, headers=AUTHORISED
    )
    assert 204 == reply.status_code
    assert {B} == triples(store.get(STORE, query_string={"graph": f"{EX}new"}))
    reply = store.post(
        "/sparql", data={"update": text, "using-named-graph-uri": f"{EX}g"}, headers=AUTHORISED
    )
    assert 204 == reply.status_code
    assert {B} == triples(store.get(STORE, query_string={"graph": f"{EX}new"})), (
        "the default graph of that dataset is empty"
    )


WRONG: Final = {
    "get": ({"method": "GET", "path": "/sparql?update=CLEAR%20ALL"}, 405),
    "two": (
        {
            "method": "POST",
            "path": "/sparql",
            "data": "update=CLEAR+ALL&update=CLEAR+ALL",
            "content_type": "application/x-www-form-urlencoded",
        },
        400,
    ),
    "two ways": (
        {"method": "POST", "path": "/sparql?update=CLEAR+ALL", "data": "CLEAR ALL", "content_type": UPDATE},
        400,
    ),
    "none": ({"method": "POST", "path": "/sparql?using-graph-uri=a:b", "data": {"other": "x"}}, 400),
    "with a query": (
        {"method": "POST", "path": "/sparql", "data": {"update": "CLEAR ALL", "query": "ASK {}"}},
        400,
    ),
    "with a dataset of queries": (
        {
            "method": "POST",
            "path": "/sparql?default-graph-uri=a:b",
            "data": "CLEAR ALL",
            "content_type": UPDATE,
        },
        400,
    ),
    "another type": (
        {
            "method": "POST",
            "path": "/sparql?update=CLEAR+ALL",
            "data": "CLEAR ALL",
            "content_type": "text/plain",
        },
        415,
    ),
    "utf-16": (
        {
            "method": "POST",
            "path": "/sparql",
            "data": "CLEAR ALL".encode("utf-16"),
            "content_type": f"{UPDATE}; charset=UTF-16",
        },
        415,
    ),
    "not utf-8": (
        {"method": "POST", "path": "/sparql", "data": b"CLEAR ALL #\xff", "content_type": UPDATE},
        400,
    ),
    "syntax": ({"method": "POST", "path": "/sparql", "data": "CLEAR XYZ", "content_type": UPDATE}, 400),
    "load": (
        {"method": "POST", "path": "/sparql", "data": "LOAD <http://127.0.0.1/>", "content_type": UPDATE},
        400,
    ),
    "relative graph": (
        {
            "method": "POST",
            "path": "/sparql?using-graph-uri=x",
            "data": "INSERT {} WHERE {}",
            "content_type": UPDATE,
        },
        400,
    ),
    "two datasets": (
        {
            "method": "POST",
            "path": "/sparql?using-graph-uri=a:b",
            "data": "WITH <a:b> INSERT {} WHERE {}",
            "content_type": UPDATE,
        },
        400,
    ),
    "too long": (
        {"method": "POST", "path": "/sparql", "data": b"#" * 2_000_001, "content_type": UPDATE},
        413,
    ),
    "too long a graph": (
        {"method": "PUT", "path": f"{STORE}?default", "data": b"#" * 2_000_001, "content_type": TURTLE},
        413,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_update_is_a_problem_and_changes_nothing(store: FlaskClient, name: str) -> None:
    request, status = WRONG[name]
    reply = store.open(**request, headers=AUTHORISED)
    assert (status, "application/problem+json") == (reply.status_code, reply.mimetype)
    assert asked(store, f"ASK {{ <{EX}a> ?p ?o . GRAPH <{EX}g> {{ ?s ?q ?x }} }}")


def test_a_syntax_error_of_an_update_has_its_line(store: FlaskClient) -> None:
    problem = store.post(
        "/sparql", data="CLEAR ALL ;\nCLEAR XYZ", content_type=UPDATE, headers=AUTHORISED
    ).get_json()
    assert (2, "CLEAR XYZ") == (problem["line"], problem["text"])


def test_an_update_may_be_longer_than_a_query(store: FlaskClient) -> None:
    text = (
        "INSERT DATA { " + " ".join(f"<{EX}n{number}> <{EX}p> -{number} ." for number in range(30_000)) + " }"
    )
    assert len(text) > Settings().body_bytes
    assert 204 == store.post("/sparql", data=text, content_type=UPDATE, headers=AUTHORISED).status_code
    assert 30_001 == len(triples(store.get(f"{STORE}?default")))


def test_a_question_with_graphs_that_nobody_wrote_is_answered_from_empty_ones(store: FlaskClient) -> None:
    assert not asked(store, "ASK { ?s ?p ?o }", **{"default-graph-uri": "a:none"})
    assert not asked(store, "ASK FROM <a:none> { ?s ?p ?o }")


class Busy:
    """A writer with too much to do."""

    def write(self, change: Change) -> Written:
        """Refuse."""
        message = f"other writes wait already, this one is {type(change).__name__}"
        raise BusyError(message, retry_after=3)


def test_a_writer_that_is_busy_says_when_to_come_back(app: Flask) -> None:
    update.install(app, update.Gate(Busy(), BEARER))
    reply = in_process.client(app).delete(f"{STORE}?default", headers=AUTHORISED)
    assert (503, "3") == (reply.status_code, reply.headers["Retry-After"])


def test_the_description_says_that_updates_are_taken_only_where_they_are(
    store: FlaskClient, client: FlaskClient
) -> None:
    texts = [one.get("/sparql", headers={"Accept": TURTLE}).get_data(as_text=True) for one in (store, client)]
    assert [True, False] == ["sd:SPARQL11Update" in text for text in texts]
    assert [False, True] == ["sd:UnionDefaultGraph" in text for text in texts]


def test_a_byte_order_mark_before_an_update_or_an_rdf_body_says_nothing(store: FlaskClient) -> None:
    change = f"\ufeffINSERT DATA {{ <{EX}new> <{EX}p> 1 }}"
    for number, request in enumerate(
        (
            {"data": change.encode(), "content_type": "application/sparql-update"},
            {"data": {"update": change.replace("new", "form")}},
        )
    ):
        assert 204 == store.post("/sparql", **request, headers=AUTHORISED).status_code, number
    assert asked(store, f"ASK {{ <{EX}new> ?p ?o . <{EX}form> ?q ?r }}")
    turtle = f"\ufeff@prefix e: <{EX}> . e:marked e:p 1 .".encode()
    graph = {"graph": f"{EX}marked"}
    assert (
        201
        == store.put(
            STORE, query_string=graph, data=turtle, content_type=TURTLE, headers=AUTHORISED
        ).status_code
    )
    file = (io.BytesIO(turtle), "x.ttl", TURTLE)
    assert 204 == store.post(STORE, query_string=graph, data={"file": file}, headers=AUTHORISED).status_code
    assert {f'<{EX}marked> <{EX}p> "1"^^<http://www.w3.org/2001/XMLSchema#integer>'} == triples(
        store.get(STORE, query_string=graph)
    )
