"""What the fuzzing tests send, and what must hold of every answer.

Invented queries, requests and bytes; connections that are kept.
"""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_from_bytes

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUERIES: Final = Path(__file__).parent.parent / "queries"

#: Seconds after which an answer that has not come is a failure: far beyond the deadline of a query.
PATIENCE: Final = 30.0

#: Statuses that an answer may have. 500 is allowed where a query brought its own process down, and nowhere
#: else.
ALLOWED: Final = frozenset(
    {
        100,
        200,
        201,
        204,
        206,
        303,
        304,
        400,
        401,
        403,
        404,
        405,
        406,
        408,
        411,
        413,
        414,
        415,
        417,
        429,
        431,
        503,
        504,
    }
)
CRASH: Final = "https://w3id.org/r2p-kg/problem/engine-crash"

#: What an answer must never tell: traces of our code, places of this machine.
TELLING: Final = re.compile(
    rb"Traceback \(most recent call last\)|File \"[^\"]+\.py\"|site-packages|/r2p_kg/|\.py:\d+|/(?:tmp|home|root)/|0x[0-9a-f]{12}"
)

#: Answers of the HTTP parser itself, before any code of ours: a head that is none.
_BY_THE_PARSER: Final = frozenset({400, 414, 431})


@dataclass(frozen=True)
class Reply:
    """One answer: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ClosedError(Exception):
    """The service closed the connection without an answer."""


@dataclass
class Talk:
    """A conversation with a service over connections that are kept as long as it keeps them.

    ``said`` counts the answers by status.
    """

    url: str
    said: Counter[int] = field(default_factory=Counter)
    _socket: socket.socket | None = None

    def send(self, raw: bytes, *, head: bool = False) -> Reply:
        """The answer to the bytes of one whole request.

        Raises ClosedError where there is none, TimeoutError where none comes in time.
        """
        for attempt in (1, 2):
            fresh = self._socket is None
            try:
                return self._once(raw, head=head)
            except (ClosedError, ConnectionError):
                self.close()
                # A kept connection may have been closed for its idleness in the meantime.
                if fresh or attempt == 2:
                    raise
        raise ClosedError

    def close(self) -> None:
        """Begin anew with the next request."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def alone(self, raw: bytes) -> bytes:
        """All that comes back on a connection of its own, whose own half is closed after these bytes."""
        data = b""
        with self._connected() as connection, suppress(OSError):
            with suppress(OSError):  # it may refuse what it has not read to the end
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(1 << 16):
                data += more
        return data

    def _connected(self) -> socket.socket:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        connection = socket.create_connection((host, int(port)), PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _once(self, raw: bytes, *, head: bool) -> Reply:
        if self._socket is None:
            self._socket = self._connected()
        self._socket.sendall(raw)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        reply, length, rest = read_head(data)
        if head or reply.status in {204, 304}:
            length = 0
        while length is not None and len(rest) < length:
            rest += self._more()
        if reply.headers.get("connection") == "close" or length is None or len(rest) > length:
            self.close()
        self.said[reply.status] += 1
        return Reply(reply.status, reply.headers, rest)

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(1 << 18)
        if not data:
            raise ClosedError
        return data


def read_head(data: bytes) -> tuple[Reply, int | None, bytes]:
    """The head of an answer, the length of its body and what follows the head.

    Every line of the head must be a header.
    """
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    version, status, *_ = first.split(b" ", 2)
    assert b"HTTP/1.1" == version
    headers: dict[str, str] = {}
    for line in lines:
        found = re.fullmatch(rb"([A-Za-z0-9-]+): ?([\x20-\x7e\x80-\xff\t]*)", line)
        assert found, line
        headers[found[1].decode().lower()] = found[2].decode("latin-1")
    length = headers.get("content-length")
    return Reply(int(status), headers, b""), int(length) if length is not None else 0, rest


def check(reply: Reply) -> None:
    """Every answer is a promise kept.

    A status that may be, no word about our code, the protecting headers, an error that can be read.
    """
    known = reply.status in ALLOWED or (reply.status == 500 and CRASH.encode() in reply.body)
    assert known, (reply.status, reply.body[:2000])
    assert TELLING.search(reply.body) is None or reply.status == 200, reply.body[:2000]
    if reply.status in _BY_THE_PARSER and not reply.body:
        return
    if reply.status != 304:  # a browser keeps those of the answer that it holds (RFC 9111, section 3.2)
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "nosniff" == reply.headers["x-content-type-options"]
    assert "set-cookie" not in reply.headers
    assert "access-control-allow-credentials" not in reply.headers
    if reply.status >= 400 and reply.body:
        kind = reply.headers["content-type"]
        if kind == "application/problem+json":
            assert reply.status == json.loads(reply.body)["status"]
        else:
            assert kind.startswith("text/html")
    if reply.status == 503:
        assert "timeout" in reply.body.decode() or int(reply.headers["retry-after"]) > 0


def request(
    method: str,
    target: str,
    headers: Sequence[tuple[str, bytes]] = (),
    body: bytes | None = None,
    *,
    chunks: Sequence[int] = (),
) -> bytes:
    """The bytes of a request.

    ``chunks``: sizes of the pieces in which the body is sent, none for a body in one piece.
    """
    lines = [f"{method} {target} HTTP/1.1".encode()]
    if not any(name.lower() == "host" for name, _ in headers):
        lines.append(b"Host: 127.0.0.1")
    lines += [name.encode("latin-1") + b": " + value for name, value in headers]
    if body is None:
        return b"\r\n".join(lines) + b"\r\n\r\n"
    if not chunks:
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body
    pieces, rest = [], body
    for size in chunks:
        piece, rest = rest[:size], rest[size:]
        pieces += [piece] if piece else []
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, *([rest] if rest else [])])
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n" + framed + b"0\r\n\r\n"


# Texts of queries


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SEEDS: Final = tuple(path.read_text("utf-8") for path in sorted(QUERIES.rglob("*.rq")))

WORDS: Final = _words(
    """SELECT ASK CONSTRUCT DESCRIBE WHERE FROM NAMED DISTINCT REDUCED OPTIONAL UNION MINUS FILTER BIND VALUES GRAPH SERVICE SILENT LOAD INSERT DELETE
    DATA CLEAR DROP CREATE ADD MOVE COPY WITH USING GROUP BY HAVING ORDER ASC DESC LIMIT OFFSET UNDEF EXISTS NOT IN AS PREFIX BASE VERSION LATERAL
    COUNT SUM MIN MAX AVG SAMPLE GROUP_CONCAT SEPARATOR STR LANG LANGMATCHES DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN
    UCASE LCASE ENCODE_FOR_URI CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR NOW TIMEZONE TZ UUID STRUUID MD5 SHA512 COALESCE IF STRLANG STRDT
    sameTerm isIRI isBLANK isLITERAL isNUMERIC REGEX SUBSTR REPLACE TRIPLE SUBJECT isTRIPLE a true false { } ( ) [ ] . ; , * / | ^ ! ? + - = != < > <= >=
    && || ^^ @en @ << >> <<( )>> {| |} ?s ?p ?o $x _:b <> <a> <http://example.org/p> ex:p :x "a" 'b' \"\"\"c\"\"\" ''' \"\"\" 1 01 1.5 1e9 1e999 -0
    # \\u0041 \\U00110000 \\ud800 \ufeff \u202e \x00 \x7f \U0001f600 \r\n \t service serVice
    # 1SERVICE<http://127.0.0.1:9/> SERVICE?s{}"""
)


def mutated() -> st.SearchStrategy[str]:
    """A saved query with a few pieces cut, doubled, moved or replaced."""

    @st.composite
    def made(draw: st.DrawFn) -> str:
        text = draw(st.sampled_from(SEEDS))
        for _ in range(draw(st.integers(1, 6))):
            at = draw(st.integers(0, max(len(text), 1)))
            size = draw(st.integers(0, 12))
            match draw(st.integers(0, 4)):
                case 0:
                    text = text[:at] + text[at + size :]
                case 1:
                    text = text[:at] + text[at : at + size] * draw(st.integers(2, 30)) + text[at:]
                case 2:
                    text = text[:at] + draw(st.sampled_from(WORDS)) + text[at + size :]
                case 3:
                    text = text[:at] + draw(st.text(max_size=4)) + text[at + size :]
                case _:
                    other = draw(st.sampled_from(SEEDS))
                    text = text[:at] + other[draw(st.integers(0, len(other))) :][:200]
        return text

    return made()


def worded() -> st.SearchStrategy[str]:
    """Words of SPARQL in any order, with blanks or without."""
    return st.builds(
        lambda words, between: between.join(words),
        st.lists(st.sampled_from(WORDS), max_size=40),
        st.sampled_from([" ", "", "\n", "#\n"]),
    )


_variables: Final = st.sampled_from(["?s", "?p", "?o", "?x", "$y", "_:b"])
_iris: Final = st.sampled_from(
    ["ex:p", "ex:q", "rdfs:label", "<http://example.org/p>", "a", "<relative>", "<urn:x>"]
)
_literals: Final = st.one_of(
    st.sampled_from(
        [
            "1",
            "1.5",
            "-1e9",
            '"x"',
            '"x"@en',
            '"1"^^xsd:integer',
            "true",
            '"2020-01-01"^^xsd:date',
            '"P1D"^^xsd:dayTimeDuration',
            "1e400",
            '""',
        ]
    ),
    st.integers(-(10**25), 10**25).map(str),
    st.text(max_size=6).map(lambda text: json.dumps(text, ensure_ascii=False)),
)
_paths: Final = st.recursive(
    _iris,
    lambda inner: st.one_of(
        st.builds("({}{})".format, inner, st.sampled_from("*+?")),
        st.builds("({}{}{})".format, inner, st.sampled_from("/|"), inner),
        inner.map("^({})".format),
    ),
    max_leaves=6,
)
_functions: Final = _words(
    """STR LANG DATATYPE ABS CEIL ROUND STRLEN UCASE LCASE ENCODE_FOR_URI YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ MD5 SHA1 SHA256 SHA384
    SHA512 isIRI isBLANK isLITERAL isNUMERIC IRI BNODE !"""
)
_binary: Final = _words(
    "CONCAT CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER STRLANG STRDT sameTerm REGEX LANGMATCHES COALESCE SUBSTR"
)
_expressions: Final = st.recursive(
    st.one_of(
        _variables.filter(lambda name: name != "_:b"),
        _literals,
        st.sampled_from(["NOW()", "RAND()", "UUID()", "STRUUID()", "BNODE()", "ex:p"]),
    ),
    lambda inner: st.one_of(
        st.builds("{}({})".format, st.sampled_from(_functions), inner),
        st.builds("{}({}, {})".format, st.sampled_from(_binary), inner, inner),
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["+", "-", "*", "/", "=", "!=", "<", ">=", "&&", "||", "IN (1, ?x) ||"]),
            inner,
        ),
        st.builds("IF({}, {}, {})".format, inner, inner, inner),
        st.builds("REPLACE({}, {}, {})".format, inner, inner, inner),
    ),
    max_leaves=8,
)
_triples: Final = st.builds(
    "{} {} {} .".format,
    st.one_of(_variables, _iris),
    st.one_of(_variables, _paths),
    st.one_of(_variables, _iris, _literals),
)
_patterns: Final = st.recursive(
    st.lists(_triples, min_size=1, max_size=4).map(" ".join),
    lambda inner: st.one_of(
        st.builds("{{ {} }} UNION {{ {} }}".format, inner, inner),
        st.builds(
            "{} {} {{ {} }}".format,
            inner,
            st.sampled_from(
                [
                    "OPTIONAL",
                    "MINUS",
                    "GRAPH ?g",
                    "GRAPH ex:g",
                    "FILTER EXISTS",
                    "FILTER NOT EXISTS",
                    "LATERAL",
                ]
            ),
            inner,
        ),
        st.builds("{} FILTER({})".format, inner, _expressions),
        st.builds("{} BIND({} AS ?new)".format, inner, _expressions),
        st.builds(
            "{} VALUES ({} ?x) {{ ({} {}) (UNDEF 1) }}".format,
            inner,
            st.sampled_from(["?s", "?v"]),
            _literals,
            _literals,
        ),
        st.builds(
            "{{ SELECT {} WHERE {{ {} }} LIMIT {} }}".format,
            st.sampled_from(["*", "?s", "(COUNT(*) AS ?n)"]),
            inner,
            st.integers(0, 10**20),
        ),
    ),
    max_leaves=8,
)
_heads: Final = st.one_of(
    st.sampled_from(
        [
            "SELECT * ",
            "SELECT DISTINCT ?s ?o ",
            "ASK ",
            "DESCRIBE ?s ",
            "CONSTRUCT { ?s ?p ?o } ",
            "CONSTRUCT WHERE ",
            "SELECT REDUCED * FROM NAMED <http://example.org/g> ",
        ]
    ),
    st.builds(
        "SELECT ({}({}) AS ?n) ".format,
        st.sampled_from(
            ["COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT", "COUNT(DISTINCT ?s) +SUM"]
        ),
        _expressions,
    ),
)
_tails: Final = st.one_of(
    st.just(""),
    st.builds(" GROUP BY {}".format, _variables),
    st.builds(" ORDER BY {}({})".format, st.sampled_from(["", "DESC", "ASC"]), _expressions),
    st.builds(" LIMIT {} OFFSET {}".format, st.integers(0, 10**20), st.integers(0, 10**20)),
    st.builds(" HAVING({})".format, _expressions),
)
_PROLOGUE: Final = "PREFIX ex: <http://example.org/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n"


def grammatical() -> st.SearchStrategy[str]:
    """Texts that are SPARQL, most of them, whatever they mean."""
    return st.builds(
        lambda head, body, tail: f"{_PROLOGUE}{head}{{ {body} }}{tail}", _heads, _patterns, _tails
    )


def texts() -> st.SearchStrategy[str]:
    """Texts in the place of a query."""
    return st.one_of(grammatical(), mutated(), worded(), st.text(max_size=60))


# Requests

ACCEPTS: Final = (
    b"*/*",
    b"text/html",
    b"application/sparql-results+json",
    b"text/csv",
    b"text/tab-separated-values",
    b"application/sparql-results+xml",
    b"text/turtle",
    b"application/ld+json",
    b"application/rdf+xml",
    b"application/n-quads",
    b"text/html;q=0.1, */*;q=2",
    b"image/png",
    b"",
    b",;=q",
    b"*/*;q=nan",
)
TYPES: Final = (
    b"application/sparql-query",
    b"application/x-www-form-urlencoded",
    b"application/sparql-update",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"text/turtle",
    b"application/rdf+xml",
    b"application/ld+json",
    b"application/n-quads",
    b"application/json",
    b"text/plain; charset=utf-16",
    b"application/sparql-query; charset=latin-1",
    b"",
    b"/",
)
PATHS: Final = (
    "/",
    "/sparql",
    "/sparql/",
    "/rdf-graph-store",
    "/rdf-graph-store/x",
    "/id/x",
    "/id/x.ttl",
    "/ns",
    "/ns.rdf",
    "/graph/x",
    "/resource",
    "/queries",
    "/queries/x",
    "/queries/x.rq",
    "/void",
    "/.well-known/void",
    "/dumps/r2p.nq",
    "/dumps/r2p.nq.gz",
    "/status",
    "/healthz",
    "/metrics",
    "/static/style.css",
    "/static/../x",
    "/explain",
    "/census",
)
PARAMETERS: Final = (
    "query",
    "update",
    "default-graph-uri",
    "named-graph-uri",
    "using-graph-uri",
    "format",
    "output",
    "results",
    "timeout",
    "entailment",
    "graph",
    "default",
    "iri",
    "page",
    "in",
    "s",
    "p",
    "o",
)
VALUES: Final = (
    "",
    "html",
    "json",
    "csv",
    "turtle",
    "none",
    "all",
    "1",
    "-1",
    "0.2",
    "nan",
    "1e999",
    "99999999999999999999999",
    "http://example.org/a",
    "http://example.org/g",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "../../etc/passwd",
    "<script>",
    "a\r\nSet-Cookie: b=c",
    "\x00",
    "\u202e",
    "ASK {}",
    "SELECT * { ?s ?p ?o }",
    "<http://example.org/a>",
    "rdfs:label",
    '"x"@en',
    "%",
    "%zz",
)
NAMES: Final = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "Origin",
    "Range",
    "Referer",
    "TE",
    "Upgrade",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-HTTP-Method-Override",
    "X-Original-URL",
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY", "TRACE", "get", "FOO")

#: Bytes that a header's value may hold (RFC 9110, section 5.5): visible ASCII, blanks, and what is beyond
#: ASCII.
_field: Final = st.lists(st.sampled_from(bytes([*range(0x20, 0x7F), *range(0x80, 0x100)])), max_size=40).map(
    lambda codes: bytes(codes).strip()
)
_segments: Final = st.one_of(
    st.sampled_from(
        [
            ".",
            "..",
            "%2e%2e",
            "%2f",
            "%00",
            "%0d%0aX:y",
            "%ff",
            "%",
            "%zz",
            "a.ttl",
            "a.html",
            "~",
            ";x",
            "'",
            "%3Cscript%3E",
            "\\",
        ]
    ),
    st.text(max_size=8).map(lambda text: quote(text, safe="")),
    st.binary(max_size=8).map(lambda data: quote_from_bytes(data, safe="")),
)


def fields() -> st.SearchStrategy[str]:
    """Parameters, encoded as a form: known names and values, unknown ones, the same name many times."""
    name = st.one_of(st.sampled_from(PARAMETERS), st.text(max_size=5))
    pair = st.builds(
        lambda key, value: f"{quote(key, safe='')}={quote(value, safe='')}",
        name,
        st.one_of(st.sampled_from(VALUES), st.text(max_size=12), worded()),
    )
    return st.lists(
        st.one_of(
            pair, st.sampled_from(["&", "=", "query", "%", "%ff=%fe", "query=%ed%a0%80", "a=b=c", ";"])
        ),
        max_size=6,
    ).map("&".join)


def targets() -> st.SearchStrategy[str]:
    """Addresses: known ones, known ones with more behind, and paths of odd segments."""
    odd = st.builds(
        lambda path, rest: path + "".join(f"/{segment}" for segment in rest),
        st.sampled_from(PATHS),
        st.lists(_segments, max_size=4),
    )
    return st.builds(lambda path, query: f"{path}?{query}" if query else path, odd, fields())


def headers() -> st.SearchStrategy[list[tuple[str, bytes]]]:
    """Headers as the grammar allows them: known names with fitting values or with any."""
    known = st.one_of(
        st.tuples(st.just("Accept"), st.sampled_from(ACCEPTS)),
        st.tuples(st.just("Content-Type"), st.sampled_from(TYPES)),
        st.tuples(
            st.just("Accept-Encoding"),
            st.sampled_from([b"gzip", b"br", b"gzip;q=0, br;q=0.5", b"*", b"identity;q=0", b"gzip" * 50]),
        ),
        st.tuples(st.just("If-None-Match"), st.sampled_from([b"*", b'""', b'W/"x"', b'"a", "b"', b","])),
        st.tuples(
            st.just("Content-Encoding"), st.sampled_from([b"gzip", b"br", b"identity", b"deflate, gzip"])
        ),
    )
    return st.lists(st.one_of(known, st.tuples(st.sampled_from(NAMES), _field)), max_size=6)


def bodies() -> st.SearchStrategy[bytes]:
    """Bodies of every kind: queries, forms, RDF, multipart, noise."""
    multipart = st.builds(
        lambda head, body: b"--x\r\n" + head + b"\r\n\r\n" + body + b"\r\n--x--\r\n",
        st.sampled_from([b'Content-Disposition: form-data; name="f"; filename="../../a.ttl"', b"", b"X:"]),
        st.binary(max_size=30),
    )
    rdf = st.sampled_from(
        [
            b"<a> <b> <c> .",
            b"@prefix",
            b'{"@context":"http://127.0.0.1:9/c","@id":"a"}',
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        ]
    )
    return st.one_of(
        texts().map(lambda text: text.encode("utf-8", "surrogatepass")),
        fields().map(str.encode),
        rdf,
        multipart,
        st.binary(max_size=200),
    )


def mangled(whole: bytes) -> st.SearchStrategy[bytes]:
    """The bytes of a request with some of them changed, doubled or missing."""

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        raw = whole
        for _ in range(draw(st.integers(1, 5))):
            at, size = draw(st.integers(0, len(raw))), draw(st.integers(0, 6))
            fresh = draw(
                st.one_of(
                    st.binary(max_size=4),
                    st.sampled_from(
                        [
                            b"\r\n",
                            b"\n",
                            b"\r\n\r\n",
                            b"\0",
                            b": ",
                            b" ",
                            b"Content-Length: 5\r\n",
                            b"Transfer-Encoding: chunked\r\n",
                            b"%00",
                            b"HTTP/1.1",
                        ]
                    ),
                )
            )
            raw = raw[:at] + fresh + raw[at + size :]
        return raw

    return made()
