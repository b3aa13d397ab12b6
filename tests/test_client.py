"""The Python client and the remote engine, over a real socket against the real application."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from werkzeug.serving import make_server

from r2p_kg import library
from r2p_kg.client import R2P
from r2p_kg.engine import Budget, Dataset
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.engine.remote import RemoteEngine
from r2p_kg.errors import AnswerTooLargeError, QueryError, QuerySyntaxError
from r2p_kg.graph import snapshot
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/sparql-results+json"
XSD = "http://www.w3.org/2001/XMLSchema#"
QUADS = (
    f'<a:a> <a:p> "one"@en <a:g1> .\n<a:a> <a:n> "7"^^<{XSD}integer> <a:g1> .\n'
    f'<a:a> <a:d> "1.5"^^<{XSD}decimal> <a:g2> .\n<a:a> <a:t> "true"^^<{XSD}boolean> <a:g2> .\n'
).encode()
SAVED = """\
#+ title: What has a value
#+ question: What has this value?
#+ params:
#+   text: {type: string, label: Value}
#+ returns:
#+   - thing: what has it
#+ expect: rows
SELECT ?thing WHERE { ?thing <a:p> ?o FILTER(STR(?o) = $text) }
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = snapshot.Snapshot.of(QUADS, {"a": "a:"}, {})
    pool = Pool(snapshot.write(found, tmp_path_factory.mktemp("state")), PoolSettings(workers=1, spares=1))
    saved = library.Library((library.read(SAVED, "queries/values/with-value.rq"),))
    server = make_server(
        "127.0.0.1", 0, in_process.Front(create_app(Settings(), found, pool, saved)), threaded=True
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sparql"
    server.shutdown()
    thread.join(10)
    server.server_close()
    pool.close()


@pytest.fixture
def client(endpoint: str) -> R2P:
    return R2P(endpoint)


def test_a_select_gives_python_values(client: R2P) -> None:
    rows = client.select("SELECT ?n ?d ?t ?p ?none { <a:a> <a:n> ?n ; <a:d> ?d ; <a:t> ?t ; <a:p> ?p }")
    assert [{"n": 7, "d": Decimal("1.5"), "t": True, "p": "one", "none": None}] == rows


def test_an_ask_gives_a_truth_value(client: R2P) -> None:
    assert client.ask("ASK { <a:a> ?p ?o }") is True
    assert client.ask("ASK { <a:none> ?p ?o }") is False


def test_a_saved_query_is_asked_by_its_id_and_parameters(client: R2P) -> None:
    assert [{"thing": "a:a"}] == client.question("with-value", text="one")
    assert [] == client.question("with-value", text='one" . ?s ?p ?o #')
    with pytest.raises(HTTPError) as caught:
        client.question("no-such-query")
    assert 404 == caught.value.code
    caught.value.close()


def test_a_syntax_error_arrives_with_its_place(client: R2P) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        client.select("SELECT * {\n ?s ?p }")
    assert (2, 5) == (caught.value.line, caught.value.column)


def test_a_refusal_arrives_in_the_services_own_words(client: R2P) -> None:
    with pytest.raises(QueryError, match="SERVICE is not allowed"):
        client.select("SELECT * { SERVICE <http://x/> {} }")


@pytest.mark.parametrize(
    ("query", "media_type", "kind"),
    [
        ("SELECT * {}", "text/csv", "select"),
        ("ASK {}", JSON, "ask"),
        ("DESCRIBE <a:a>", "text/turtle", "graph"),
    ],
)
def test_the_remote_engine_keeps_the_contract(endpoint: str, query: str, media_type: str, kind: str) -> None:
    answer = RemoteEngine(endpoint).ask(query, media_type=media_type)
    assert (kind, media_type) == (answer.kind, answer.media_type)
    assert answer.elapsed > 0


def test_the_remote_engine_sends_the_dataset(endpoint: str) -> None:
    query = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    counts = [
        RemoteEngine(endpoint).ask(query, media_type=JSON, dataset=Dataset(default=graphs)).body
        for graphs in ((), ("a:g1",))
    ]
    assert ["4", "2"] == [json.loads(body)["results"]["bindings"][0]["n"]["value"] for body in counts]


def test_the_remote_engine_gives_a_whole_answer_or_an_error(endpoint: str) -> None:
    with pytest.raises(AnswerTooLargeError):
        RemoteEngine(endpoint).ask("SELECT * { ?s ?p ?o }", media_type=JSON, budget=Budget(bytes=100))


def test_a_service_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(QueryError, match="cannot be reached"):
        RemoteEngine("http://127.0.0.1:9/sparql").ask("ASK {}", media_type=JSON)
