"""The front over a socket.

The same answers as Flask's, kept, compressed and revalidated; and no client or query that can hurt the
others.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import re
import socket
import statistics
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import brotli
import pytest
from prometheus_client.parser import text_string_to_metric_families

from r2p_kg.command import serve
from r2p_kg.engine.pool import Pool
from r2p_kg.graph import rdf, snapshot
from r2p_kg.library import Library
from r2p_kg.web import Settings, create_app, preparing, service_of
from r2p_kg.web.door import Asked
from tests import in_process, served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask.testing import FlaskClient

pytestmark = pytest.mark.served

JSON = "application/sparql-results+json"
DATA = "".join(
    f'<http://example.org/n{number}> <http://example.org/p> "the value of number {number}"@en .\n'
    for number in range(3000)
)
SMALL = "SELECT ?s ?o { ?s <http://example.org/p> ?o } ORDER BY ?s LIMIT 3"
MANY = "SELECT ?s ?o { ?s <http://example.org/p> ?o } ORDER BY ?s LIMIT 400"
TRIPLES = (
    "CONSTRUCT { ?s <http://example.org/q> ?o } WHERE { ?s <http://example.org/p> ?o } ORDER BY ?s LIMIT 200"
)
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
TOKEN = "for the operator of this test"  # noqa: S105 - as it says
MINE = {"Authorization": f"Bearer {TOKEN}"}

#: Headers of one answer that differ from the next, or that the server itself adds.
OWN = {"r2p-seconds", "date", "server", "connection"}


@dataclass(frozen=True)
class Reply:
    """An answer: names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Service:
    """A running service: its address and the file that its log goes to."""

    url: str
    log: Path

    @contextmanager
    def connected(self, timeout: float = 30) -> Iterator[http.client.HTTPConnection]:
        """A connection that is kept alive."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout)) as connection:
            yield connection

    def send(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own; ``_`` in names of headers stands for ``-``."""
        with self.connected() as connection:
            return exchanged(connection, path, method, body, **headers)

    def ask(self, query: str, method: str = "GET", **headers: str) -> Reply:
        """The answer to a query."""
        return self.send(f"/sparql?{urlencode({'query': query, 'timeout': '4'})}", method, **headers)

    def socket(self) -> socket.socket:
        """A bare connection."""
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port), timeout=10)

    def running(self) -> list[dict[str, Any]]:
        """The queries that run, as the operator sees them."""
        return list(self.send("/operator/queries", **MINE).json["queries"])

    def lines(self) -> list[dict[str, Any]]:
        """Everything that the service has logged; each line must be JSON."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


def exchanged(
    connection: http.client.HTTPConnection,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    **headers: str,
) -> Reply:
    connection.request(
        method,
        path,
        body,
        {
            name.replace("_", "-"): value
            for name, value in {"Accept": "*/*", "Accept_Encoding": "identity", **headers}.items()
        },
    )
    reply = connection.getresponse()
    found: dict[str, str] = {}
    for name, value in reply.getheaders():
        assert name.lower() not in found, f"{name} comes twice"
        found[name.lower()] = value
    return Reply(reply.status, found, reply.read())


def started(folder: Path, *arguments: str) -> Iterator[Service]:
    data, temporary, token = folder / "data.nt", folder / "t", folder / "token"
    data.write_text(DATA, encoding="utf-8")
    token.write_text(TOKEN + "\n", encoding="utf-8")
    temporary.mkdir()
    with served.started(
        "--data", str(data), "--operator-token-file", str(token), *arguments, temporary=temporary
    ) as url:
        yield Service(url, temporary / "errors.txt")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One front, two query workers."""
    limits = ("--timeout", "10", "--max-bytes", "30000000", "--slow-seconds", "0.5", "--log-queries")
    yield from started(tmp_path_factory.mktemp("f"), "--workers", "1", "--query-workers", "2", *limits)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two fronts, one query worker, next to no queue.

    It believes who a client says that it is, and gives each one second.
    """
    named = ("--proxy", "127.0.0.1", "--allowance", "1", "--refill", "0.1")
    yield from started(
        tmp_path_factory.mktemp("n"),
        "--workers",
        "2",
        "--query-workers",
        "1",
        "--queue",
        "1",
        "--timeout",
        "2",
        *named,
    )


@pytest.fixture(scope="module")
def flask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The same data behind the same application, without the front."""
    folder = tmp_path_factory.mktemp("flask")
    (folder / "data.nt").write_text(DATA, encoding="utf-8")
    quads = rdf.read_files([folder / "data.nt"])
    world = snapshot.Snapshot.of(quads, serve._COMMON, {"quads": quads.count(b"\n")})
    pool = Pool(snapshot.write(world, folder))
    settings = Settings(seconds=10, bytes=30_000_000, title="data.nt", checked=False)
    yield in_process.client(create_app(settings, world, pool, Library(), operator_token=TOKEN))
    pool.close()


def soon(condition: Any, seconds: float = 5) -> bool:
    """True as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not (found := bool(condition())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


# The same answers as Flask's

FORMATS = [
    (SMALL, JSON),
    (SMALL, "application/sparql-results+xml"),
    (SMALL, "text/csv"),
    (SMALL, "text/tab-separated-values"),
    ("ASK { ?s ?p ?o }", JSON),
    ("ASK { ?s ?p ?o }", "application/sparql-results+xml"),
    (TRIPLES, "text/turtle"),
    (TRIPLES, "application/n-triples"),
    (TRIPLES, "application/rdf+xml"),
    (TRIPLES, "application/ld+json"),
    ("SELECT (NOW() AS ?n) {}", "text/csv;q=0.5"),
    ("DESCRIBE <http://example.org/n1>", "*/*"),
]
MISTAKES = [
    ("SELECT ?s {\n ?s ?p\n}", JSON),
    ("SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }", JSON),
    (SMALL, "image/png"),
    ("", JSON),
    ("INSERT DATA { <a:a> <a:b> 1 }", "*/*"),
    ("SELECT (COUNT(*) AS ?n) ?s { ?s ?p ?o }", JSON),
]


def comparable(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() not in OWN}


#: Headers in lines that must be read together, each by its own kind of mistake.
MIXED: list[list[tuple[str, str]]] = [
    [],
    [("Accept", "text/turtle")],
    [("Accept", "text/html")],
    [("Accept", "text/turtle"), ("Accept", "text/html")],
    [("Accept", "text/html;q=0.5"), ("Accept", "application/ld+json")],
    [("Accept", "application/sparql-results+json;q=0.1"), ("Accept", "text/csv")],
    [("Accept", "image/png"), ("Accept", "*/*;q=0.1")],
    [("If-None-Match", '"x"'), ("If-None-Match", "its tag")],
    [("Accept-Encoding", "gzip;q=0.5"), ("Accept-Encoding", "br")],
    [("Accept-Encoding", "br;q=0, *;q=0"), ("Accept-Encoding", "gzip")],
    [("Host", "other.example")],
]
#: Addresses whose answer is another at each time.
CHANGING = ("/status", "/metrics")


def addresses(flask: FlaskClient) -> list[str]:
    """One of every route that GET has, and queries of every kind, one of them with a mistake to be warned of."""
    named = [
        re.sub(r"<[^>]+>", "nothing", rule.rule)
        for rule in flask.application.url_map.iter_rules()
        if "GET" in (rule.methods or ())
    ]
    warned = "SELECT ?s { ?s <http://example.org/pp> ?o . ?a ?b ?c } LIMIT 2"
    queries = [
        f"/sparql?{urlencode({'query': query})}"
        for query in (SMALL, MANY, TRIPLES, warned, "ASK {", "ASK {}")
    ]
    things = ["/resource?iri=http://example.org/n1", "/static/style.css", "/dumps/r2p.nq.gz", "/ns.ttl"]
    store = ["/rdf-graph-store?default", "/explain?s=x&p=y&o=z"]
    return [*named, *queries, *things, *store]


def lines_sent(service: Service, path: str, lines: list[tuple[str, str]]) -> Reply:
    """One GET with these header lines, a name as often as it stands there."""
    with service.connected() as connection:
        has_host = any(name == "Host" for name, _ in lines)
        connection.putrequest("GET", path, skip_host=has_host, skip_accept_encoding=True)
        for name, value in lines:
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())


@contextmanager
def busy(service: Service) -> Iterator[None]:
    """Four clients ask one long query after another."""
    stop = threading.Event()

    def load(number: int) -> None:
        while not stop.is_set():
            service.ask(f"SELECT (COUNT(*) AS ?n) {{ ?a ?p ?x . ?b ?p ?x }} # {number} {time.monotonic()}")

    threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_no_order_of_requests_and_no_load_changes_what_any_address_answers(
    service: Service, flask: FlaskClient
) -> None:
    """Each answer is compared with that of a front that has been asked nothing before and keeps nothing."""
    netloc, front = urlsplit(service.url).netloc, flask.application
    mixed = {}
    for path in addresses(flask):
        tag = dict(front.send(path, host=netloc).headers).get("etag", '"none"')
        for number, lines in enumerate(MIXED):
            mixed[path, number] = [(name, value.replace("its tag", tag)) for name, value in lines]
    asked = [*mixed] * 2
    random.Random(9).shuffle(asked)
    with busy(service):
        answers = [(path, number, lines_sent(service, path, mixed[path, number])) for path, number in asked]
    for path, number, reply in answers:
        lines = mixed[path, number]
        cold = front.send(path, headers=lines, host=None if lines == MIXED[-1] else netloc)
        assert (path, lines, cold.status) == (path, lines, reply.status)
        expected, actual = comparable(dict(cold.headers)), comparable(reply.headers)
        if "html" in actual.get("content-type", ""):  # a page of an answer says how long it took
            expected.pop("content-length", None)
            actual.pop("content-length", None)
        if not path.startswith(CHANGING):
            assert (path, lines, expected) == (path, lines, actual)
            assert "content-encoding" in actual or stripped(cold.answer) == stripped(reply.body)


def stripped(body: bytes) -> bytes:
    """A body without what is another in each: the name of an occurrence, the time."""
    return re.sub(rb"urn:uuid:[0-9a-f-]+|\d{4}-\d\d-\d\dT[0-9:.]+Z|[0-9.]+ ms", b"", body)


@pytest.mark.parametrize(("query", "accept"), FORMATS + MISTAKES)
def test_an_answer_has_the_status_the_headers_and_the_body_that_flask_gives(
    service: Service, flask: FlaskClient, query: str, accept: str
) -> None:
    there = flask.get("/sparql", query_string={"query": query}, headers={"Accept": accept})
    for _ in range(2):  # from a worker, and from memory
        here = service.ask(query, Accept=accept)
        assert there.status_code == here.status
        assert stripped(there.data) == stripped(here.body)
        expected, actual = comparable(there.headers), comparable(here.headers)
        if "NOW()" in query:
            expected["content-length"] = actual["content-length"]
        assert expected == actual


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/status",
        "/healthz",
        "/nowhere",
        "/void",
        "/sparql",
        "/dumps/r2p.nq",
        "/static/none",
        "/queries",
        "/operator/queries",
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_a_page_has_the_status_and_the_headers_that_flask_gives(
    service: Service, flask: FlaskClient, path: str, accept: str
) -> None:
    netloc = urlsplit(service.url).netloc
    there = flask.get(path, headers={"Accept": accept, "Host": netloc}, base_url=f"http://{netloc}")
    here = service.send(path, Accept=accept)
    lengths = {"content-length"} if path == "/status" else set()
    assert there.status_code == here.status
    expected, actual = (
        {name: value for name, value in comparable(one.headers).items() if name not in lengths}
        for one in (there, here)
    )
    assert expected == actual


@pytest.mark.parametrize(("query", "accept"), [*FORMATS[:9], (MANY, JSON), (MANY, "text/html"), *MISTAKES])
@pytest.mark.parametrize("encoding", ["identity", "br", "gzip"])
def test_head_gives_the_headers_of_get_and_no_body(
    service: Service, query: str, accept: str, encoding: str
) -> None:
    head, get = (
        service.ask(query, method, Accept=accept, Accept_Encoding=encoding) for method in ("HEAD", "GET")
    )
    assert b"" == head.body
    assert get.status == head.status
    problem = {"content-length"} if get.status >= 400 else set()
    assert {name: value for name, value in comparable(get.headers).items() if name not in problem} == {
        name: value for name, value in comparable(head.headers).items() if name not in problem
    }


@pytest.mark.parametrize("path", ["/", "/status", "/void", "/sparql", "/nowhere", "/healthz"])
def test_head_of_a_page_has_the_status_of_get(service: Service, path: str) -> None:
    head, get = (service.send(path, method, Accept="text/html") for method in ("HEAD", "GET"))
    assert (get.status, b"", get.headers["content-type"]) == (
        head.status,
        head.body,
        head.headers["content-type"],
    )


# Kept, compressed, revalidated


def test_the_second_answer_is_the_first_byte_for_byte_and_asks_no_worker(service: Service) -> None:
    query = SMALL.replace("3", "4")
    first, second = service.ask(query), service.ask(query)
    assert (first.status, first.headers, first.body) == (
        second.status,
        {**second.headers, "date": first.headers.get("date", "")}
        if "date" in first.headers
        else second.headers,
        second.body,
    )
    assert first.headers["r2p-seconds"] == second.headers["r2p-seconds"]


@pytest.mark.parametrize(
    ("accept", "query"), [(JSON, MANY), ("text/csv", MANY), ("text/turtle", TRIPLES), ("text/html", MANY)]
)
def test_compressed_bodies_are_the_plain_one(service: Service, accept: str, query: str) -> None:
    plain = service.ask(query, Accept=accept)
    for encoding, decode in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        packed = service.ask(query, Accept=accept, Accept_Encoding=encoding)
        assert encoding == packed.headers["content-encoding"]
        assert plain.body == decode(packed.body)
        assert str(len(packed.body)) == packed.headers["content-length"]
        assert plain.headers["etag"] != packed.headers["etag"]
        assert "accept-encoding" in packed.headers["vary"].lower()
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("form", ["{0}", "W/{0}", '"other", {0}', 'W/"other", W/{0} , "more"'])
@pytest.mark.parametrize("encoding", ["identity", "br", "gzip"])
@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_whoever_holds_the_answer_gets_304_with_the_tag_that_it_holds(
    service: Service, form: str, encoding: str, accept: str
) -> None:
    held = service.ask(MANY, Accept=accept, Accept_Encoding=encoding).headers["etag"]
    same = service.ask(MANY, Accept=accept, Accept_Encoding=encoding, If_None_Match=form.format(held))
    assert (304, b"", held) == (same.status, same.body, same.headers["etag"])
    assert "content-type" not in same.headers


def test_a_star_stands_for_every_tag_and_another_tag_for_none(service: Service) -> None:
    service.ask(MANY)
    assert 304 == service.ask(MANY, If_None_Match="*").status
    assert 200 == service.ask(MANY, If_None_Match='"0123456789"').status


@pytest.mark.parametrize("accept", [JSON, "text/csv", "text/html"])
def test_a_tag_holds_before_the_answer_was_ever_made(
    service: Service, flask: FlaskClient, accept: str
) -> None:
    """The tag is over question and data, so that another front, or this one after a restart, knows it.

    The query is one that nobody can answer in time.
    """
    address = urlencode({"query": f"{ENDLESS} # {accept}"})
    now = service_of(flask.application.app)
    plan = preparing.prepare(now, Asked("GET", "/sparql", address, accept)).plan
    assert plan is not None
    for method in ("GET", "HEAD", "QUERY"):
        same = service.send(f"/sparql?{address}", method, Accept=accept, If_None_Match=f'"{plan.etag}"')
        assert (304, f'"{plan.etag}"', b"") == (same.status, same.headers["etag"], same.body)
    assert not service.running()


def test_a_condition_decides_nothing_about_post(service: Service) -> None:
    """RFC 9110, section 13.1.2: 304 is for GET and HEAD; SPARQL's POST asks, and gets its answer."""
    body, kind = urlencode({"query": SMALL}).encode(), "application/x-www-form-urlencoded"
    tag = service.ask(SMALL).headers["etag"]
    for held in (tag, "*"):
        for accept in (JSON, "text/html"):
            reply = service.send(
                "/sparql", "POST", body, Content_Type=kind, Accept=accept, If_None_Match=held
            )
            assert 200 == reply.status
            assert reply.body


@pytest.mark.parametrize("version", ["1", "1.1"])
def test_two_hosts_are_an_error_and_poison_nothing(flask: FlaskClient, version: str) -> None:
    front = in_process.Front(flask.application.app, kept=1_000_000)
    for lines in ([("host", "good.example"), ("host", "evil.example")], [("host", "good.example")]):
        reply = front.exchanged(
            in_process.Scope("GET", "/void", "", in_process.Fields(lines), http_version=version)
        )
        assert len(lines) == 1 or 400 == reply.status
    assert 200 == reply.status
    assert b"<http://good.example/sparql>" in reply.answer


@pytest.mark.parametrize("name", ["Content-Type", "Authorization"])
def test_what_may_be_said_once_and_is_said_twice_is_an_error(flask: FlaskClient, name: str) -> None:
    lines = [("content-type", "application/sparql-query"), (name, "a/b"), (name, "a/b")]
    reply = flask.application.send("/sparql", "POST", lines, b"ASK {}")
    assert 400 == reply.status
    assert f"several {name} headers; send one" in json.loads(reply.answer)["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT (NOW() AS ?x) {}",
        "SELECT (RAND() AS ?x) {}",
        "SELECT (UUID() AS ?x) {}",
        "SELECT (STRUUID() AS ?x) {}",
        "SELECT (BNODE() AS ?x) {}",
    ],
)
def test_what_is_another_answer_each_time_is_never_kept(service: Service, query: str) -> None:
    first, second = service.ask(query), service.ask(query)
    assert (200, "no-store") == (first.status, first.headers["cache-control"])
    assert "etag" not in first.headers
    assert first.headers["r2p-seconds"] != second.headers["r2p-seconds"] or first.body != second.body


def test_every_way_to_send_a_query_gets_the_same_answer(service: Service) -> None:
    form, direct = "application/x-www-form-urlencoded", "application/sparql-query"
    whole = urlencode({"query": SMALL}).encode()
    replies = [
        service.ask(SMALL),
        service.send("/sparql", "POST", whole, Content_Type=form),
        service.send("/sparql", "POST", SMALL.encode(), Content_Type=direct),
        service.send("/sparql", "QUERY", SMALL.encode(), Content_Type=f"{direct}; charset=utf-8"),
        service.send("/sparql/", "QUERY", whole, Content_Type=form),
    ]
    assert [(200, replies[0].body)] * 5 == [(reply.status, reply.body) for reply in replies]
    assert 1 == len({reply.headers["etag"] for reply in replies})


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused_also_with_a_query_in_the_address(service: Service, method: str) -> None:
    reply = service.ask(SMALL, method)
    assert (405, "application/problem+json") == (reply.status, reply.headers["content-type"])
    assert "GET" in reply.headers["allow"]


# Queries that hurt nobody


def test_an_error_of_evaluation_shows_its_line(service: Service) -> None:
    reply = service.ask("SELECT ?s {\n ?s ?p .\n}")
    assert (400, "application/problem+json", "no-store") == (
        reply.status,
        reply.headers["content-type"],
        reply.headers["cache-control"],
    )
    assert (2, " ?s ?p .") == (reply.json["line"], reply.json["text"])


DEADLY = {
    "braces": ("SELECT * " + "{" * 5000 + "}" * 5000, {400, 500}),
    "bangs": (f"SELECT * {{ ?s ?p ?o FILTER({'!' * 20_000}true) }}", {400, 500}),
    "a product under ORDER BY": ("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?a ?d ?g", {500, 503}),
    "doubling": (
        "SELECT ?z { "
        + "".join(
            f"BIND(CONCAT({a}, {a}) AS {b}) "
            for a, b in zip(
                ['"xxxxxxxx"', *(f"?v{n}" for n in range(40))],
                [*(f"?v{n}" for n in range(40)), "?z"],
                strict=True,
            )
        )
        + "}",
        {413, 500, 503},
    ),
}


@pytest.mark.parametrize("name", DEADLY)
def test_a_deadly_query_is_a_problem_and_the_next_is_answered(service: Service, name: str) -> None:
    query, statuses = DEADLY[name]
    reply = service.send("/sparql?timeout=2", "POST", query.encode(), Content_Type="application/sparql-query")
    assert reply.status in statuses
    assert "application/problem+json" == reply.headers["content-type"]
    assert "Traceback" not in reply.body.decode()
    began = time.monotonic()
    assert 200 == service.ask(SMALL + f" # {name}").status
    assert time.monotonic() - began < 1


def test_the_deadline_is_kept_within_half_a_second(service: Service) -> None:
    began = time.monotonic()
    reply = service.send(f"/sparql?{urlencode({'query': ENDLESS, 'timeout': '0.7'})}")
    assert (503, "https://w3id.org/r2p-kg/problem/timeout") == (reply.status, reply.json["type"])
    assert 0.7 <= time.monotonic() - began < 1.2


@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_a_client_that_leaves_frees_its_worker_within_a_second(service: Service, accept: str) -> None:
    with service.socket() as leaving:
        leaving.sendall(
            f"GET /sparql?{urlencode({'query': ENDLESS})} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode()
        )
        assert soon(service.running)
        worker = service.running()[0]["pid"]
        assert Path(f"/proc/{worker}").exists()
    assert soon(lambda: not Path(f"/proc/{worker}").exists(), 1)
    assert soon(lambda: not service.running(), 1)


def test_the_operator_ends_a_query_over_http_and_its_client_is_told(service: Service) -> None:
    found: list[Reply] = []
    thread = threading.Thread(target=lambda: found.append(service.ask(ENDLESS + "#cancelled")))
    thread.start()
    assert soon(service.running)
    public = service.send("/status").json["engine"]["running"][0]
    assert "query" not in public
    one = service.running()[0]
    assert (ENDLESS + "#cancelled", public["hash"]) == (one["query"], one["hash"])
    assert 204 == service.send(f"/operator/queries/{one['id']}", "DELETE", **MINE).status
    thread.join(2)
    assert (503, True) == (found[0].status, "cancelled by the operator" in found[0].json["detail"])
    assert soon(lambda: not Path(f"/proc/{one['pid']}").exists(), 1)


def test_small_queries_pass_those_that_run_on_and_on(service: Service) -> None:
    """Three runaways on two workers: the small ones go on being answered at once."""
    threads = [threading.Thread(target=service.ask, args=(f"{ENDLESS}#{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert soon(lambda: sum(one["slow"] for one in service.running()) == 2)
    seconds = []
    with service.connected() as connection:
        for number in range(150):
            began = time.monotonic()
            assert (
                200 == exchanged(connection, f"/sparql?{urlencode({'query': f'{SMALL} # {number}'})}").status
            )
            seconds.append(time.monotonic() - began)
    assert soon(lambda: not service.running(), 10)
    for thread in threads:
        thread.join(5)
    # The machine of the tests may be busy with others; a queue behind a runaway would be seconds.
    assert statistics.quantiles(seconds, n=100)[98] < 0.5


def test_a_full_queue_says_when_to_come_back(narrow: Service) -> None:
    found: list[Reply] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(narrow.ask(f"{ENDLESS}#{number}")))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert {503} == {reply.status for reply in found}
    assert 8 == len(found)
    busy = [reply for reply in found if reply.json["type"].endswith("/busy")]
    assert busy
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in busy)
    assert soon(lambda: narrow.ask(SMALL).status == 200)


def test_a_client_that_took_too_much_time_is_told_when_to_come_back_and_others_are_not(
    narrow: Service,
) -> None:
    greedy, modest = {"X_Forwarded_For": "192.0.2.66"}, {"X_Forwarded_For": "192.0.2.77"}
    late = narrow.ask(f"{ENDLESS}#greedy", **greedy)
    assert (503, "timeout") == (late.status, late.json["type"].rpartition("/")[2])
    # Whichever front a connection comes to has heard of it, the other one a moment later than that of the query.
    time.sleep(0.5)
    for number in range(10):
        refused = narrow.ask(f"{ENDLESS}#greedy {number}", **greedy)
        assert (429, "allowance-used") == (refused.status, refused.json["type"].rpartition("/")[2])
        assert int(refused.headers["retry-after"]) >= 1
        assert "r2p-snapshot" not in refused.headers
    assert 200 == narrow.ask(f"{SMALL} # modest", **modest).status
    assert 200 == narrow.ask(f"{SMALL} # nobody").status


def test_pages_and_errors_do_not_wait_behind_queries_for_people(service: Service) -> None:
    """A page with an answer waits for it in a thread.

    Many of them must not take the threads of all other pages.
    """
    with ExitStack() as stack:
        for number in range(60):
            line = stack.enter_context(service.socket())
            line.sendall(
                f"GET /sparql?{urlencode({'query': f'{ENDLESS}#{number}'})} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n".encode()
            )
        assert soon(service.running)
        began = time.monotonic()
        assert 200 == service.send("/", Accept="text/html").status
        assert 400 == service.ask("SELECT * { SERVICE <http://example.org/> {} }").status
        assert time.monotonic() - began < 1
    assert soon(lambda: not service.running())


# Bodies and connections that hurt nobody


def test_a_body_over_the_limit_is_refused_by_its_length_before_it_comes(service: Service) -> None:
    with service.socket() as line:
        line.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 10000000\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_over_the_limit_is_refused_where_its_chunks_go_too_far(service: Service) -> None:
    with service.socket() as line:
        line.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):  # of 64 KiB each: one more than the limit of a MiB
            line.sendall(chunk)
        line.settimeout(5)
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")
    assert 200 == service.ask(SMALL).status


def test_trailer_fields_that_are_announced_may_follow_a_query(service: Service) -> None:
    with service.socket() as line:
        line.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
            b"Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n"
            b"6\r\nASK {}\r\n0\r\nX-Checksum: 1\r\n\r\n"
        )
        line.settimeout(5)
        assert line.recv(100).startswith(b"HTTP/1.1 200 ")


def test_hundreds_of_connections_that_send_nothing_or_half_keep_nobody_waiting(service: Service) -> None:
    starts = [
        b"",
        b"GET /sparql?query=ASK",
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 100\r\n\r\nSELECT",
    ]
    with ExitStack() as stack:
        for number in range(300):
            line = stack.enter_context(service.socket())
            line.sendall(starts[number % 3])
        began = time.monotonic()
        for number in range(20):
            assert 200 == service.ask(f"{SMALL} # among {number}").status
        assert time.monotonic() - began < 3


def memory(pid: int) -> int:
    """Bytes that a process has of its own, which the kernel cannot get back by writing them to a file."""
    found = re.search(
        r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found is not None
    return int(found[1]) * 1024


def front_of(service: Service) -> int:
    """The process that answers.

    It holds the listening socket's other connections and is a sibling of the broker.
    """
    broker = service.send("/status").json["engine"]["broker"]
    parent = parent_of(broker)
    return next(
        pid
        for pid in map(int, (entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()))
        if pid != broker and parent_of(pid) == parent
    )


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_the_front_stays_small_while_twenty_clients_ask_for_twenty_megabytes_and_do_not_read(
    service: Service,
) -> None:
    front = front_of(service)
    before = memory(front)
    most = 0
    with ExitStack() as stack:
        lines = []
        for number in range(20):
            query = f"SELECT ?a ?b {{ ?a ?p ?x . ?b ?q ?y }} LIMIT 190000 # {number}"
            line = stack.enter_context(service.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            line.sendall(
                f"GET /sparql?{urlencode({'query': query})} HTTP/1.1\r\nHost: x\r\nAccept: {JSON}\r\nConnection: close\r\n\r\n".encode()
            )
            lines.append(line)
        answered: set[int] = set()
        deadline = time.monotonic() + 30
        while len(answered) < 20 and time.monotonic() < deadline:
            most = max(most, memory(front))
            answered |= {place for place, line in enumerate(lines) if place not in answered and arrived(line)}
            time.sleep(0.02)
        assert 20 == len(answered)
        most = max(most, memory(front))
        whole = read_all(lines[0])
    assert whole.startswith(b"HTTP/1.1 200 ")
    head, _, body = whole.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert len(body) > 20_000_000
    assert 190_000 == len(json.loads(body)["results"]["bindings"])
    assert most - before < 100_000_000


def arrived(line: socket.socket) -> bool:
    """True where the answer has begun to come."""
    line.settimeout(0)
    try:
        return bool(line.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        line.settimeout(20)


def read_all(line: socket.socket) -> bytes:
    parts = []
    while part := line.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def test_the_description_names_the_address_by_which_it_was_asked_and_no_other(service: Service) -> None:
    """Else whoever sends another name would have it stand there for everybody."""
    for path in ("/sparql", "/void", "/"):
        for accept in ("text/turtle", "text/html"):
            service.send(path, Host="evil.example", Accept=accept)
            assert b"evil.example" not in service.send(path, Accept=accept).body


# What the operator sees


def counted(service: Service) -> dict[str, float]:
    """Every sample of /metrics, by name and labels."""
    text = service.send("/metrics").body.decode()
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_counters_add_up_over_all_fronts(narrow: Service) -> None:
    before = counted(narrow)
    fresh = [f"{SMALL} # counted {number}" for number in range(12)]
    for query in fresh:
        assert 200 == narrow.ask(query).status
    for _ in range(8):
        assert 400 == narrow.ask("SELECT").status
    after = counted(narrow)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert 12 == more("r2p_query_seconds_count")
    assert 8 == more("r2p_pages_total status=400")
    assert more("r2p_answer_bytes_total") > 12 * 100
    assert 1 == after["r2p_pool_workers"]
    for query in fresh:
        narrow.ask(query)
        narrow.ask(query)
    asked = "r2p_query_seconds_count", "r2p_cache_hits_total"
    # What is answered from memory is added up once a second. Each front keeps its own answers, so that of two
    # more questions at least one finds it there.
    assert soon(lambda: sum(counted(narrow)[name] - after[name] for name in asked) == 24)
    assert counted(narrow)["r2p_cache_hits_total"] - after["r2p_cache_hits_total"] >= 12


def test_every_query_stands_in_the_log_and_only_slow_ones_with_their_text(service: Service) -> None:
    quick, slow = f"{SMALL} # quick and private", f"{ENDLESS} # slow and said"
    assert 200 == service.ask(quick).status
    assert 503 == service.send(f"/sparql?{urlencode({'query': slow, 'timeout': '0.6'})}").status
    assert soon(lambda: any(line.get("query") == slow for line in service.lines()))
    lines = service.lines()
    assert all({"time", "level", "logger", "process", "message"} <= set(line) for line in lines)
    late = next(line for line in lines if line.get("query") == slow)
    assert ("warning", "slow query", "timeout") == (late["level"], late["message"], late["problem"])
    assert late["seconds"] >= 0.6
    assert not any("quick and private" in json.dumps(line) for line in lines)
    answered = [
        line
        for line in lines
        if line["logger"] == "r2p_kg.queries" and line["message"] == "query" and "rows" in line
    ]
    assert all(
        re.fullmatch("[0-9a-f]{16}", line["hash"]) and line["seconds"] >= 0 and line["worker"] > 0
        for line in answered
    )
    assert 3 in {line["rows"] for line in answered}
    assert "query" not in answered[-1]
