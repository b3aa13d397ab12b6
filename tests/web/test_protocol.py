"""``/sparql`` speaks the SPARQL 1.1 Protocol, to tools and to people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyoxigraph as ox
import pytest

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from flask.testing import FlaskClient

SELECT = "SELECT ?s WHERE { ?s a <https://w3id.org/r2p-kg/ns#Situation> } ORDER BY ?s"
CONSTRUCT = "CONSTRUCT { ?s a <http://example.org/S> } WHERE { ?s a <https://w3id.org/r2p-kg/ns#Situation> }"
FORM = "application/x-www-form-urlencoded"
DIRECT = "application/sparql-query"


def rows(reply: Any) -> list[str]:
    """The values of ``?s``."""
    return [row["s"]["value"] for row in json.loads(reply.data)["results"]["bindings"]]


SITUATIONS = [vocab.ID + "arvania-2001", vocab.ID + "borland-1999"]


def test_a_query_in_the_address_is_answered_as_sparql_json(client: FlaskClient) -> None:
    reply = client.get("/sparql", query_string={"query": SELECT})
    assert (200, "application/sparql-results+json") == (reply.status_code, reply.content_type)
    assert SITUATIONS == rows(reply)


@pytest.mark.parametrize("method", ["POST", "QUERY"])
def test_a_query_may_be_sent_as_a_form_or_as_the_body(client: FlaskClient, method: str) -> None:
    assert SITUATIONS == rows(client.open("/sparql", method=method, data={"query": SELECT}))
    assert SITUATIONS == rows(client.open("/sparql", method=method, data=SELECT, content_type=DIRECT))
    assert SITUATIONS == rows(
        client.open("/sparql", method=method, data=SELECT.encode(), content_type=f"{DIRECT}; charset=utf-8")
    )


def test_a_post_may_carry_its_parameters_in_the_address(client: FlaskClient) -> None:
    assert SITUATIONS == rows(client.post("/sparql", query_string={"query": SELECT}))


def test_a_trailing_slash_makes_no_redirect(client: FlaskClient) -> None:
    assert 200 == client.get("/sparql/", query_string={"query": SELECT}).status_code
    assert 200 == client.post("/sparql/", data={"query": SELECT}).status_code


def test_form_values_are_decoded_once(client: FlaskClient) -> None:
    reply = client.post("/sparql", data="query=SELECT+%28%22%2541%2B%22+AS+%3Fs%29+%7B%7D", content_type=FORM)
    assert ["%41+"] == rows(reply)


def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient) -> None:
    head, get = (
        client.open("/sparql", method=method, query_string={"query": SELECT}) for method in ("HEAD", "GET")
    )
    assert b"" == head.data
    assert (get.status_code, get.content_type, get.headers["ETag"], get.headers["Content-Length"]) == (
        head.status_code,
        head.content_type,
        head.headers["ETag"],
        head.headers["Content-Length"],
    )


def test_options_answers_a_preflight_that_browsers_may_keep(client: FlaskClient) -> None:
    reply = client.options(
        "/sparql", headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    )
    assert 200 == reply.status_code
    assert "*" == reply.headers["Access-Control-Allow-Origin"]
    assert "Access-Control-Allow-Credentials" not in reply.headers
    assert {"GET", "POST", "QUERY", "HEAD", "OPTIONS"} <= set(
        reply.headers["Access-Control-Allow-Methods"].split(", ")
    )
    assert "86400" == reply.headers["Access-Control-Max-Age"]
    assert "QUERY" in reply.headers["Allow"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/sparql-results+json"),
        ("*/*", "application/sparql-results+json"),
        ("application/sparql-results+json,*/*;q=0.9", "application/sparql-results+json"),
        ("application/sparql-results+xml", "application/sparql-results+xml; charset=utf-8"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        ("text/csv;q=0.1, application/sparql-results+xml", "application/sparql-results+xml; charset=utf-8"),
        ("text/html;q=0.2, text/csv", "text/csv; charset=utf-8"),
    ],
)
def test_the_format_of_a_table_is_negotiated(client: FlaskClient, accept: str | None, expected: str) -> None:
    reply = client.get(
        "/sparql", query_string={"query": SELECT}, headers={"Accept": accept} if accept else {}
    )
    assert expected == reply.content_type
    assert "Accept" in reply.headers["Vary"]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/turtle,application/n-triples;q=0.9", ox.RdfFormat.TURTLE),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
        ("application/ld+json", ox.RdfFormat.JSON_LD),
    ],
)
def test_the_format_of_a_graph_is_negotiated(client: FlaskClient, accept: str, form: ox.RdfFormat) -> None:
    reply = client.get("/sparql", query_string={"query": CONSTRUCT}, headers={"Accept": accept})
    assert accept.split(",", maxsplit=1)[0] == reply.mimetype
    assert set(SITUATIONS) == {quad.subject.value for quad in ox.parse(reply.data, form)}


@pytest.mark.parametrize("name", ["format", "output", "results"])
def test_a_parameter_asks_for_a_format_by_any_of_its_names(client: FlaskClient, name: str) -> None:
    assert "text/csv" == client.get("/sparql", query_string={"query": SELECT, name: "csv"}).mimetype


def test_what_sparqlwrapper_sends_is_understood(client: FlaskClient) -> None:
    sent = {"query": SELECT, "format": "json", "output": "json", "results": "json"}
    accept = "application/sparql-results+json,application/json,text/javascript,application/javascript"
    assert SITUATIONS == rows(
        client.get(
            "/sparql", query_string=sent, headers={"Accept": accept, "User-Agent": "Python-urllib/3.11"}
        )
    )


def test_what_cannot_be_produced_is_406_and_says_what_can(client: FlaskClient) -> None:
    reply = client.get("/sparql", query_string={"query": SELECT}, headers={"Accept": "image/png"})
    assert (406, "application/problem+json") == (reply.status_code, reply.content_type)
    assert "text/csv" in reply.json["detail"]


def test_the_dataset_may_be_chosen(client: FlaskClient) -> None:
    count = "SELECT (COUNT(*) AS ?s) WHERE { ?a ?b ?c }"
    whole, one, two = (
        int(rows(client.get("/sparql", query_string={"query": count, "default-graph-uri": graphs}))[0])
        for graphs in ([], [vocab.ENTAILED_GRAPH], [vocab.ENTAILED_GRAPH, vocab.GRAPH + "facts/arvania"])
    )
    assert 2 == one < two < whole
    named = "SELECT DISTINCT ?s WHERE { GRAPH ?s { ?a ?b ?c } }"
    assert [vocab.ENTAILED_GRAPH] == rows(
        client.get("/sparql", query_string={"query": named, "named-graph-uri": vocab.ENTAILED_GRAPH})
    )


def test_unknown_parameters_are_ignored(client: FlaskClient) -> None:
    assert SITUATIONS == rows(client.get("/sparql", query_string={"query": SELECT, "debug": "on", "_": "1"}))


@pytest.mark.parametrize("value", ["", "0", "-1", "3", "3000"])
def test_a_timeout_lowers_the_deadline_and_never_raises_it(client: FlaskClient, value: str) -> None:
    assert SITUATIONS == rows(client.get("/sparql", query_string={"query": SELECT, "timeout": value}))


def test_a_query_over_its_deadline_is_503_and_the_next_is_answered(client: FlaskClient) -> None:
    product = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
    reply = client.get("/sparql", query_string={"query": product, "timeout": "0.3"})
    assert (503, vocab.PROBLEM + "timeout") == (reply.status_code, reply.json["type"])
    assert SITUATIONS == rows(client.get("/sparql", query_string={"query": SELECT}))


def test_an_answer_over_the_row_limit_is_an_error_and_no_part_of_it(client: FlaskClient) -> None:
    reply = client.get("/sparql", query_string={"query": "SELECT * WHERE { ?a ?b ?c . ?d ?e ?f } LIMIT 5001"})
    assert (413, vocab.PROBLEM + "answer-too-large") == (reply.status_code, reply.json["type"])


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (400, {"method": "GET", "query_string": [("query", SELECT), ("query", SELECT)]}),
        (400, {"method": "POST", "query_string": {"query": SELECT}, "data": SELECT, "content_type": DIRECT}),
        (400, {"method": "POST", "query_string": {"query": SELECT}, "data": {"query": SELECT}}),
        (400, {"method": "GET", "query_string": {"format": "json"}}),
        (400, {"method": "POST", "data": {"format": "json"}}),
        (400, {"method": "POST"}),
        (400, {"method": "GET", "path": "/sparql?query=SELECT%20%FF"}),
        (400, {"method": "POST", "data": b"SELECT \xff", "content_type": DIRECT}),
        (400, {"method": "POST", "data": b"query=%ff", "content_type": FORM}),
        (400, {"method": "GET", "query_string": {"query": "SELECT nothing"}}),
        (
            400,
            {"method": "GET", "query_string": {"query": SELECT, "using-graph-uri": "http://example.org/g"}},
        ),
        (400, {"method": "GET", "query_string": {"query": SELECT, "timeout": "soon"}}),
        (400, {"method": "GET", "query_string": "&".join(f"a{n}=1" for n in range(300))}),
        (403, {"method": "POST", "data": {"update": "CLEAR ALL"}}),
        (403, {"method": "GET", "query_string": {"update": "CLEAR ALL"}}),
        (403, {"method": "POST", "data": "CLEAR ALL", "content_type": "application/sparql-update"}),
        (405, {"method": "PUT", "query_string": {"query": SELECT}}),
        (405, {"method": "DELETE"}),
        (413, {"method": "POST", "data": {"query": "#" * 70_000}}),
        (413, {"method": "POST", "data": b"#" * 70_000, "content_type": DIRECT}),
        (415, {"method": "POST", "data": SELECT, "content_type": "text/plain"}),
        (415, {"method": "POST", "data": b"{}", "content_type": "application/json"}),
        (415, {"method": "POST", "data": {"query": SELECT}, "content_type": "multipart/form-data"}),
    ],
)
def test_what_the_protocol_forbids_is_the_clients_fault(
    client: FlaskClient, status: int, arguments: dict[str, Any]
) -> None:
    reply = client.open(**{"path": "/sparql", **arguments})
    assert (status, "application/problem+json") == (reply.status_code, reply.content_type)


def test_an_update_in_the_place_of_a_query_is_refused(client: FlaskClient) -> None:
    reply = client.post("/sparql", data={"query": "INSERT DATA { <a:b> <a:b> <a:b> }"})
    assert reply.status_code in {400, 403}


def test_a_service_call_is_refused_before_it_is_evaluated(client: FlaskClient) -> None:
    reply = client.get(
        "/sparql", query_string={"query": "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"}
    )
    assert reply.status_code in {400, 403}
    assert vocab.PROBLEM + "query-refused" == reply.json["type"]


def test_a_syntax_error_says_where(client: FlaskClient) -> None:
    reply = client.get("/sparql", query_string={"query": "SELECT ?s\nWHERE { ?s ?p }"})
    assert 400 == reply.status_code
    assert vocab.PROBLEM + "syntax-error" == reply.json["type"]
    assert 2 == reply.json["line"]
    assert "WHERE { ?s ?p }" == reply.json["text"]


def test_a_body_of_the_largest_allowed_length_is_answered(client: FlaskClient) -> None:
    query = f"{SELECT}\n#{'x' * 9000}"
    assert SITUATIONS == rows(client.post("/sparql", data={"query": query}))
    assert SITUATIONS == rows(client.get("/sparql", query_string={"query": query[:8000]}))


def test_the_same_question_has_the_same_tag_and_is_not_asked_again(client: FlaskClient, engine: Any) -> None:
    first = client.get("/sparql", query_string={"query": SELECT})
    asked = engine.asked
    again = client.get(
        "/sparql", query_string={"query": SELECT}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (304, b"", first.headers["ETag"]) == (again.status_code, again.data, again.headers["ETag"])
    assert asked == engine.asked
    assert not first.headers["ETag"].startswith("W/")
    other = client.get(
        "/sparql",
        query_string={"query": SELECT, "format": "csv"},
        headers={"If-None-Match": first.headers["ETag"]},
    )
    assert 200 == other.status_code
    assert (
        first.headers["ETag"]
        != client.get(
            "/sparql", query_string={"query": SELECT, "default-graph-uri": vocab.ENTAILED_GRAPH}
        ).headers["ETag"]
    )


def test_an_answer_that_differs_each_time_is_not_kept(client: FlaskClient) -> None:
    reply = client.get("/sparql", query_string={"query": "SELECT (RAND() AS ?s) {}"})
    assert "ETag" not in reply.headers
    assert "no-store" == reply.headers["Cache-Control"]


def test_without_a_query_a_tool_gets_the_service_description(client: FlaskClient) -> None:
    for accept in (None, "*/*", "text/turtle", "application/rdf+xml"):
        reply = client.get("/sparql", headers={"Accept": accept} if accept else {})
        assert 200 == reply.status_code
        form = ox.RdfFormat.from_media_type(reply.mimetype)
        assert any(
            quad.object.value == vocab.SD + "Service"
            for quad in ox.parse(reply.data, form)
            if quad.predicate.value == vocab.RDF_TYPE
        )


def test_without_a_query_a_tool_that_expects_a_table_is_told_so(client: FlaskClient) -> None:
    reply = client.get("/sparql", headers={"Accept": "application/sparql-results+json"})
    assert (400, "query") == (reply.status_code, reply.json["parameter"])


def test_a_browser_gets_a_form_that_needs_no_script(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/sparql", headers=browser)
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.content_type)
    assert '<textarea id="query" name="query"' in page.text
    assert '<label for="query">' in page.text
    assert "<script" not in page.text


def test_a_browser_gets_the_answer_as_a_table_with_labels_and_links(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/sparql", query_string={"query": SELECT}, headers=browser)
    assert 200 == page.status_code
    assert (
        '<a href="/id/arvania-2001" title="https://w3id.org/r2p-kg/id/arvania-2001">Arvania 2001</a>'
        in page.text
    )
    assert "2 rows" in page.text


def test_the_form_can_ask_for_data_from_a_browser(client: FlaskClient, browser: dict[str, str]) -> None:
    assert (
        "text/csv"
        == client.get(
            "/sparql", query_string={"query": SELECT, "format": "text/csv"}, headers=browser
        ).mimetype
    )
    assert "text/html" == client.get("/sparql", query_string={"query": SELECT, "format": "html"}).mimetype


def test_a_long_table_says_how_much_of_it_is_shown(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get(
        "/sparql",
        query_string={"query": "SELECT ?o WHERE { ?s <http://example.org/p> ?o } LIMIT 100"},
        headers=browser,
    )
    assert "100 rows, " in page.text
    assert "of which" not in page.text
    long = client.get(
        "/sparql", query_string={"query": "SELECT ?s ?p ?o WHERE { ?s ?p ?o } LIMIT 150"}, headers=browser
    )
    assert "150 rows, of which the first 100 are shown; the download has all of them" in long.text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("ASK {}", "<strong>Yes</strong>"),
        ("ASK { <a:b> <a:b> <a:b> }", "<strong>No</strong>"),
        (CONSTRUCT, "Arvania 2001"),
    ],
)
def test_every_form_of_query_has_a_page(
    client: FlaskClient, browser: dict[str, str], query: str, shown: str
) -> None:
    assert shown in client.get("/sparql", query_string={"query": query}, headers=browser).text


def test_a_wrong_query_comes_back_to_a_browser_with_its_error_and_the_form(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/sparql", query_string={"query": "SELECT ?s\nWHERE { ?s <script> }"}, headers=browser)
    assert (400, "text/html; charset=utf-8") == (page.status_code, page.content_type)
    assert "The query has a syntax error" in page.text
    assert "WHERE { ?s &lt;script&gt; }</textarea>" in page.text


ENTAILED_OR_NOT = (
    "ASK { <https://w3id.org/r2p-kg/id/arvania-2001> <https://w3id.org/r2p-kg/ns#mentionedIn> ?passage }"
)
WRITTEN_OR_NOT = "ASK { <https://w3id.org/r2p-kg/id/arvania-2001> a ?class }"


def asked(client: FlaskClient, query: str, **parameters: str) -> bool:
    reply = client.get(
        "/sparql",
        query_string={"query": query, **parameters},
        headers={"Accept": "application/sparql-results+json"},
    )
    assert 200 == reply.status_code, reply.text
    assert reply.json is not None
    return bool(reply.json["boolean"])


@pytest.mark.parametrize("parameters", [{}, {"entailment": ""}, {"entailment": "all"}])
def test_a_query_sees_what_is_entailed_by_default(client: FlaskClient, parameters: dict[str, str]) -> None:
    assert asked(client, ENTAILED_OR_NOT, **parameters)


def test_entailment_none_leaves_out_what_is_entailed_from_the_default_graph_and_the_named_ones(
    client: FlaskClient,
) -> None:
    assert not asked(client, ENTAILED_OR_NOT, entailment="none")
    assert asked(client, WRITTEN_OR_NOT, entailment="none")
    assert asked(
        client, "ASK { GRAPH <https://w3id.org/r2p-kg/graph/facts/arvania> { ?s ?p ?o } }", entailment="none"
    )
    assert not asked(
        client, "ASK { GRAPH <https://w3id.org/r2p-kg/graph/entailed> { ?s ?p ?o } }", entailment="none"
    )


def test_a_dataset_of_the_protocol_or_of_the_query_wins_over_entailment_none(client: FlaskClient) -> None:
    entailed = "https://w3id.org/r2p-kg/graph/entailed"
    assert asked(client, ENTAILED_OR_NOT, entailment="none", **{"default-graph-uri": entailed})
    assert asked(client, ENTAILED_OR_NOT.replace("ASK", f"ASK FROM <{entailed}>"), entailment="none")


def test_another_entailment_is_refused_and_a_broken_query_keeps_its_own_error(client: FlaskClient) -> None:
    reply = client.get("/sparql", query_string={"query": "ASK {}", "entailment": "rdfs"})
    assert (400, "entailment") == (reply.status_code, (reply.json or {})["parameter"])
    broken = client.get("/sparql", query_string={"query": "SELEKT * {}", "entailment": "none"})
    assert (400, 1) == (broken.status_code, (broken.json or {})["line"])


def test_answers_with_and_without_entailment_have_tags_of_their_own(client: FlaskClient) -> None:
    tags = {
        client.get("/sparql", query_string={"query": ENTAILED_OR_NOT, **more}).headers["ETag"]
        for more in ({}, {"entailment": "none"})
    }
    assert 2 == len(tags)
