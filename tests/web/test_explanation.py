"""``/explain`` answers why a triple stands here, as JSON, Turtle or a page; pages of things lead to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from pyoxigraph import RdfFormat

from r2p_kg.curate import build, reasoning, sources
from r2p_kg.graph import rdf, snapshot, vocab
from r2p_kg.library import Library
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from r2p_kg.engine import Answer

WORLD = Path(__file__).parents[1] / "world"
CHAIN = "/explain?s=id:arvania-2020&p=r2p:metWith&o=id:arms-embargo"


class Silent:
    """An engine that nothing here asks."""

    def ask(self, query: str, **_arguments: object) -> Answer:
        """Never called."""
        raise AssertionError(query)

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture(scope="module")
def frozen() -> snapshot.Snapshot:
    corpus = sources.read(build.ontology_folder(), WORLD)
    return build.freeze(
        corpus,
        reasoning.closure((triple for source in corpus.sources for triple in source.triples), explained=True),
    )


@pytest.fixture
def client(frozen: snapshot.Snapshot) -> Iterator[FlaskClient]:
    with in_process.client(create_app(Settings(), frozen, Silent(), Library())) as client:
        yield client


def test_a_tool_gets_json_with_rules_premises_files_lines_and_passages(client: FlaskClient) -> None:
    reply = client.get(CHAIN)
    assert (200, "application/json") == (reply.status_code, reply.mimetype)
    way = reply.json["ways"][0]
    assert ("prp-spo2", "a chain of properties") == (way["rule"], way["meaning"])
    written = way["premises"][1]
    assert "facts/arvania-2020.ttl" == written["places"][0]["file"]
    assert [vocab.ID + "blue-report.para-1"] == written["sources"]


@pytest.mark.parametrize(
    ("query", "accept"), [("", "text/turtle"), ("&format=turtle", "*/*"), ("&format=ttl", "text/html")]
)
def test_turtle_is_had_by_header_and_by_name(client: FlaskClient, query: str, accept: str) -> None:
    reply = client.get(CHAIN + query, headers={"Accept": accept})
    assert (200, "text/turtle") == (reply.status_code, reply.mimetype)
    predicates = {quad.predicate.value for quad in rdf.parse_text(reply.data, RdfFormat.TURTLE)}
    assert {
        vocab.PROV + "wasDerivedFrom",
        vocab.PROV + "hadPrimarySource",
        vocab.DCTERMS + "identifier",
    } <= predicates


def test_a_browser_gets_a_tree_with_links_to_things_and_passages(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get(CHAIN, headers=browser).text
    assert 'href="/id/arvania-2020.response.embargo"' in page
    assert 'href="/id/blue-report.para-1"' in page
    assert "facts/arvania-2020.ttl:" in page
    assert "prp-spo2</a> (a chain of properties)" in page
    assert page.count("<ul") == page.count("</ul>")


def test_a_browser_that_names_nothing_gets_a_form_and_a_tool_is_told_what_is_missing(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    assert 'name="s"' in client.get("/explain", headers=browser).text
    reply = client.get("/explain?s=id:arvania-2020&p=a")
    assert (400, "o") == (reply.status_code, reply.json["parameter"])
    assert "lacks the object" in reply.json["detail"]


def test_a_triple_that_is_not_there_is_a_problem_that_says_so(client: FlaskClient) -> None:
    reply = client.get("/explain?s=id:arvania-2020&p=r2p:metWith&o=id:no-fly-zone")
    assert (404, "application/problem+json") == (reply.status_code, reply.mimetype)
    assert (
        "does not hold id:arvania-2020 r2p:metWith id:no-fly-zone, neither written nor entailed"
        in reply.json["detail"]
    )


def test_what_is_no_term_is_a_problem_that_names_the_parameter(client: FlaskClient) -> None:
    reply = client.get("/explain?s=id:arvania-2020&p=used tool&o=id:mediation")
    assert (400, "p") == (reply.status_code, reply.json["parameter"])
    assert "is no term" in reply.json["detail"]


def test_a_type_that_there_is_not_is_refused_with_those_there_are(client: FlaskClient) -> None:
    reply = client.get(CHAIN, headers={"Accept": "image/png"})
    assert 406 == reply.status_code
    assert "there is application/json, text/turtle, text/html" in reply.json["detail"]


def test_an_answer_is_tagged_and_not_sent_twice(client: FlaskClient) -> None:
    etag = client.get(CHAIN).headers["ETag"]
    assert 304 == client.get(CHAIN, headers={"If-None-Match": etag}).status_code
    assert etag != client.get(CHAIN + "&format=turtle").headers["ETag"]


def test_markup_in_a_term_is_no_markup_on_the_page(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/explain?s=<script>&p=a&o=%22<b>x</b>%22", headers=browser).text
    assert "<b>x</b>" not in page
    assert "<script>" not in page


def test_the_page_of_a_thing_asks_why_for_what_is_entailed_and_the_link_answers(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/id/arvania-2020", headers=browser).text
    link = f"/explain?s={quote(f'<{vocab.ID}arvania-2020>', safe='')}&amp;p={quote(f'<{vocab.NS}metWith>', safe='')}"
    assert link in page
    links = [
        part.partition('"')[0].replace("&amp;", "&")
        for part in page.split('href="')[1:]
        if part.startswith("/explain?s=")
    ]
    assert len(links) > 5
    assert {200} == {client.get(link).status_code for link in links}
