"""What docs/security.md claims, where no other test proves it, and that every test it names is there."""

from __future__ import annotations

import ast
import gzip
import hmac
import os
import re
import resource
import socket
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import pytest

from r2p_kg import library
from r2p_kg.command.operators import _token
from r2p_kg.graph import rdf, snapshot, xml_bombs
from r2p_kg.graph.rdf import RdfSyntaxError
from r2p_kg.web import Settings, bearer, bodies, create_app, door
from tests import in_process
from tests.fuzzing import TELLING, ClosedError, Talk, check, read_head, request
from tests.served import started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.fuzzing import Reply

ROOT: Final = Path(__file__).parent.parent
DOCUMENT: Final = ROOT / "docs" / "security.md"
TOKEN: Final = "7f3a-token-of-this-test"  # noqa: S105 - as it says
MINE: Final = ("Authorization", f"Bearer {TOKEN}".encode())
ASK: Final = ("Content-Type", b"application/sparql-query")
TRIPLE: Final = b'<http://example.org/a> <http://example.org/p> "x" .\n'

#: Markup wherever data can bring it: labels, literals, language-tagged ones, names of things, of graphs and
#: of properties, datatypes.
HOSTILE: Final = """\
@prefix ex: <http://example.org/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix r2p: <https://w3id.org/r2p-kg/ns#> . @prefix id: <https://w3id.org/r2p-kg/id/> .
ex:a rdfs:label "<script>alert(1)</script>" , "\\"><img src=x onerror=alert(1)>"@en ; a ex:C ;
  rdfs:seeAlso <javascript:alert(1)> , <data:text/html,%3Cscript%3E> , <JaVaScRiPt:x> , <vbscript:x> , <https://elsewhere.example/x> ;
  ex:p "</textarea><svg onload=alert(1)>"^^<http://example.org/x'onmouseover='y> , "{{ 7 * 7 }}" , "x\\r\\nSet-Cookie: a=b" .
<http://example.org/q'onclick='z> a rdf:Property ; rdfs:label "</title><script>" .
r2p:Evil a owl:Class ; rdfs:label "<b>evil</b>"@en ; skos:definition "<iframe src=javascript:alert(1)>"@en ; rdfs:seeAlso <javascript:alert(2)> .
id:evil a r2p:Evil , r2p:Statement ; r2p:says "<script>alert(3)</script>" ; r2p:cites <javascript:alert(4)> .
<http://example.org/g'onload='w> { ex:a ex:p ex:b . ex:b rdfs:label "<style>*{}</style>" . }
""".replace("@prefix ex:", "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix ex:", 1)
BROWSER: Final = "text/html,application/xhtml+xml,*/*;q=0.8"
LAUGHS: Final = (
    '<!DOCTYPE r [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10))
    + ']><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://example.org/"><rdf:Description rdf:about="http://example.org/a">'
    "<e:p>&a9;</e:p></rdf:Description></rdf:RDF>"
)


@dataclass(frozen=True)
class Running:
    """A service with writing switched on.

    Its address, the folder of everything temporary, and a connection that sent half a head at the start.
    """

    url: str
    folder: Path
    half: socket.socket
    since: float

    def send(self, method: str, target: str, *headers: tuple[str, bytes], body: bytes | None = None) -> Reply:
        """The answer to one request, checked."""
        return self.exchange(request(method, target, headers, body), head=method == "HEAD")

    def exchange(self, data: bytes, *, head: bool = False) -> Reply:
        """The answer to the bytes of one request, checked."""
        talk = Talk(self.url)
        try:
            reply = talk.send(data, head=head)
        finally:
            talk.close()
        check(reply)
        return reply

    def raw(self, data: bytes) -> bytes:
        """All that comes back for these bytes, after which nothing follows."""
        return Talk(self.url).alone(data)

    def triples(self, graph: str) -> int:
        """How many triples a graph has."""
        reply = self.send(
            "GET", f"/rdf-graph-store?graph={quote(graph, safe='')}", ("Accept", b"application/n-triples")
        )
        return reply.body.count(b"\n") if reply.status == 200 else 0

    def processes(self) -> Mapping[int, tuple[int, list[str]]]:
        """Each process of the service: parent and command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if f"TMPDIR={self.folder}".encode() in (entry / "environ").read_bytes():
                        parent = int((entry / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
                        found[int(entry.name)] = parent, (entry / "cmdline").read_text("utf-8").split("\0")
                except OSError:
                    continue
        return found

    def workers(self) -> list[int]:
        """The query workers: forked by a zygote, whose command line they keep."""
        all_of_them = self.processes()
        zygotes = {pid for pid, (_, command) in all_of_them.items() if "r2p_kg.engine.zygote" in command}
        found = [pid for pid in zygotes if all_of_them[pid][0] in zygotes]
        assert found
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("s")
    (folder / "data.trig").write_text(HOSTILE, "utf-8")
    (folder / "token").write_text(f"{TOKEN}\n", "utf-8")
    arguments = (
        "--data",
        str(folder / "data.trig"),
        "--workers",
        "1",
        "--query-workers",
        "2",
        "--timeout",
        "5",
        "--memory",
        "300",
    )
    with started(*arguments, "--write-token-file", str(folder / "token"), temporary=folder) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), 30) as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Never-Ends: ")
            yield Running(url, folder, half, time.monotonic())


@contextmanager
def listening() -> Iterator[tuple[str, list[Any]]]:
    """The address of a web server that nobody may ask, and who did."""
    seen: list[Any] = []
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.settimeout(0.05)
        closing = threading.Event()

        def wait() -> None:
            while not closing.is_set():
                try:
                    connection, address = door.accept()
                except TimeoutError:
                    continue
                seen.append(address)
                connection.close()

        watching = threading.Thread(target=wait)
        watching.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}/x", seen
            time.sleep(0.2)
        finally:
            closing.set()
            watching.join()


# Nothing is fetched


@pytest.mark.served
def test_no_request_makes_the_service_ask_anybody_else(running: Running) -> None:
    with listening() as (elsewhere, seen):
        iri = f"<{elsewhere}>"
        for text in (
            f"SELECT * {{ SERVICE {iri} {{ ?s ?p ?o }} }}",
            f"SELECT * {{ SERVICE SILENT {iri} {{}} }}",
            f"SELECT*{{1SERVICE{iri}{{}}}}",
        ):
            assert 400 == running.send("POST", "/sparql", ASK, body=text.encode()).status
        for text in (
            "SELECT * FROM <x> { ?s ?p ?o }",
            "SELECT * FROM NAMED <x> { GRAPH ?g {} }",
            "DESCRIBE <x>",
        ):
            # In a graph store every IRI may name a graph: an unknown one is empty.
            assert 200 == running.send("POST", "/sparql", ASK, body=text.replace("<x>", iri).encode()).status
        running.send("GET", f"/sparql?query=ASK%7B%7D&default-graph-uri={quote(elsewhere, safe='')}")
        for text in (
            f"LOAD {iri}",
            f"LOAD SILENT {iri} INTO GRAPH <a:b>",
            f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE {iri} {{ ?s ?p ?o }} }}",
        ):
            assert (
                400
                == running.send(
                    "POST",
                    "/sparql",
                    MINE,
                    ("Content-Type", b"application/sparql-update"),
                    body=text.encode(),
                ).status
            )
        context = f'{{"@context": "{elsewhere}", "@id": "http://example.org/a", "http://example.org/p": "x"}}'
        external = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{elsewhere}">]><r xmlns="a:b">&x;</r>'
        for kind, body in ((b"application/ld+json", context), (b"application/rdf+xml", external)):
            assert (
                400
                == running.send(
                    "PUT", "/rdf-graph-store?graph=a:b", MINE, ("Content-Type", kind), body=body.encode()
                ).status
            )
        for path in ("/resource?iri=", "/graph/", "/id/", "/rdf-graph-store?graph="):
            running.send(
                "GET",
                path + quote(elsewhere, safe=""),
                ("Referer", elsewhere.encode()),
                ("X-Forwarded-Host", elsewhere[7:-2].encode()),
            )
    assert [] == seen


@pytest.mark.served
def test_a_file_of_this_machine_is_never_read_for_a_client(running: Running) -> None:
    for text in ("LOAD <file:///etc/passwd> INTO GRAPH <a:b>", "LOAD <file:///etc/passwd>"):
        assert (
            400
            == running.send(
                "POST", "/sparql", MINE, ("Content-Type", b"application/sparql-update"), body=text.encode()
            ).status
        )
    found = running.send("POST", "/sparql", ASK, body=b"SELECT * FROM <file:///etc/passwd> { ?s ?p ?o }")
    assert b'"bindings":[]' in found.body
    external = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r xmlns="a:b">&x;</r>'
    refused = running.send(
        "PUT",
        "/rdf-graph-store?graph=a:b",
        MINE,
        ("Content-Type", b"application/rdf+xml"),
        body=external.encode(),
    )
    assert 400 == refused.status
    assert b"root:" not in refused.body


# Requests that are made to hurt


@pytest.mark.served
@pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate", b"identity, gzip", b"GZIP", b"x"])
def test_a_compressed_body_is_refused_and_never_inflated(running: Running, coding: bytes) -> None:
    bomb = gzip.compress(b"A" * 50_000_000)
    for path, kind in (
        ("/sparql", b"application/sparql-query"),
        ("/sparql", b"application/x-www-form-urlencoded"),
        ("/rdf-graph-store?default", b"text/turtle"),
    ):
        began = time.monotonic()
        reply = running.send(
            "POST", path, MINE, ("Content-Type", kind), ("Content-Encoding", coding), body=bomb
        )
        assert (415, "identity") == (reply.status, reply.headers["accept-encoding"])
        assert time.monotonic() - began < 2


@pytest.mark.served
def test_a_body_that_says_it_is_as_it_is_is_read(running: Running) -> None:
    assert (
        200 == running.send("POST", "/sparql", ASK, ("Content-Encoding", b"Identity"), body=b"ASK {}").status
    )


@pytest.mark.served
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 500\r\n\r\n%b",
        b"Transfer-Encoding: chunked\r\n\r\n35\r\n%b\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n35\r\n%b\r\nZZ\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n35\r\n%b\r\n35\r\nhalf",
    ],
)
def test_a_body_that_breaks_off_is_never_taken_for_the_whole(running: Running, framing: bytes) -> None:
    whole = TRIPLE + TRIPLE.replace(b"x", b"y")
    assert running.send(
        "PUT", "/rdf-graph-store?graph=a:whole", MINE, ("Content-Type", b"application/n-triples"), body=whole
    ).status in {201, 204}
    assert 0x35 == len(TRIPLE) + 1
    head = (
        b"PUT /rdf-graph-store?graph=a:whole HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Type: application/n-triples\r\n"
        % TOKEN.encode()
    )
    said = running.raw(head + framing % (TRIPLE + b"\n"))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert 2 == running.triples("a:whole")
    query = b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 50\r\n\r\nASK {}"
    assert running.raw(query).startswith(b"HTTP/1.1 400 ")


@pytest.mark.served
@pytest.mark.parametrize(
    "lengths", [b"5\r\nContent-Length: 6", b"+5", b"-5", b"5, 5, 6", b"0x5", b"5 5", b"99999999999999999999"]
)
def test_a_length_that_cannot_be_ends_the_connection(running: Running, lengths: bytes) -> None:
    said = running.raw(
        b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: %b\r\n\r\nASK{}GET / HTTP/1.1\r\n\r\n"
        % lengths
    )
    assert read_head(said)[0].status in {400, 413}
    assert 1 == said.count(b"HTTP/1.1 ")


@pytest.mark.served
@pytest.mark.parametrize(
    "both",
    [
        b"Content-Length: %d\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: %d",
    ],
)
@pytest.mark.parametrize("length", [0, 5, 15, 70])
def test_a_request_with_two_framings_smuggles_no_second_one(
    running: Running, both: bytes, length: int
) -> None:
    head = b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n" + both % length
    said = running.raw(
        head + b"\r\n\r\n5\r\nASK{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    )
    reply, _, _ = read_head(said)
    assert 1 == said.count(b"HTTP/1.1 ")
    assert reply.status == 400 or "close" == reply.headers["connection"]


@pytest.mark.served
@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\n chunked",
    ],
)
def test_a_framing_that_is_none_ends_the_connection(running: Running, framing: bytes) -> None:
    said = running.raw(
        b"POST /sparql HTTP/1.1\r\nHost: x\r\n"
        + framing
        + b"\r\n\r\n5\r\nASK{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert b" 400 " in said.partition(b"\r\n")[0]
    assert 1 == said.count(b"HTTP/1.1 ")


@pytest.mark.served
@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nHost: a\r\n"])
def test_a_request_without_exactly_one_host_is_refused(running: Running, hosts: bytes) -> None:
    for line in (b"GET /void", b"GET /sparql?query=ASK%7B%7D", b"POST /sparql?query=ASK%7B%7D"):
        assert 400 == running.exchange(line + b" HTTP/1.1\r\n" + hosts + b"Content-Length: 0\r\n\r\n").status


@pytest.mark.served
@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"])
def test_a_name_of_the_host_that_is_none_stands_in_no_answer(running: Running, name: str) -> None:
    for path in ("/void", "/sparql", "/", "/rdf-graph-store/x", "/ns", "/openapi.json"):
        reply = running.send(
            "GET", path, ("Accept", b"text/turtle, text/html;q=0.5"), (name, b'evil.example/"><script>')
        )
        assert b"evil.example" not in reply.body
        assert "evil.example" not in str(reply.headers)


@pytest.mark.served
def test_too_many_and_too_long_headers_are_refused(running: Running) -> None:
    for number in (150, 3000):
        many = b"".join(b"X-%d: 1\r\n" % place for place in range(number))
        said = running.raw(b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n")
        # The connection is closed at once; where something was left unread, the answer may be lost with it.
        assert said.startswith(b"HTTP/1.1 431 ") or (number > 1000 and said == b"")
    said = running.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 600_000 + b"\r\n\r\n")
    assert said == b"" or said.startswith(b"HTTP/1.1 431 ")
    assert 200 == running.send("GET", "/healthz", ("X", b"a" * 100_000)).status
    assert 200 == running.send("GET", "/healthz", *((f"X-{number}", b"1") for number in range(90))).status


@pytest.mark.served
@pytest.mark.parametrize(
    "begin",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
def test_nothing_but_http_1_is_spoken(running: Running, begin: bytes) -> None:
    said = running.raw(begin)
    assert said == b"" or b" 400 " in said.partition(b"\r\n")[0]


@pytest.mark.served
def test_an_address_of_bytes_beyond_ascii_is_read_or_refused(running: Running) -> None:
    for path in (
        "/sparql?formät=é€",
        "/sparql?query=€",
        "/id/é€",
        "/rdf-graph-store?graph=€",
        "/explain?s=€",
        "/queries?x=€",
        "/?€",
    ):
        for kind in (b"*/*", b"text/html"):
            reply = running.exchange(
                b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nAccept: " + kind + b"\r\n\r\n"
            )
            assert reply.status in {200, 400, 404}


@pytest.mark.served
def test_a_line_break_in_what_is_sent_becomes_no_header(running: Running) -> None:
    evil = "x%0d%0aInjected:%20yes%0d%0a%0d%0a<script>"
    paths = [
        f"{path}{evil}"
        for path in (
            "/id/",
            "/graph/",
            "/queries/",
            "/dumps/",
            "/static/",
            "/rdf-graph-store/",
            "/ns/",
            "/",
            "/operator/queries/",
        )
    ]
    paths += [
        f"{path}={evil}"
        for path in (
            "/sparql?query",
            "/sparql?query=ASK{}&format",
            "/sparql?query=ASK{}&timeout",
            "/resource?iri",
            "/explain?s",
        )
    ]
    paths += [
        f"/sparql?query=ASK%7B%7D&default-graph-uri={evil}",
        f"/rdf-graph-store?graph={evil}",
        f"/resource?iri=http://example.org/a&in={evil}&page=1",
    ]
    for path in paths:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            reply = running.send(
                method,
                path.replace("{", "%7B").replace("}", "%7D").replace("<", "%3C").replace(">", "%3E"),
                MINE,
            )
            assert "injected" not in reply.headers
    for name in ("Accept", "If-None-Match", "Origin", "Referer", "Authorization", "Content-Type"):
        # A bare carriage return ends a header for some parsers: it must not begin one of the answer.
        assert (
            b"injected"
            not in running.raw(
                f"GET /id/x HTTP/1.1\r\nHost: x\r\n{name}: a\rInjected: yes\r\n\r\n".encode()
            ).lower()
        )


@pytest.mark.served
def test_no_path_leads_out_of_what_is_served(running: Running) -> None:
    ways = [
        "../" * 8,
        "..%2f" * 8,
        "%2e%2e/" * 8,
        "%2e%2e%2f" * 8,
        "..\\" * 8,
        "%5c..%5c" * 4,
        "....//" * 8,
        "%252e%252e/" * 8,
        "/",
        "//",
        "%00/",
        ".%00./" * 8,
    ]
    for route in (
        "/static/",
        "/dumps/",
        "/queries/",
        "/id/",
        "/graph/",
        "/ns/",
        "/rdf-graph-store/",
        "/.well-known/",
        "/",
    ):
        for way in ways:
            for target in ("etc/passwd", "pyproject.toml", "server.py"):
                reply = running.send("GET", route + way + target)
                assert reply.status in {400, 404}, (route, way)
                assert b"root:" not in reply.body


@pytest.mark.served
def test_who_sends_half_a_head_is_let_go(running: Running) -> None:
    running.half.settimeout(max(running.since + 20 - time.monotonic(), 1))
    said = b"".join(iter(lambda: running.half.recv(1000), b""))
    assert said == b"" or said.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - running.since < 20


@pytest.mark.served
def test_a_body_for_writing_is_read_only_of_who_may_write(running: Running) -> None:
    large = TRIPLE * 40_000
    kind = ("Content-Type", b"application/n-triples")
    assert 413 == running.send("PUT", "/rdf-graph-store?graph=a:large", kind, body=large).status
    assert (
        413
        == running.send(
            "PUT", "/rdf-graph-store?graph=a:large", kind, ("Authorization", b"Bearer wrong"), body=large
        ).status
    )
    assert 201 == running.send("PUT", "/rdf-graph-store?graph=a:large", kind, MINE, body=large).status
    assert 204 == running.send("DELETE", "/rdf-graph-store?graph=a:large", MINE).status


def test_many_slow_bodies_together_have_a_bound() -> None:
    assert bodies._ALL_BODIES <= 256 * 1024 * 1024
    assert bodies._BODY_SECONDS <= 30


# Data that are made to hurt


def test_entities_that_grow_are_refused_in_every_way_that_rdf_xml_comes_in(tmp_path: Path) -> None:
    (tmp_path / "laughs.rdf").write_text(LAUGHS, "utf-8")
    began = time.monotonic()
    with pytest.raises(RdfSyntaxError, match="an entity is inside another"):
        rdf.read_files([tmp_path / "laughs.rdf"])
    quadratic = '<!DOCTYPE r [\n<!ENTITY a "' + "x" * 50_000 + '">]><r xmlns="a:b">' + "&a;" * 5000 + "</r>"
    (tmp_path / "quadratic.owl").write_text(quadratic, "utf-8")
    with pytest.raises(RdfSyntaxError, match=r"quadratic\.owl:2:1: its entities would make"):
        rdf.read_files([tmp_path / "quadratic.owl"])
    assert time.monotonic() - began < 2


def test_entities_for_namespaces_are_read(tmp_path: Path) -> None:
    text = LAUGHS.replace("&a9;", "&ns;x").replace(
        '<!ENTITY a0 "lol">', '<!ENTITY ns "http://example.org/" ><!ENTITY nbsp "&#160;">'
    )
    (tmp_path / "usual.rdf").write_text(re.sub(r"<!ENTITY a\d.*?>", "", text), "utf-8")
    assert b'"http://example.org/x"' in rdf.read_files([tmp_path / "usual.rdf"])


def test_only_declarations_count_as_entities() -> None:
    assert None is xml_bombs.excess(b"<r>&amp;!ENTITY x &y;</r>")
    assert (
        1,
        5,
        "an entity is inside another, which may grow without bound; write out its value",
    ) == xml_bombs.excess(b'<r>\t<!ENTITY % x "&y;">')


@pytest.mark.served
def test_entities_that_grow_are_refused_over_http(running: Running) -> None:
    began = time.monotonic()
    reply = running.send(
        "PUT",
        "/rdf-graph-store?graph=a:b",
        MINE,
        ("Content-Type", b"application/rdf+xml"),
        body=LAUGHS.encode(),
    )
    assert (400, True) == (reply.status, b"rdf-syntax-error" in reply.body)
    assert time.monotonic() - began < 5


@pytest.mark.served
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"application/ld+json", b"[" * 100_000 + b"]" * 100_000),
        (b"application/ld+json", b'{"http://e/p":' * 5_000 + b"1" + b"}" * 5_000),
        (b"text/turtle", b"<a:a> <a:b> " + b"[<a:b> " * 20_000 + b"]" * 20_000 + b" ."),
        (b"application/trig", b"{" * 100_000),
    ],
)
def test_rdf_that_nests_deep_ends_its_own_process_at_most(running: Running, kind: bytes, body: bytes) -> None:
    before = running.triples("a:kept")
    reply = running.send("POST", "/rdf-graph-store?graph=a:kept", MINE, ("Content-Type", kind), body=body)
    assert reply.status in {400, 500}
    assert before == running.triples("a:kept")
    assert 200 == running.send("GET", "/readyz").status


# Pages


class Page(HTMLParser):
    """What a browser would do by itself with a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.active: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        if tag in {"script", "style", "iframe", "object", "embed", "base", "frame", "applet"}:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "srcdoc", "formaction"}:
                self.active.append(f"{tag} {name}")
            if name in {"src", "srcset", "data", "poster", "action"} or (
                name == "href" and tag not in {"a", "area"}
            ):
                self.fetched.append(value or "")
            elif name == "href":
                self.links.append(value or "")


def harmless(text: str) -> None:
    """A page runs nothing, fetches nothing from elsewhere, and links to nothing but the web."""
    page = Page(text)
    assert [] == page.active
    for address in page.fetched:
        assert address.startswith("/"), address
        assert not address.startswith("//")
    for address in page.links:
        assert urlsplit(address).scheme in {"", "http", "https"}, address


def every_page(app: Flask) -> Iterator[str]:
    """An address for every route that GET has, names filled with something that is there and with something that is not."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            address = rule.rule
            yield re.sub(r"<[^>]+>", "nothing%3Cscript%3E", address)
            yield re.sub(r"<[^>]+>", "evil", address)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[FlaskClient]:
    """The whole application over data full of markup, its title among them."""
    from r2p_kg.engine.pool import Pool  # noqa: PLC0415 - the one test that needs it

    (tmp_path / "data.trig").write_text(HOSTILE, "utf-8")
    quads = rdf.read_files([tmp_path / "data.trig"])
    found = snapshot.Snapshot.of(quads, {"ex": "http://example.org/"}, {"<script>": 1})
    pool = Pool(snapshot.write(found, tmp_path))
    try:
        settings = Settings(
            title="<script>title</script>", checked=False, notices=("<script>notice</script>",)
        )
        yield in_process.client(create_app(settings, found, pool, library.Library()))
    finally:
        pool.close()


def test_no_page_of_any_route_runs_fetches_or_links_to_what_data_say(hostile: FlaskClient) -> None:
    things = [
        "http://example.org/a",
        "http://example.org/b",
        "javascript:alert(1)",
        "http://example.org/q'onclick='z",
        "http://example.org/g'onload='w",
    ]
    pages = [
        *every_page(hostile.application),
        *(f"/resource?iri={quote(thing, safe='')}" for thing in things),
    ]
    queries = [
        "SELECT * { ?s ?p ?o }",
        "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }",
        "<script>",
        "SELECT ('<script>' AS ?x) {}",
        "ASK {",
    ]
    pages += [f"/sparql?query={quote(text)}" for text in queries] + [
        "/explain?s=<script>&p=<a:b>&o=<a:c>",
        "/explain?s=%3Ca:b%3E&p=%22%3E%3Csvg%20onload=x%3E&o=1",
    ]
    seen = 0
    for page in pages:
        reply = hostile.get(page, headers={"Accept": BROWSER})
        if reply.mimetype == "text/html":
            harmless(reply.text)
            seen += 1
    assert seen > 20
    assert (
        "{{ 7 * 7 }}"
        in hostile.get(f"/resource?iri={quote(things[0], safe='')}", headers={"Accept": BROWSER}).text
    )


def test_every_answer_of_every_route_has_the_policy_and_no_cookie(hostile: FlaskClient) -> None:
    for page in every_page(hostile.application):
        for headers in ({}, {"Accept": BROWSER}, {"Origin": "https://evil.example", "Cookie": "a=b"}):
            reply = hostile.get(page, headers=headers)
            policy = reply.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "unsafe" not in policy
            assert "http" not in policy
            assert "nosniff" == reply.headers["X-Content-Type-Options"]
            assert "*" == reply.headers["Access-Control-Allow-Origin"]
            assert "Access-Control-Allow-Credentials" not in reply.headers
            assert "Set-Cookie" not in reply.headers


def test_markup_in_data_is_caught_by_the_check_itself() -> None:
    for text in (
        "<script>x</script>",
        '<a href="javascript:x">',
        "<p onclick=x>",
        '<img src="https://elsewhere.example/">',
        '<link href="//elsewhere.example/x">',
    ):
        with pytest.raises(AssertionError):
            harmless(text)


# Tokens


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert bearer.fits("Bearer right", "right")
    assert not bearer.fits("Bearer wrong", "right")
    assert [(b"right", b"right"), (b"wrong", b"right")] == compared
    assert not bearer.fits("Bearer \udcff\u20ac", "right")
    assert not bearer.fits("Bearer ", "")
    assert not bearer.fits("Basic right", "right")


def test_a_token_of_the_environment_is_taken_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2P_WRITE_TOKEN", f" {TOKEN}\n")
    assert TOKEN == _token("--write-token-file", None, "R2P_WRITE_TOKEN")
    assert "R2P_WRITE_TOKEN" not in os.environ


@pytest.mark.served
def test_a_token_is_taken_from_its_header_alone(running: Running) -> None:
    for target in (
        f"/sparql?access_token={TOKEN}",
        f"/sparql?token={TOKEN}",
        f"/sparql?authorization=Bearer%20{TOKEN}",
    ):
        reply = running.send(
            "POST",
            target,
            ("Content-Type", b"application/sparql-update"),
            ("Cookie", f"token={TOKEN}".encode()),
            body=b"CLEAR ALL",
        )
        assert 401 == reply.status
        assert 'Bearer realm="r2p-kg"' == reply.headers["www-authenticate"]


@pytest.mark.served
def test_no_answer_log_or_command_line_tells_a_token(running: Running) -> None:
    running.send(
        "POST", "/sparql", MINE, ("Content-Type", b"application/sparql-update"), body=b"CLEAR GRAPH <a:none>"
    )
    for path in ("/status", "/metrics", "/void", "/sparql", "/"):
        assert TOKEN.encode() not in running.send("GET", path, MINE).body
    assert TOKEN not in (running.folder / "errors.txt").read_text("utf-8")
    assert [] == [
        command for _, command in running.processes().values() if any(TOKEN in word for word in command)
    ]


# Processes and files


@pytest.mark.served
def test_a_worker_has_no_socket_of_the_network_and_no_secret(running: Running) -> None:
    network = {
        line.split()[9]
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]
    }
    for pid in running.workers():
        open_files = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert [] == [
            name
            for name in open_files
            if (found := re.fullmatch(r"socket:\[(\d+)\]", name)) and found[1] in network
        ]
        assert "/dev/null" in open_files
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"TOKEN" not in environment
        assert TOKEN.encode() not in environment


@pytest.mark.served
def test_a_worker_is_bounded_and_cannot_gain_rights(running: Running) -> None:
    for pid in running.workers():
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
            if ":\t" in line
        )
        assert ("1", "2") == (status["NoNewPrivs"].strip(), status["Seccomp"].strip())
        space, _ = resource.prlimit(pid, resource.RLIMIT_AS)
        assert 0 < space < 8 * 1024**3
        assert (0, 0) == resource.prlimit(pid, resource.RLIMIT_CORE)


@pytest.mark.served
def test_what_the_service_keeps_while_it_runs_is_its_users_alone(running: Running) -> None:
    folders = [path for path in running.folder.rglob("r2p-*") if path.is_dir()]
    sockets = [path for path in running.folder.rglob("*") if path.is_socket()]
    assert len(folders) >= 3
    assert 1 == len(sockets)
    for folder in folders:
        assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE(sockets[0].stat().st_mode)


def test_a_snapshot_can_be_changed_by_its_owner_alone(tmp_path: Path) -> None:
    made = snapshot.write(snapshot.Snapshot.of(b"", {}, {}), tmp_path / "state")
    assert 0o644 == stat.S_IMODE(made.stat().st_mode)


# Who asks


@dataclass
class Scope:
    """As much of a request as is needed to know who sent it."""

    client: str
    headers: in_process.Fields


def test_a_forwarded_address_is_believed_of_named_proxies_alone() -> None:
    # A proxy may add its line behind the client's own instead of lengthening it.
    said = in_process.Fields([("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")])
    assert "192.0.2.1" == door.client(Scope("192.0.2.1:5000", said), ())
    assert "" == door.client(Scope("127.0.0.1:5000", said), ())
    behind = ("127.0.0.1",)
    # The last name is the one that our own proxy wrote; those before it anybody can write.
    assert "198.51.100.7" == door.client(Scope("127.0.0.1:5000", said), behind)
    assert "192.0.2.1" == door.client(Scope("192.0.2.1:5000", said), behind)


@pytest.mark.served
def test_no_error_tells_of_our_code_or_this_machine(running: Running) -> None:
    for target in (
        "/sparql?query=x",
        "/sparql?timeout=x&query=ASK%7B%7D",
        "/id/x",
        "/resource",
        "/explain?s=x&p=y&o=z",
        "/queries/x",
        "/dumps/x",
        "/operator/queries",
    ):
        for kind in (b"text/html", b"*/*", b"image/png"):
            assert not TELLING.search(running.send("GET", target, ("Accept", kind)).body)


@pytest.mark.served
def test_a_connection_that_is_closed_without_an_answer_is_noticed(running: Running) -> None:
    with pytest.raises(ClosedError):
        Talk(running.url).send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


# The document


def named_tests() -> list[tuple[str, str]]:
    """(file, function) of every test that the document names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", DOCUMENT.read_text("utf-8"))


def test_every_test_that_the_document_names_is_there() -> None:
    found = named_tests()
    assert len(set(found)) > 50
    functions: dict[str, set[str]] = {}
    for file in {file for file, _ in found}:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        functions[file] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [] == [f"{file}::{name}" for file, name in found if name not in functions[file]]


def test_every_claim_of_the_document_names_a_test() -> None:
    text = DOCUMENT.read_text("utf-8")
    claims = [
        line
        for section in re.split(r"^## ", text, flags=re.MULTILINE)
        if "| Proof |" in section
        for line in section.splitlines()
        if line.startswith("| ")
    ]
    rows = [line for line in claims if "| Proof |" not in line and not line.startswith("| --")]
    assert len(rows) > 30
    assert [] == [line for line in rows if "::test_" not in line]
