"""Names that the service reserves: a value that it does not know is an error, an unknown name is ignored."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask.testing import FlaskClient

SELECT = "SELECT ?s { ?s ?p ?o } LIMIT 1"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"

#: Every address that takes a format, with one that it has.
ADDRESSES = [
    ({"query": SELECT}, "/sparql", "csv"),
    ({"query": "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"}, "/sparql", "ttl"),
    ({}, "/queries/situation-responses", "csv"),
    ({}, "/queries", "json"),
    ({}, "/census", "json"),
    ({}, "/status", "json"),
    ({}, "/void", "ttl"),
    ({}, "/ns", "ttl"),
    ({}, "/id/arvania-2001", "ttl"),
    ({"default": ""}, "/rdf-graph-store", "ttl"),
    ({"s": "id:arvania-2001", "p": "rdf:type", "o": "r2p:Situation"}, "/explain", "ttl"),
]


@pytest.mark.parametrize(("fields", "path", "there_is"), ADDRESSES)
@pytest.mark.parametrize(("name", "accept"), list(product(["format", "output", "results"], ["*/*", BROWSER])))
def test_a_format_that_there_is_not_is_406_with_those_that_there_are(
    client: FlaskClient, fields: dict[str, str], path: str, there_is: str, name: str, accept: str
) -> None:
    reply = client.get(path, query_string={**fields, name: "xlsx"}, headers={"Accept": accept})
    assert 406 == reply.status_code
    assert ("text/html" if accept == BROWSER else "application/problem+json") == reply.mimetype
    assert "format=xlsx: there is no such format" in reply.text.lower()
    assert there_is in reply.text or "turtle" in reply.text
    assert 200 == client.get(path, query_string={**fields, name: there_is}).status_code
    assert 200 == client.get(path, query_string={**fields, "unknown": "xlsx"}).status_code or fields == {}


@pytest.mark.parametrize("value", ["ttl", "text/turtle", "nq"])
def test_a_format_of_another_kind_of_answer_is_406(client: FlaskClient, value: str) -> None:
    reply = client.get("/sparql", query_string={"query": SELECT, "format": value})
    assert 406 == reply.status_code
    assert (
        "cannot carry this answer; write one of json, xml, csv, tsv" in reply.get_json(force=True)["detail"]
    )


@pytest.mark.parametrize("value", ["HTML", "html", "text/html", " Html "])
@pytest.mark.parametrize(
    "path", ["/sparql", "/queries/situation-responses", "/id/arvania-2001", "/ns", "/void"]
)
def test_html_is_a_format_in_any_case(client: FlaskClient, value: str, path: str) -> None:
    reply = client.get(
        path, query_string={**({"query": SELECT} if path == "/sparql" else {}), "format": value}
    )
    assert (200, "text/html") == (reply.status_code, reply.mimetype)


def test_a_plus_sign_that_nobody_escaped_is_understood(client: FlaskClient) -> None:
    reply = client.get(f"/sparql?query={SELECT.replace(' ', '+')}&format=application/sparql-results+xml")
    assert (200, "application/sparql-results+xml") == (reply.status_code, reply.mimetype)


@pytest.mark.parametrize(
    "fields", [{"timeout": "soon"}, {"timeout": "nan"}, {"entailment": "some"}, {"entailment": "none,all"}]
)
def test_a_wrong_value_of_a_parameter_of_ours_is_an_error_that_names_it(
    client: FlaskClient, fields: dict[str, str]
) -> None:
    reply = client.get("/sparql", query_string={"query": SELECT, **fields})
    assert (400, *fields) == (reply.status_code, reply.get_json(force=True)["parameter"])


MARK = "\ufeff"


@pytest.mark.parametrize("method", ["GET", "POST", "QUERY"])
def test_a_byte_order_mark_before_a_query_says_nothing_however_it_is_sent(
    client: FlaskClient, method: str
) -> None:
    form = {"query_string" if method == "GET" else "data": {"query": MARK + SELECT}}
    assert 200 == client.open("/sparql", method=method, **form).status_code
    if method != "GET":
        body = (MARK + SELECT).encode()
        reply = client.open("/sparql", method=method, data=body, content_type="application/sparql-query")
        assert 200 == reply.status_code
