"""Linked-data pages: what the snapshot says of a thing, in every form, with nothing of it trusted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pyoxigraph as ox
import pytest

from r2p_kg.graph import jsonld, rdf, vocab
from r2p_kg.web import resources, terms
from r2p_kg.web.index import Index

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from r2p_kg.graph.snapshot import Snapshot

TALKS = vocab.ID + "arvania.response.talks"


def triples(data: bytes, media_type: str) -> set[tuple[str, str, str]]:
    """What a document says, as text."""
    form = ox.RdfFormat.from_media_type(media_type)
    assert form is not None
    # Comunica and others ask for N-Quads first and look at the default graph alone.
    assert all(isinstance(quad.graph_name, ox.DefaultGraph) for quad in ox.parse(data, form))
    return {(str(quad.subject), str(quad.predicate), str(quad.object)) for quad in ox.parse(data, form)}


@pytest.mark.parametrize("suffix", [".ttl", ".nt", ".rdf", ".jsonld", ".nq", ".trig"])
def test_a_suffix_decides_the_form_and_every_form_says_the_same(client: FlaskClient, suffix: str) -> None:
    reply = client.get(f"/id/arvania-2001{suffix}", headers={"Accept": "text/html"})
    assert 200 == reply.status_code
    assert triples(client.get("/id/arvania-2001.nt").data, "application/n-triples") == triples(
        reply.data, reply.mimetype
    )


def test_the_form_is_negotiated_where_there_is_no_suffix(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    assert "text/html" == client.get("/id/arvania-2001", headers=browser).mimetype
    turtle = client.get("/id/arvania-2001")
    assert ("text/turtle", "/id/arvania-2001.ttl") == (turtle.mimetype, turtle.headers["Content-Location"])
    assert "Accept" in turtle.headers["Vary"]
    linked = client.get("/id/arvania-2001", headers={"Accept": "application/ld+json"})
    assert ("application/ld+json", "/id/arvania-2001.jsonld") == (
        linked.mimetype,
        linked.headers["Content-Location"],
    )
    assert '</id/arvania-2001.rdf>; rel="alternate"; type="application/rdf+xml"' in turtle.headers["Link"]
    assert 406 == client.get("/id/arvania-2001", headers={"Accept": "image/png"}).status_code


def test_a_description_has_what_is_said_of_it_what_leads_to_it_and_the_names_of_all(
    client: FlaskClient,
) -> None:
    found = triples(client.get("/id/arvania-2001.nt").data, "application/n-triples")
    situation = f"<{vocab.ID}arvania-2001>"
    assert (situation, f"<{vocab.RDFS_LABEL}>", '"Arvania 2001"@en') in found
    assert (f"<{TALKS}>", f"<{vocab.NS}about>", situation) in found
    assert (f"<{vocab.NS}Situation>", f"<{vocab.RDFS_LABEL}>", '"situation"@en') in found


def test_dots_in_a_name_are_part_of_it(client: FlaskClient) -> None:
    assert 200 == client.get("/id/arvania.response.talks").status_code
    assert "text/turtle" == client.get("/id/arvania.response.talks.ttl").mimetype


def test_literals_are_those_of_the_snapshot_not_of_the_store(client: FlaskClient) -> None:
    reply = client.get("/resource", query_string={"iri": "http://example.org/evil", "format": "nt"})
    assert b'"01"^^<http://www.w3.org/2001/XMLSchema#integer>' in reply.data
    assert b'"1.50"^^<http://www.w3.org/2001/XMLSchema#decimal>' in reply.data


def test_a_blank_node_comes_with_what_is_said_of_it(client: FlaskClient) -> None:
    found = triples(
        client.get("/resource", query_string={"iri": vocab.NS + "Response", "format": "nt"}).data,
        "application/n-triples",
    )
    assert any(predicate == f"<{vocab.OWL}someValuesFrom>" for _, predicate, _ in found)


def test_a_statement_shows_its_sentence_passage_and_hedges_first(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/id/arvania.response.talks", headers=browser).text
    assert "<h1>The council &lt;b&gt;held&lt;/b&gt; talks.</h1>" in page
    warrant = page[page.index('<dl class="warrant">') :]
    warrant = warrant[: warrant.index("</dl>")]
    assert (
        '<a href="/id/report/para-1" title="https://w3id.org/r2p-kg/id/report/para-1">Report, para. 1</a>'
        in warrant
    )
    assert "alleged" in warrant
    assert "Negated" in warrant


def test_a_passage_lists_its_statements_with_their_hedges(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/id/report/para-1", headers=browser).text
    listed = page[
        page.index('<ul class="statements">') : page.index("</ul>", page.index('<ul class="statements">'))
    ]
    assert "/id/arvania.response.talks" in listed
    assert '<span class="chip">alleged</span> <span class="chip">negated</span>' in listed
    assert "No statement cites this passage." in client.get("/id/report/para-2", headers=browser).text


def test_english_labels_come_before_others(client: FlaskClient, browser: dict[str, str]) -> None:
    assert "<h1>Arvania 2001</h1>" in client.get("/id/arvania-2001", headers=browser).text


def test_a_page_names_the_graph_of_each_statement(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/id/arvania-2001", headers=browser).text
    assert 'href="/graph/facts/arvania"' in page
    assert '<a class="graph" href="/graph/entailed"' in page


def test_what_nobody_speaks_of_is_404(client: FlaskClient, browser: dict[str, str]) -> None:
    for path in (
        "/id/nowhere",
        "/id/nowhere.ttl",
        "/graph/none",
        "/ns/9.9",
        "/ns.xyz",
        "/resource?iri=http://example.org/none",
    ):
        assert (404, "application/problem+json") == (
            client.get(path).status_code,
            client.get(path).content_type,
        )
        assert (404, "text/html") == (
            client.get(path, headers=browser).status_code,
            client.get(path, headers=browser).mimetype,
        )
    assert 400 == client.get("/resource").status_code


def test_a_graph_has_a_page_and_its_triples(client: FlaskClient, browser: dict[str, str]) -> None:
    assert "What this graph describes" in client.get("/graph/facts/arvania", headers=browser).text
    found = triples(client.get("/graph/entailed.nt").data, "application/n-triples")
    assert (f"<{vocab.ID}arvania-2001>", f"<{vocab.NS}mentionedIn>", f"<{vocab.ID}report/para-1>") in found


def test_many_links_are_counted_and_paged_and_none_is_left_out(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    """250 things lead to one.

    The page shows some and says how many there are, its pages together show all.
    """
    hub = {"iri": "http://example.org/hub"}
    first = client.get("/resource", query_string=hub, headers=browser).text
    assert ">All 250</a>" in first
    shown: set[str] = set()
    for page in (1, 2, 3):
        text = client.get(
            "/resource", query_string={**hub, "in": "http://example.org/to", "page": page}, headers=browser
        ).text
        assert f"page {page} of 3" in text
        shown |= set(re.findall(r'title="(http://example\.org/m[0-9]+)"', text))
    assert 250 == len(shown)


def test_a_document_with_many_links_names_its_next_page(client: FlaskClient) -> None:
    reply = client.get("/resource", query_string={"iri": "http://example.org/hub", "format": "nt"})
    assert 250 == reply.text.count("<http://example.org/to>")
    assert 'rel="next"' not in reply.headers["Link"]


def test_a_link_in_the_data_is_never_a_script(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/resource", query_string={"iri": "http://example.org/evil"}, headers=browser)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert not [
        target
        for target in re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
        if not target.startswith(("/", "http://", "https://", "#", "?"))
    ]
    assert 'href="https://elsewhere.example/x"' in page.text
    assert 'rel="external noopener noreferrer nofollow"' in page.text


@pytest.mark.parametrize(
    ("iri", "there"),
    [
        ("https://w3id.org/r2p-kg/id/a b", "/id/a%20b"),
        ("https://w3id.org/r2p-kg/id/é", "/id/%C3%A9"),
        ("https://w3id.org/r2p-kg/ns#says", "/ns#says"),
        ("https://w3id.org/r2p-kg/problem/x", None),
        ("https://w3id.org/r2p-kg.evil/id/x", None),
        ("javascript:alert(1)", None),
    ],
)
def test_only_our_own_iris_have_a_local_address(iri: str, there: str | None) -> None:
    assert there == terms.local(iri)


@pytest.mark.parametrize(
    "iri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "JaVaScRiPt:x",
        "//evil.example",
        "http:",
        "http://[bad",
        "ftp://a.example/",
        "mailto:a@b.example",
    ],
)
def test_only_web_addresses_lead_out(iri: str) -> None:
    assert None is terms.external(iri)


def test_json_ld_is_read_back_as_the_same_triples(world: Snapshot) -> None:
    quads = rdf.quads_of(world.quads)
    document = jsonld.write(quads, world.prefixes)
    expected = {ox.Quad(quad.subject, quad.predicate, quad.object) for quad in quads}
    assert rdf.canonical(expected) == rdf.canonical(ox.parse(document, ox.RdfFormat.JSON_LD))
    assert b'"@context"' in document
    assert b'"id:arvania-2001"' in document


def test_an_index_knows_subjects_objects_graphs_and_labels(world: Snapshot) -> None:
    index = Index(world)
    assert index.knows("http://example.org/n7")
    assert index.knows(vocab.ENTAILED_GRAPH)
    assert not index.knows(vocab.ID + "nothing")
    assert "ex:n7" == index.label("http://example.org/n7")
    assert [
        (vocab.ID + "arvania-2001", "Arvania 2001"),
        (vocab.ID + "borland-1999", "Borland 1999"),
    ] == index.instances(vocab.NS + "Situation")
    assert frozenset({vocab.NS + "Situation"}) == index.types(vocab.ID + "arvania-2001")
    assert sum(index.graphs().values()) == len(rdf.quads_of(world.quads))


def test_the_vocabulary_is_a_page_with_an_anchor_for_each_term_and_a_document(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/ns", headers=browser).text
    for name in ("Statement", "Response", "cites", "says"):
        assert f'<article class="term" id="{name}"' in page
    assert "What a source says." in page
    for suffix in (".ttl", ".nt", ".rdf", ".jsonld"):
        reply = client.get(f"/ns{suffix}")
        assert (f"<{vocab.NS}says>", f"<{vocab.RDFS_LABEL}>", '"says"@en') in triples(
            reply.data, reply.mimetype
        )
    assert "/ns.ttl" == client.get("/ns").headers["Content-Location"]


def test_every_link_of_the_main_pages_leads_somewhere(client: FlaskClient, browser: dict[str, str]) -> None:
    """Walk the service as a reader would, two steps deep, and find no dead link."""
    seen: set[str] = set()
    todo = [(path, 0) for path in ("/", "/id/arvania-2001", "/id/arvania.response.talks")]
    while todo:
        path, depth = todo.pop()
        reply = client.get(path, headers=browser)
        assert 200 == reply.status_code, path
        if depth < 2 and reply.mimetype == "text/html" and len(seen) < 400:
            links = {
                link.replace("&amp;", "&").split("#")[0]
                for link in re.findall(r'href="(/[^"]*)"', reply.text)
            }
            todo += [(link, depth + 1) for link in sorted(links - seen)]
            seen |= links
    assert len(seen) > 40


def test_an_address_with_escaped_letters_finds_the_same_thing(client: FlaskClient) -> None:
    assert 200 == client.get("/id/" + quote("arvania-2001").replace("a", "%61")).status_code


@pytest.mark.parametrize("path", ["/ns", "/graph/schema", "/graph/facts/arvania"])
def test_every_form_of_a_graph_says_the_same_in_the_default_graph(client: FlaskClient, path: str) -> None:
    forms = {kind: suffix for suffix, kind in resources.SUFFIXES.items() if suffix != ".html"}
    found = [triples(client.get(path + suffix).data, kind) for kind, suffix in forms.items()]
    named = [{triple for triple in one if "_:" not in triple[0] + triple[2]} for one in found]
    assert len(named[0]) > 3
    assert [named[0]] * 6 == named


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "1.5", "٣x"])
def test_a_page_that_there_cannot_be_is_an_error(client: FlaskClient, page: str) -> None:
    reply = client.get("/resource", query_string={"iri": "http://example.org/hub", "page": page})
    assert (400, "page") == (reply.status_code, reply.get_json(force=True)["parameter"])
