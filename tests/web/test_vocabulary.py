"""The pages of the vocabulary.

Made from the snapshot's own Turtle, every term once, shapes and versions included, nothing fetched from
elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pyoxigraph as ox
import pytest
from pyoxigraph import RdfFormat

from r2p_kg.graph import explain, rdf, snapshot, vocab
from r2p_kg.web import create_app, diagram, glossary
from r2p_kg.web.index import Index
from tests import in_process

from .conftest import PREFIXES, small_library

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from r2p_kg.curate.build import Built
    from r2p_kg.web import Settings

    from .conftest import Counted

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def real(snapshot_of_the_checkout: Built, engine: Counted, settings: Settings) -> FlaskClient:
    """The real graph behind the pages; they never ask the engine, which holds another one."""
    return in_process.client(create_app(settings, snapshot_of_the_checkout.snapshot, engine, small_library()))


@pytest.fixture(scope="session")
def index(snapshot_of_the_checkout: Built) -> Index:
    return Index(snapshot_of_the_checkout.snapshot)


@pytest.fixture(scope="session")
def found(snapshot_of_the_checkout: Built, index: Index) -> glossary.Glossary:
    return glossary.of(index, explain.Explainer(snapshot_of_the_checkout.snapshot))


def entry(found: glossary.Glossary, name: str) -> glossary.Entry:
    (one,) = [one for one in found.entries() if one.name == name]
    return one


def fact(found: glossary.Glossary, name: str, title: str) -> list[str]:
    return [node.value for node in dict(entry(found, name).facts).get(title, ())]


def article(page: str, name: str) -> str:
    start = page.index(f'<article class="term" id="{name}"')
    return page[start : page.index("</article>", start)]


def test_the_vocabulary_comes_as_page_and_as_data(real: FlaskClient, browser: dict[str, str]) -> None:
    assert ("text/html", "/ns.html") == (
        real.get("/ns", headers=browser).mimetype,
        real.get("/ns", headers=browser).headers["Content-Location"],
    )
    term = f"<{vocab.NS}usedTool>"
    said = {}
    for kind, suffix in (
        ("text/turtle", ".ttl"),
        ("application/ld+json", ".jsonld"),
        ("application/rdf+xml", ".rdf"),
    ):
        reply = real.get("/ns", headers={"Accept": kind})
        assert (200, kind, f"/ns{suffix}") == (
            reply.status_code,
            reply.mimetype,
            reply.headers["Content-Location"],
        )
        form = RdfFormat.from_media_type(kind)
        assert form is not None
        said[kind] = {
            (str(quad.predicate), str(quad.object))
            for quad in ox.parse(reply.data, form)
            if str(quad.subject) == term
        }
    assert len(said["text/turtle"]) > 8
    assert said["text/turtle"] == said["application/ld+json"] == said["application/rdf+xml"]


def test_the_page_shows_every_term_of_ours_once(
    real: FlaskClient, browser: dict[str, str], index: Index
) -> None:
    page = real.get("/ns", headers=browser).text
    kinds = [vocab.OWL + name for name in ("Class", "ObjectProperty", "DatatypeProperty")]
    terms = {
        iri.removeprefix(vocab.NS)
        for kind in kinds
        for iri, _ in index.instances(kind)
        if iri.startswith(vocab.NS)
    }
    assert len(terms) > 150
    assert sorted(terms) == sorted(re.findall(r'<article class="term" id="(\w+)"', page))


def test_terms_stand_under_the_file_that_declares_them(found: glossary.Glossary) -> None:
    assert ["statements", "responses", "claims"] == [*found.modules][:3]
    assert {"Response", "Proposal", "usedTool"} <= {one.name for one in found.modules["responses"]}
    assert ["class", "relation", "attribute"] == list(
        dict.fromkeys(one.kind for one in found.modules["claims"])
    )


def test_a_term_has_label_definition_notes_source_domain_range_and_neighbours(
    found: glossary.Glossary,
) -> None:
    one = entry(found, "usedTool")
    assert ("used tool", "Relates a response to the tool that was used.", "relation") == (
        one.label,
        one.definition,
        one.kind,
    )
    assert [vocab.NS + "Response"] == fact(found, "usedTool", "leads from")
    assert [vocab.NS + "Tool"] == fact(found, "usedTool", "leads to")
    assert [vocab.NS + "concernsTool"] == fact(found, "usedTool", "a kind of")
    assert [vocab.NS + "toolOfResponse"] == fact(found, "usedTool", "inverse of")
    assert [vocab.NS + "usedTool"] == fact(found, "toolOfResponse", "inverse of")
    assert [vocab.ID + "un-sg-report-2015/para-8"] == fact(found, "usedTool", "source")
    assert vocab.NS + "usedTool" in fact(found, "Response", "relates further by")
    assert vocab.NS + "usedTool" in fact(found, "Tool", "reached by")
    assert [vocab.OWL + "TransitiveProperty"] == fact(found, "partOf", "characteristics")


def test_only_what_was_written_stands_as_hierarchy(found: glossary.Glossary, index: Index) -> None:
    assert vocab.NS + "concerns" in {
        node.value for node in index.values(vocab.NS + "usedTool", vocab.RDFS + "subPropertyOf")
    }
    assert [vocab.NS + "concernsTool"] == fact(found, "usedTool", "a kind of")
    (organization,) = [
        one
        for top in found.trees["class"]
        if top.iri == vocab.NS + "Actor"
        for one in top.branches
        if one.iri == vocab.NS + "Organization"
    ]
    assert [vocab.NS + "IntergovernmentalOrganization"] == [one.iri for one in organization.branches]
    assert vocab.NS + "Response" not in [top.iri for top in found.trees["class"]]


def test_a_chain_and_a_defined_class_are_shown_in_words(found: glossary.Glossary) -> None:
    assert [[vocab.NS + "situationOfResponse", vocab.NS + "usedTool"]] == [
        [step.value for step in chain] for chain in entry(found, "metWith").chains
    ]
    assert ("(r2p:Response and (r2p:usedBy some r2p:RegionalOrganization))",) == entry(
        found, "RegionalResponse"
    ).defined


def test_uses_are_counted_as_written_and_as_concluded(
    found: glossary.Glossary, snapshot_of_the_checkout: Built
) -> None:
    quads = rdf.quads_of(snapshot_of_the_checkout.snapshot.quads)
    used = [quad for quad in quads if quad.predicate.value == vocab.NS + "usedTool"]
    assert (len({quad.triple for quad in used}), 0) == entry(found, "usedTool").uses
    concluded = [quad for quad in quads if quad.predicate.value == vocab.NS + "metWith"]
    assert (0, len(concluded)) == entry(found, "metWith").uses
    assert len(concluded) > 10


def test_what_the_shapes_ask_of_a_class_stands_with_it(
    real: FlaskClient, browser: dict[str, str], found: glossary.Glossary
) -> None:
    asked = {
        (tuple(iri.removeprefix(vocab.NS) for row in one.path for iri in row), one.count): one
        for one in entry(found, "Response").asked
    }
    assert (("usedTool", "usedBy"), "at least one") in asked
    assert (("negated",), "none") in asked
    assert [vocab.STATED] == [node.value for node in asked[("modality",), ""].allowed]
    (barred,) = [one.barred for one in entry(found, "Proposal").asked if one.barred]
    assert [vocab.STATED] == [node.value for node in barred]
    modality = ((vocab.R2P_MODALITY, vocab.SKOS + "inScheme"),)
    assert [[vocab.ID + "scheme/modality"]] == [
        [node.value for node in one.allowed]
        for one in entry(found, "Statement").asked
        if one.path == modality
    ]
    text = article(real.get("/ns", headers=browser).text, "Response")
    assert "What each response must have" in text
    assert "add r2p:usedTool or r2p:usedBy" in text


def test_every_class_with_a_shape_has_its_demands_and_every_demand_a_repair(
    found: glossary.Glossary, index: Index
) -> None:
    targets = {
        node.value
        for shape, _ in index.instances(vocab.SH + "NodeShape")
        for node in index.values(shape, vocab.SH + "targetClass")
    }
    assert len(targets) > 20
    assert {one.iri for one in found.entries() if one.asked} == {
        iri for iri in targets if iri.startswith(vocab.NS)
    }
    assert all(
        one.path and one.repair and (one.count or one.allowed or one.barred or one.form)
        for each in found.entries()
        for one in each.asked
    )


def test_the_shapes_come_as_a_graph_of_their_own(real: FlaskClient) -> None:
    reply = real.get("/graph/shapes.ttl")
    said = {(str(quad.subject), quad.predicate.value) for quad in ox.parse(reply.data, RdfFormat.TURTLE)}
    assert (f"<{vocab.BASE}shape/ResponseShape>", vocab.SH + "targetClass") in said


def test_the_overview_is_drawn_from_domains_and_ranges(index: Index) -> None:
    shown = diagram.overview(index)
    assert shown is not None
    assert (vocab.R2P_PASSAGE, vocab.NS + "SourceDocument") == shown.evidence
    assert {"Response", "CrimeClaim", "Statistic"} <= {iri.removeprefix(vocab.NS) for iri in shown.kinds}
    assert not {"HedgedStatement", "DeniedStatement"} & {iri.removeprefix(vocab.NS) for iri in shown.kinds}
    assert diagram.Edge(vocab.R2P_STATEMENT, "concerns tool", vocab.NS + "Tool") in shown.edges


def test_the_drawing_is_svg_with_words_beside_it_and_neither_style_nor_script(
    real: FlaskClient, browser: dict[str, str], index: Index
) -> None:
    reply = real.get("/ns", headers=browser)
    (text,) = re.findall(r"<svg.*?</svg>", reply.text, re.DOTALL)
    drawing = ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314 - our own page
    assert "img" == drawing.get("role")
    named = {element.get("id") for element in drawing.iter() if element.get("id")}
    assert named == set((drawing.get("aria-labelledby") or "").split())
    shown = diagram.overview(index)
    assert shown is not None
    words = drawing.findtext(f"{SVG}desc") or ""
    labels = [element.text or "" for element in drawing.iter(f"{SVG}text")]
    assert len(labels) == len(shown.edges) + len(shown.kinds) + len(shown.evidence) + len(shown.things) + 1
    assert [] == [label for label in labels if label not in words]
    assert [] == [
        name
        for element in drawing.iter()
        for name in element.attrib
        if name in {"style", "href"} or name.startswith("on")
    ]
    _, _, width, height = map(float, (drawing.get("viewBox") or "").split())
    boxes = [
        {name: float(box.get(name) or 0) for name in ("x", "y", "width", "height")}
        for box in drawing.iter(f"{SVG}rect")
    ]
    assert [] == [
        box
        for box in boxes
        if box["x"] < 0
        or box["y"] < 0
        or box["x"] + box["width"] > width
        or box["y"] + box["height"] > height
    ]
    assert "unsafe-inline" not in reply.headers["Content-Security-Policy"]


def test_labels_in_the_drawing_are_text_not_markup() -> None:
    hostile = (
        "@prefix r2p: <https://w3id.org/r2p-kg/ns#> . @prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . "
        'r2p:Statement a owl:Class ; rdfs:label "</text><script>alert(1)</script>" . r2p:Odd rdfs:subClassOf r2p:Statement ; rdfs:label "<b>&odd" .'
    )
    small = Index(
        snapshot.Snapshot.of(rdf.canonical(rdf.parse_text(hostile, RdfFormat.TURTLE)), PREFIXES, {})
    )
    shown = diagram.overview(small)
    assert shown is not None
    drawn = diagram.draw(small, shown)
    assert "<script>" not in drawn
    assert "&lt;b&gt;&amp;odd" in drawn


def test_data_without_statements_have_no_drawing_and_no_terms(
    engine: Counted, settings: Settings, browser: dict[str, str]
) -> None:
    plain = snapshot.Snapshot.of(
        b"<http://example.org/a> <http://example.org/p> <http://example.org/b> .\n", {}, {}
    )
    page = in_process.client(create_app(settings, plain, engine, small_library())).get("/ns", headers=browser)
    assert 200 == page.status_code
    assert "This snapshot has no terms of the vocabulary." in page.text
    assert "<svg" not in page.text


def test_the_present_version_has_a_copy_under_its_own_address(
    real: FlaskClient, browser: dict[str, str], found: glossary.Glossary
) -> None:
    path = found.version.removeprefix(vocab.BASE.rstrip("/"))
    assert re.fullmatch(r"/ns/\d+\.\d+\.\d+", path)
    assert real.get("/ns.ttl").data == real.get(path).data == real.get(f"{path}.ttl").data
    assert real.get("/ns", headers=browser).data == real.get(path, headers=browser).data
    assert f"{path}.ttl" == real.get(path).headers["Content-Location"]
    assert f'<{path}.rdf>; rel="alternate"' in real.get(path).headers["Link"]
    assert "application/rdf+xml" == real.get(f"{path}.rdf", headers=browser).mimetype


def test_another_version_is_404_and_says_which_one_there_is(
    real: FlaskClient, client: FlaskClient, found: glossary.Glossary
) -> None:
    for path in ("/ns/0.0.9", "/ns/0.0.9.ttl"):
        reply = real.get(path)
        assert (404, "application/problem+json") == (reply.status_code, reply.mimetype)
        assert "does not hold version 0.0.9 of the vocabulary" in reply.json["detail"]
        assert f"/ns/{found.version.rpartition('/')[2]}" in reply.json["detail"]
    assert "its vocabulary has no version" in client.get("/ns/0.1.0").json["detail"]


def test_the_history_of_versions_stands_on_the_page(
    real: FlaskClient, browser: dict[str, str], found: glossary.Glossary
) -> None:
    rows = dict(found.versions)
    assert rows["history"][0].value.startswith(rows["version"][0].value + ", ")
    assert f"<dd>{rows['version'][0].value}" in re.sub(
        r'<span class="text"[^>]*>', "", real.get("/ns", headers=browser).text
    )


def test_every_link_within_the_page_has_its_anchor(real: FlaskClient, browser: dict[str, str]) -> None:
    page = real.get("/ns", headers=browser).text
    anchors = set(re.findall(r'id="([^"]+)"', page))
    linked = set(re.findall(r'href="(?:/ns)?#([^"]+)"', page))
    assert len(linked) > 150
    assert set() == linked - anchors
    assert len(re.findall(r'id="([^"]+)"', page)) == len(anchors)
