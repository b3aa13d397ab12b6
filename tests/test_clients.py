"""What people ask the service with works with it as it comes.

SPARQLWrapper, rdflib, Comunica, pandas, curl, and the habits of others.
"""

from __future__ import annotations

import csv
import http.client
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pandas as pd
import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore
from SPARQLWrapper import (
    CSV,
    GET,
    JSON,
    JSONLD,
    N3,
    POST,
    POSTDIRECTLY,
    RDF,
    RDFXML,
    TSV,
    TURTLE,
    URLENCODED,
    XML,
    SPARQLExceptions,
    SPARQLWrapper,
    SPARQLWrapper2,
)

from tests.served import started

if TYPE_CHECKING:
    from collections.abc import Iterator

EX: Final = "http://example.org/"
TEXT: Final = 'É "quoted", with a comma,\na line end and a tab\t.'
DATA: Final = f"""\
@prefix ex: <{EX}> .
ex:a ex:label "one"@en , "un"@fr ; ex:says {json.dumps(TEXT, ensure_ascii=False)} ; ex:size 2.5 ; ex:count 7 ; ex:part [ ex:label "part" ] .
ex:b ex:label "two"@en ; ex:count 8 .
GRAPH ex:g {{ ex:c ex:label "three"@en ; ex:count 9 }}
""" + "".join(f"ex:n{number} ex:number {number} .\n" for number in range(1200))
COUNTS: Final = f"SELECT ?s ?n WHERE {{ ?s <{EX}count> ?n }} ORDER BY ?n"
TEXTS: Final = f"SELECT ?t WHERE {{ <{EX}a> <{EX}says> ?t }}"
LABELS: Final = f"CONSTRUCT {{ ?s <{EX}label> ?l }} WHERE {{ ?s <{EX}count> ?n ; <{EX}label> ?l }}"
SELECTS: Final = "application/sparql-results+json"
OPENER: Final = build_opener(ProxyHandler({}))
COMUNICA: Final = Path(__file__).parent / "comunica"
BEARER: Final = "of forty characters, made up for this test"

pytestmark = pytest.mark.served


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that is only read."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "data.trig").write_text(DATA, "utf-8")
    with started("--data", str(folder / "data.trig"), temporary=folder) as url:
        yield url


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that takes writes."""
    folder = tmp_path_factory.mktemp("writing")
    (folder / "data.trig").write_text(DATA, "utf-8")
    (folder / "token").write_text(BEARER, "utf-8")
    with started(
        "--data", str(folder / "data.trig"), "--write-token-file", str(folder / "token"), temporary=folder
    ) as url:
        yield url


def get(
    url: str, headers: dict[str, str] | None = None, data: bytes | None = None, method: str | None = None
) -> tuple[int, str, bytes]:
    """Status, media type and body, with urllib's own user agent, whatever the status."""
    try:
        with OPENER.open(Request(url, data, headers or {}, method=method), timeout=30) as reply:  # noqa: S310 - loopback
            return reply.status, reply.headers.get_content_type(), reply.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read()


def address(service: str, query: str, **more: str) -> str:
    """The address that asks a query."""
    return f"{service}/sparql?{urlencode({'query': query, **more})}"


# SPARQLWrapper


@pytest.fixture
def asking(service: str) -> SPARQLWrapper:
    return SPARQLWrapper(f"{service}/sparql")


def rows(body: bytes, delimiter: str) -> list[list[str]]:
    """The lines of a CSV or TSV answer."""
    return list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=delimiter))


@pytest.mark.parametrize(("method", "how"), [(GET, None), (POST, URLENCODED), (POST, POSTDIRECTLY)])
def test_sparqlwrapper_reads_select_in_every_format_and_way(
    asking: SPARQLWrapper, method: str, how: str | None
) -> None:
    asking.setMethod(method)
    if how:
        asking.setRequestMethod(how)
    asking.setQuery(COUNTS)
    asking.setReturnFormat(JSON)
    found: Any = asking.query().convert()
    assert [(f"{EX}a", "7"), (f"{EX}b", "8"), (f"{EX}c", "9")] == [
        (row["s"]["value"], row["n"]["value"]) for row in found["results"]["bindings"]
    ]
    asking.setReturnFormat(XML)
    document: Any = asking.query().convert()
    assert 3 == len(document.getElementsByTagName("result"))
    asking.setReturnFormat(CSV)
    assert [["s", "n"], [f"{EX}a", "7"]] == rows(asking.query().convert(), ",")[:2]  # type: ignore[arg-type]
    asking.setReturnFormat(TSV)
    assert [["?s", "?n"], [f"<{EX}a>", "7"]] == rows(asking.query().convert(), "\t")[:2]  # type: ignore[arg-type]


# Both are of SPARQLWrapper's own making: it parses into a class that rdflib gives up, and knows no CONSTRUCT
# as "rdf", for which it accepts all.
@pytest.mark.filterwarnings(
    "ignore:ConjunctiveGraph is deprecated:DeprecationWarning", "ignore:Sending Accept header:RuntimeWarning"
)
@pytest.mark.parametrize("form", [TURTLE, N3, RDFXML, JSONLD, RDF, XML])
def test_sparqlwrapper_reads_graphs_in_every_format(asking: SPARQLWrapper, form: str) -> None:
    asking.setQuery(LABELS)
    asking.setReturnFormat(form)
    found = asking.queryAndConvert()
    graph = found if isinstance(found, rdflib.Graph) else rdflib.Graph().parse(data=found, format="turtle")  # type: ignore[arg-type]
    assert {"one", "un", "two", "three"} == {str(label) for label in graph.objects()}


@pytest.mark.parametrize("form", [JSON, XML])
def test_sparqlwrapper_reads_ask(asking: SPARQLWrapper, form: str) -> None:
    asking.setReturnFormat(form)
    for query, expected in ((f"ASK {{ <{EX}a> ?p ?o }}", True), (f"ASK {{ <{EX}none> ?p ?o }}", False)):
        asking.setQuery(query)
        found: Any = asking.query().convert()
        got = (
            found["boolean"]
            if form == JSON
            else found.getElementsByTagName("boolean")[0].firstChild.data == "true"
        )
        assert expected is got


def test_sparqlwrapper_names_graphs_sets_a_deadline_and_learns_what_is_wrong(asking: SPARQLWrapper) -> None:
    asking.setReturnFormat(JSON)
    asking.addDefaultGraph(f"{EX}g")
    asking.addExtraURITag("timeout", "5")
    asking.setQuery(COUNTS)
    found: Any = asking.query().convert()
    assert [f"{EX}c"] == [row["s"]["value"] for row in found["results"]["bindings"]]
    asking.setQuery("SELECT * { ?s ?p }")
    with pytest.raises(SPARQLExceptions.QueryBadFormed, match="syntax-error"):
        asking.query()
    asking.setMethod(POST)
    asking.setQuery("CLEAR ALL")
    with pytest.raises(HTTPError, match="403"):
        asking.query()


def test_sparqlwrapper_two_reads_bindings(service: str) -> None:
    asking = SPARQLWrapper2(f"{service}/sparql")
    asking.setQuery(TEXTS)
    assert [TEXT] == [row["t"].value for row in asking.query().bindings]


# rdflib


@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
@pytest.mark.parametrize("form", ["xml", "json", "csv", "tsv"])
def test_rdflib_asks_through_its_store(service: str, method: str, form: str) -> None:
    store = SPARQLStore(f"{service}/sparql", method=method, returnFormat=form)  # type: ignore[arg-type]
    found = [tuple(str(term) for term in row) for row in rdflib.Graph(store).query(COUNTS)]  # type: ignore[union-attr]
    assert [(f"{EX}a", "7"), (f"{EX}b", "8"), (f"{EX}c", "9")] == found


def test_rdflib_reads_the_service_as_a_graph(service: str) -> None:
    graph = rdflib.Graph(SPARQLStore(f"{service}/sparql"))
    a, label, count = (rdflib.URIRef(EX + name) for name in ("a", "label", "count"))
    assert {rdflib.Literal("one", lang="en"), rdflib.Literal("un", lang="fr")} == set(graph.objects(a, label))
    assert rdflib.Literal(7) == graph.value(a, count)
    assert [rdflib.Literal(TEXT)] == list(graph.objects(a, rdflib.URIRef(EX + "says")))
    assert (rdflib.URIRef(EX + "b"), count, rdflib.Literal(8)) in graph
    assert (rdflib.URIRef(EX + "b"), count, rdflib.Literal(9)) not in graph
    assert 1200 == len(list(graph.triples((None, rdflib.URIRef(EX + "number"), None))))


def test_rdflib_constructs_asks_and_reads_one_named_graph(service: str) -> None:
    store = SPARQLStore(f"{service}/sparql")
    graph = rdflib.Graph(store)
    assert 4 == len(graph.query(LABELS).graph or ())
    assert graph.query(f"ASK {{ <{EX}a> ?p ?o }}").askAnswer is True
    named = rdflib.Graph(SPARQLStore(f"{service}/sparql"), identifier=rdflib.URIRef(f"{EX}g"))
    assert {rdflib.Literal("three", lang="en")} == set(named.objects(None, rdflib.URIRef(f"{EX}label")))
    assert f"{EX}g" in {str(context) for context in store.contexts()}


def test_rdflib_parses_an_answer_and_a_graph_by_its_address(service: str) -> None:
    assert 4 == len(rdflib.Graph().parse(address(service, LABELS)))
    assert 2 == len(rdflib.Graph().parse(f"{service}/rdf-graph-store?graph={quote(EX, safe='')}g"))


def test_rdflib_writes_with_the_token(written: str) -> None:
    store = SPARQLUpdateStore(
        f"{written}/sparql",
        f"{written}/sparql",
        headers={"Authorization": f"Bearer {BEARER}"},
        context_aware=False,
    )
    graph = rdflib.Graph(store)
    triple = (rdflib.URIRef(f"{EX}new"), rdflib.URIRef(f"{EX}label"), rdflib.Literal("new"))
    graph.add(triple)
    assert triple in graph
    graph.remove(triple)
    assert triple not in graph
    with pytest.raises(HTTPError, match="401"):
        rdflib.Graph(SPARQLUpdateStore(f"{written}/sparql", f"{written}/sparql", context_aware=False)).add(
            triple
        )


# pandas


def test_pandas_reads_csv_and_tsv_from_an_address(service: str) -> None:
    frame = pd.read_csv(address(service, COUNTS, format="csv"))
    assert [7, 8, 9] == frame["n"].tolist()
    assert f"{EX}a" == frame["s"][0]
    assert [TEXT] == pd.read_csv(address(service, TEXTS, format="csv"))["t"].tolist()
    assert 1200 == len(
        pd.read_csv(address(service, f"SELECT ?s ?n {{ ?s <{EX}number> ?n }}", format="tsv"), sep="\t")
    )


def test_pandas_reads_json_from_an_address(service: str) -> None:
    bindings = pd.read_json(address(service, COUNTS, format="json"))["results"]["bindings"]
    frame = pd.json_normalize(bindings)
    assert ["7", "8", "9"] == frame["n.value"].tolist()
    assert 3 == len(pd.json_normalize(json.loads(get(address(service, COUNTS))[2]), ["results", "bindings"]))


def test_pandas_reads_a_saved_answer_of_many_rows(service: str, tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_bytes(
        get(address(service, f"SELECT ?n {{ ?s <{EX}number> ?n }} ORDER BY ?n"), {"Accept": "text/csv"})[2]
    )
    assert list(range(1200)) == pd.read_csv(path)["n"].tolist()


# curl


def curl(*arguments: str) -> str:
    """What curl prints."""
    found = shutil.which("curl")
    if not found:
        pytest.skip("curl is not at hand")
    return subprocess.run(
        [found, "--silent", "--show-error", "--noproxy", "*", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    "how",
    [
        ("--get", "--data-urlencode", f"query={COUNTS}"),
        ("--data-urlencode", f"query={COUNTS}"),
        ("--header", "Content-Type: application/sparql-query", "--data-binary", COUNTS),
        ("--request", "QUERY", "--header", "Content-Type: application/sparql-query", "--data-binary", COUNTS),
        ("--compressed", "--data-urlencode", f"query={COUNTS}"),
        ("--http1.0", "--get", "--data-urlencode", f"query={COUNTS}"),
        ("--header", "Expect: 100-continue", "--data-urlencode", f"query={COUNTS}"),
        (
            "--header",
            "Transfer-Encoding: chunked",
            "--header",
            "Content-Type: application/sparql-query",
            "--data-binary",
            COUNTS,
        ),
    ],
    ids=lambda how: " ".join(how[:2]),
)
def test_curl_asks_in_every_way(service: str, how: tuple[str, ...]) -> None:
    assert ["s,n", f"{EX}a,7", f"{EX}b,8", f"{EX}c,9"] == curl(
        *how, "--header", "Accept: text/csv", f"{service}/sparql"
    ).splitlines()


def test_curl_fetches_a_graph_and_shows_headers_alone(service: str) -> None:
    assert (
        f'<{EX}c> <{EX}label> "three"@en .'
        in curl(
            "--header", "Accept: application/n-triples", f"{service}/rdf-graph-store?graph={EX}g"
        ).splitlines()
    )
    head = curl("--head", address(service, COUNTS)).lower()
    assert "200" in head.splitlines()[0]
    assert "content-type: application/sparql-results+json" in head
    assert "etag:" in head


def test_curl_writes_a_graph_with_the_token(written: str) -> None:
    graph, allowed = (
        f"{written}/rdf-graph-store?graph={EX}curl",
        ("--header", f"Authorization: Bearer {BEARER}"),
    )
    turtle = ("--header", "Content-Type: text/turtle", "--data-binary", f"<{EX}x> <{EX}p> 1 .")
    status = ("--output", "/dev/null", "--write-out", "%{http_code}")
    assert "401" == curl("--request", "PUT", *turtle, *status, graph)
    assert "201" == curl("--request", "PUT", *allowed, *turtle, *status, graph)
    assert f"<{EX}x>" in curl(graph)
    assert "204" == curl("--request", "DELETE", *allowed, *status, graph)
    assert "404" == curl(*status, graph)


# Comunica


def comunica(source: str, query: str) -> Any:
    """What Comunica makes of a query over one source."""
    node = shutil.which("node")
    if not node or not (COMUNICA / "node_modules" / "@comunica" / "query-sparql").is_dir():
        pytest.skip("Comunica is not at hand; run npm ci in tests/comunica where Node and npm are installed")
    command = [node, str(COMUNICA / "ask.mjs"), source, query]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == found.returncode, found.stderr
    return json.loads(found.stdout)


@pytest.mark.parametrize("source", ["{}/sparql", "{}/sparql/", "sparql@{}/sparql"])
def test_comunica_finds_out_that_it_is_an_endpoint_and_asks_it(service: str, source: str) -> None:
    found = comunica(source.format(service), COUNTS)
    assert [(f"{EX}a", "7"), (f"{EX}b", "8"), (f"{EX}c", "9")] == [
        (row["s"]["value"], row["n"]["value"]) for row in found
    ]


def test_comunica_reads_texts_graphs_and_booleans(service: str) -> None:
    assert [
        {"t": {"type": "Literal", "value": TEXT, "datatype": "http://www.w3.org/2001/XMLSchema#string"}}
    ] == comunica(f"{service}/sparql", TEXTS)
    assert {"one", "un", "two", "three"} == {triple[2] for triple in comunica(f"{service}/sparql", LABELS)}
    assert comunica(f"{service}/sparql", f"ASK {{ <{EX}a> ?p ?o }}") is True


def test_comunica_reads_a_file_of_the_service_too(service: str) -> None:
    assert [
        {"n": {"type": "Literal", "value": "9", "datatype": "http://www.w3.org/2001/XMLSchema#integer"}}
    ] == comunica(f"{service}/rdf-graph-store?graph={EX}g", f"SELECT ?n {{ ?s <{EX}count> ?n }}")


def test_comunica_finds_the_triples_of_a_thing_at_its_address(service: str) -> None:
    """It asks for N-Quads first, and looks for triples in the default graph."""
    assert [
        {"n": {"type": "Literal", "value": "9", "datatype": "http://www.w3.org/2001/XMLSchema#integer"}}
    ] == comunica(f"{service}/resource?iri={EX}c", f"SELECT ?n {{ <{EX}c> <{EX}count> ?n }}")


def test_the_lock_file_of_comunica_names_no_address_to_fetch_from() -> None:
    lock = json.loads((COMUNICA / "package-lock.json").read_text("utf-8"))
    assert 500 < len(lock["packages"])
    assert [] == [name for name, package in lock["packages"].items() if "resolved" in package]
    wanted = json.loads((COMUNICA / "package.json").read_text("utf-8"))
    assert (
        wanted["dependencies"]["@comunica/query-sparql"]
        == lock["packages"]["node_modules/@comunica/query-sparql"]["version"]
    )


# What others send


ACCEPTS: Final = {
    "YASGUI": ("application/sparql-results+json,*/*;q=0.9", SELECTS),
    "Python-urllib": (None, SELECTS),
    "a browser's fetch": ("*/*", SELECTS),
    "Jena": (
        "application/sparql-results+json, application/sparql-results+xml;q=0.9, text/csv;q=0.5, application/json;q=0.2, application/xml;q=0.2, */*;q=0.1",
        SELECTS,
    ),
    "RDF4J": (
        "application/x-binary-rdf-results-table;q=0.8, application/sparql-results+json;q=0.8, application/sparql-results+xml;q=1.0, */*;q=0.1",
        "application/sparql-results+xml",
    ),
    "rdflib": (
        "application/sparql-results+xml, application/rdf+xml, application/sparql-results+json;q=0.9, text/csv;q=0.8",
        "application/sparql-results+xml",
    ),
    "Comunica": ("application/sparql-results+json;q=1.0,application/sparql-results+xml;q=0.7", SELECTS),
    "Tarql's kind": ("text/csv; charset=utf-8", "text/csv"),
}


@pytest.mark.parametrize("who", ACCEPTS)
def test_the_accept_header_of_each_gets_a_table_that_it_reads(service: str, who: str) -> None:
    accept, expected = ACCEPTS[who]
    status, media_type, _ = get(address(service, COUNTS), {"Accept": accept} if accept else {})
    assert (200, expected) == (status, media_type)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/turtle,application/n-triples;q=0.9", "text/turtle"),
        (
            "application/n-quads,application/trig;q=0.9,application/ld+json;q=0.8,application/n-triples;q=0.7,text/turtle;q=0.6,*/*;q=0.1",
            "application/n-quads",
        ),
        ("text/turtle, application/rdf+xml;q=0.9, text/plain;q=0.8", "text/turtle"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("text/n3", "text/turtle"),
        ("*/*", "text/turtle"),
    ],
)
def test_the_accept_header_of_each_gets_a_graph_that_it_reads(
    service: str, accept: str, expected: str
) -> None:
    assert (200, expected) == get(address(service, LABELS), {"Accept": accept})[:2]


def test_a_trailing_slash_and_a_head_probe_make_no_redirect(service: str) -> None:
    host = urlsplit(service)
    for method in ("GET", "HEAD", "POST"):
        for path in ("/sparql", "/sparql/"):
            connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
            connection.request(method, f"{path}?{urlencode({'query': 'ASK {}'})}")
            reply = connection.getresponse()
            body = reply.read()
            assert 200 == reply.status
            assert (method == "HEAD") == (body == b"")
            connection.close()


def long_query(size: int) -> str:
    """A query of so many bytes in an address, percent-encoded."""
    base = COUNTS.replace("WHERE {", "WHERE { VALUES ?s { <LONG> UNDEF }")
    return base.replace("LONG", EX + "x" * (size - len(urlencode({"query": base})) - len(quote(EX, safe=""))))


@pytest.mark.parametrize("size", [1000, 8000, 30_000, 60_000])
def test_a_query_of_eight_thousand_bytes_fits_in_an_address_and_more_in_a_body(
    service: str, size: int
) -> None:
    query = long_query(size)
    encoded = urlencode({"query": query}).encode()
    assert size - 10 < len(encoded) < size + 10
    for status, _, body in (
        get(f"{service}/sparql", {}, encoded),
        get(f"{service}/sparql", {"Content-Type": "application/sparql-query"}, query.encode()),
        *([get(f"{service}/sparql?{encoded.decode()}")] if size <= 8000 else []),
    ):
        assert (200, 3) == (status, len(json.loads(body)["results"]["bindings"]))


def test_parameters_in_the_address_of_a_post_without_a_body_are_read(service: str) -> None:
    assert 200 == get(address(service, COUNTS), {}, b"", "POST")[0]
    assert (
        200
        == get(address(service, COUNTS), {"Content-Type": "application/x-www-form-urlencoded"}, b"", "POST")[
            0
        ]
    )


def test_form_values_are_decoded_once(service: str) -> None:
    _, _, body = get(f"{service}/sparql", {}, b"query=SELECT+%28%22%2541%2B%22+AS+%3Fs%29+%7B%7D")
    assert "%41+" == json.loads(body)["results"]["bindings"][0]["s"]["value"]


def test_unknown_parameters_of_other_services_are_ignored(service: str) -> None:
    more = {
        "timeout": "30",
        "infer": "true",
        "maxrows": "10",
        "debug": "on",
        "reasoning": "false",
        "explain": "0",
        "analytics": "1",
        "should-sponge": "",
    }
    assert 200 == get(address(service, COUNTS, **more))[0]


def test_an_error_is_told_to_a_tool_as_a_problem_and_to_a_browser_as_a_page(service: str) -> None:
    wrong = address(service, "SELECT * { ?s ?p }")
    assert (400, "application/problem+json") == get(wrong)[:2]
    assert (400, "text/html") == get(wrong, {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})[:2]
