"""The Python client and the remote engine, over a real socket against the real application."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server

from r2p_kg import library
from r2p_kg.client import R2P, R2PWarning, ServiceError
from r2p_kg.engine import Budget, Dataset
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.engine.remote import RemoteEngine
from r2p_kg.errors import AnswerTooLargeError, QueryError
from r2p_kg.graph import snapshot
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/sparql-results+json"
XSD = "http://www.w3.org/2001/XMLSchema#"
QUADS = (
    f'<a:thing> <a:p> "one"@en <a:g1> .\n<a:thing> <a:n> "7"^^<{XSD}integer> <a:g1> .\n'
    f'<a:thing> <a:d> "1.5"^^<{XSD}decimal> <a:g2> .\n<a:thing> <a:t> "true"^^<{XSD}boolean> <a:g2> .\n'
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
VALUE_OF = """\
#+ title: Values
#+ question: What are the values of this thing?
#+ params:
#+   thing: {type: iri, label: Thing}
#+ returns:
#+   - o: a value
#+ expect: rows
SELECT ?o WHERE { $thing <a:p> ?o }
"""
WITH_TYPO = """\
#+ title: A typing mistake
#+ question: Who mends it?
#+ returns:
#+   - s: nothing
#+ expect: empty
SELECT ?s WHERE { ?s <a:pp> ?o }
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = snapshot.Snapshot.of(QUADS, {"a": "a:"}, {})
    pool = Pool(snapshot.write(found, tmp_path_factory.mktemp("state")), PoolSettings(workers=1, spares=1))
    saved = library.Library(
        tuple(
            library.read(text, f"queries/values/{name}.rq")
            for name, text in (("with-value", SAVED), ("value-of", VALUE_OF), ("with-typo", WITH_TYPO))
        )
    )
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
    rows = client.select("SELECT ?n ?d ?t ?p ?none { <a:thing> <a:n> ?n ; <a:d> ?d ; <a:t> ?t ; <a:p> ?p }")
    assert [{"n": 7, "d": Decimal("1.5"), "t": True, "p": "one", "none": None}] == rows


def test_an_ask_gives_a_truth_value(client: R2P) -> None:
    assert client.ask("ASK { <a:thing> ?p ?o }") is True
    assert client.ask("ASK { <a:thing> <a:p> 8 }") is False


def test_a_saved_query_is_asked_by_its_id_and_parameters(client: R2P) -> None:
    assert [{"thing": "a:thing"}] == client.question("with-value", text="one")
    assert [] == client.question("with-value", text='one" . ?s ?p ?o #')


def test_a_wrong_question_or_parameter_is_refused_in_the_services_own_words(client: R2P) -> None:
    with pytest.raises(ServiceError, match="nothing at /queries/no-such-query") as caught:
        client.question("no-such-query")
    assert 404 == caught.value.status
    with pytest.raises(ServiceError, match="with-value has no such parameter; it has text") as caught:
        client.question("with-value", texts="one")
    assert 400 == caught.value.status


def test_a_misspelt_thing_is_refused_with_the_nearest_name(client: R2P) -> None:
    assert [{"o": "one"}] == client.question("value-of", thing="a:thing")[:1]
    with pytest.raises(ServiceError, match=r"there is no a:thign in the data; did you mean a:thing\?"):
        client.question("value-of", thing="a:thign")


def test_a_syntax_error_arrives_with_its_place_and_its_hint(client: R2P) -> None:
    with pytest.raises(ServiceError) as caught:
        client.select("SELECT * {\n ?s ?p }")
    problem = caught.value
    assert (400, 2, 5) == (problem.status, problem.line, problem.column)
    assert "syntax error" in problem.title
    assert problem.hint
    assert all(part in str(problem) for part in (problem.title, problem.detail, problem.hint, "line 2"))


def test_a_refusal_arrives_in_the_services_own_words(client: R2P) -> None:
    with pytest.raises(ServiceError, match="SERVICE is not allowed"):
        client.select("SELECT * { SERVICE <http://x/> {} }")


def test_what_the_service_warns_of_is_a_warning_at_the_callers_line(client: R2P) -> None:
    with pytest.warns(R2PWarning, match="a:pp") as caught:
        client.select("SELECT ?s { ?s <a:pp> ?o }")
    assert [__file__] == [one.filename for one in caught]
    with pytest.warns(R2PWarning, match="a:pp") as caught:
        client.ask("ASK { ?s <a:pp> ?o }")
    assert [__file__] == [one.filename for one in caught]
    with pytest.warns(R2PWarning, match="a:pp") as caught:
        client.question("with-typo")
    assert [__file__] == [one.filename for one in caught]


def test_rows_and_yes_or_no_are_not_mistaken_for_each_other(client: R2P) -> None:
    with pytest.raises(ServiceError, match=r"ask\(\)"):
        client.select("ASK {}")
    with pytest.raises(ServiceError, match=r"select\(\)"):
        client.ask("SELECT * {}")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/sparql", "nonsense", "http://127.0.0.1:x/"])
def test_a_service_that_is_not_there_is_one_error(address: str) -> None:
    with pytest.raises(ServiceError, match="gave no answer") as caught:
        R2P(address).ask("ASK {}")
    assert caught.value.status is None


@pytest.mark.parametrize("body", [b"<h1>Bad gateway</h1>", b"[]", b"\xff"])
def test_an_error_without_a_problem_document_is_shown_as_it_is(body: bytes) -> None:
    def proxy(_environ: object, start: Callable[..., object]) -> list[bytes]:
        start("502 Bad Gateway", [("Content-Type", "text/html")])
        return [body]

    server = make_server("127.0.0.1", 0, proxy)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    with pytest.raises(ServiceError) as caught:
        R2P(f"http://127.0.0.1:{server.server_port}/sparql").ask("ASK {}")
    thread.join(10)
    server.server_close()
    assert (502, "Bad Gateway", body.decode(errors="replace")) == (
        caught.value.status,
        caught.value.title,
        caught.value.detail,
    )


@pytest.mark.parametrize(
    ("query", "media_type", "kind"),
    [
        ("SELECT * {}", "text/csv", "select"),
        ("ASK {}", JSON, "ask"),
        ("DESCRIBE <a:thing>", "text/turtle", "graph"),
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
