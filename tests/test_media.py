"""Negotiation of formats, as RFC 9110, section 12.5.1 says and as real clients ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2p_kg import media
from r2p_kg.errors import NotAcceptableError

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

ACCEPTED = [
    (None, "select", "json", "no header: the default"),
    ("", "select", "json", "an empty header is no header"),
    ("*/*", "select", "json", "curl"),
    ("*/*", "graph", "turtle", "curl"),
    ("application/sparql-results+json,*/*;q=0.9", "select", "json", "YASGUI"),
    ("application/sparql-results+json,*/*;q=0.9", "graph", "turtle", "YASGUI sends it for CONSTRUCT too"),
    ("text/turtle,application/n-triples;q=0.9", "graph", "turtle", "Comunica, RDF4J"),
    ("text/turtle;q=0.5,application/n-triples;q=0.9", "graph", "nt", "q-values decide"),
    ("application/sparql-results+xml", "select", "xml", "SPARQLWrapper XML"),
    ("application/sparql-results+json,application/json,text/javascript,application/javascript", "ask", "json", "SPARQLWrapper JSON"),
    ("application/turtle,text/turtle,text/rdf+n3,application/n-triples,application/n3,text/n3", "graph", "turtle", "SPARQLWrapper N3"),
    ("application/ld+json,application/x-json+ld", "graph", "jsonld", "SPARQLWrapper JSON-LD"),
    ("application/sparql-results+xml,application/rdf+xml,*/*", "select", "xml", "a named type goes before a wildcard of equal weight"),
    ("application/json", "select", "json", "plain JSON"),
    ("application/json", "graph", "jsonld", "plain JSON for a graph"),
    ("application/xml", "select", "xml", "plain XML"),
    ("application/xml", "graph", "rdfxml", "plain XML for a graph"),
    ("text/plain", "graph", "nt", "plain text for a graph"),
    ("text/plain", "select", "tsv", "plain text for a table"),
    ("text/*", "select", "csv", "a range of one main type"),
    ("text/*", "graph", "turtle", "a range of one main type"),
    ("text/csv;q=0.3, text/*;q=0.9", "select", "tsv", "the closest range gives the weight"),
    ("application/sparql-results+json;q=0, */*", "select", "xml", "q=0 excludes"),
    ("TEXT/CSV", "select", "csv", "case does not matter"),
    ("text/csv;header=present;q=1.0", "select", "csv", "parameters before q"),
    ('text/csv;x="a,b;q=0", application/json;q=0.1', "select", "csv", "separators inside quotes are text"),
    ("nonsense, text/csv", "select", "csv", "a broken element is skipped"),
    ("text/csv;q=7, application/sparql-results+xml;q=0.1", "select", "xml", "an unreadable weight discards its element"),
    (";;,,==", "select", "json", "a header without any readable element is no header"),
    ("*", "select", "json", "old Java clients send a lone asterisk"),
    ("application/trig", "graph", "trig", "TriG"),
    ("application/n-quads, */*;q=0.1", "dataset", "nq", "N-Quads"),
    (None, "dataset", "jsonld", "the first that can hold graphs"),
    (BROWSER, "select", "xml", "where no page can be made a browser gets what it can show"),
]


@pytest.mark.parametrize(("accept", "kind", "name", "why"), ACCEPTED)
def test_an_accept_header_chooses_the_format(accept: str | None, kind: str, name: str, why: str) -> None:
    assert name == media.negotiate(accept, kind).name, why


WANTED = [
    ("json", "select", "json"),
    ("JSON", "graph", "jsonld"),
    ("xml", "select", "xml"),
    ("xml", "graph", "rdfxml"),
    ("csv", "select", "csv"),
    ("tsv", "select", "tsv"),
    ("turtle", "graph", "turtle"),
    ("ttl", "graph", "turtle"),
    ("n3", "graph", "turtle"),
    ("nt", "graph", "nt"),
    ("jsonld", "graph", "jsonld"),
    ("json-ld", "graph", "jsonld"),
    ("rdf+xml", "graph", "rdfxml"),
    ("application/rdf xml", "graph", "rdfxml"),
    ("application/sparql-results+json", "select", "json"),
    ("text/csv; charset=utf-8", "select", "csv"),
    (".srx", "ask", "xml"),
]


@pytest.mark.parametrize(("wanted", "kind", "name"), WANTED)
def test_a_format_parameter_goes_before_accept(wanted: str, kind: str, name: str) -> None:
    assert name == media.negotiate("image/png", kind, wanted).name


def test_an_unknown_format_parameter_is_ignored() -> None:
    assert "csv" == media.negotiate("text/csv", "select", "hologram").name


@pytest.mark.parametrize(("accept", "kind", "wanted"), [("image/png", "select", None), ("text/csv", "ask", None), (None, "ask", "csv"), (None, "select", "turtle")])
def test_what_cannot_be_given_is_refused_with_a_list_of_what_can(accept: str | None, kind: str, wanted: str | None) -> None:
    with pytest.raises(NotAcceptableError, match=r"ask for one of: application/sparql-results\+json, application/sparql-results\+xml"):
        media.negotiate(accept, kind, wanted)


def test_a_page_is_chosen_only_where_the_client_names_html() -> None:
    assert media.HTML is media.negotiate(BROWSER, "select", html=True)
    assert "json" == media.negotiate("*/*", "select", html=True).name
    assert "json" == media.negotiate(None, "select", html=True).name
    assert "csv" == media.negotiate("text/html;q=0.4, text/csv", "select", html=True).name
    assert media.HTML is media.negotiate("*/*", "select", "html", html=True)
    assert "csv" == media.negotiate(BROWSER, "select", "csv", html=True).name


def test_names_suffixes_and_media_types_are_unambiguous_within_a_kind() -> None:
    for kind in ("select", "ask", "graph", "dataset"):
        names = [name for form in media.of(kind) for name in {form.name, form.media_type, form.suffix, *form.aliases}]
        assert len(names) == len(set(names)), kind


@given(st.text(alphabet='abc*/;,=q01."\\ \t-+\u00e9', max_size=60), st.sampled_from(["select", "ask", "graph", "dataset"]))
def test_no_header_does_more_than_choose_or_refuse(accept: str, kind: str) -> None:
    try:
        assert kind in media.negotiate(accept, kind).kinds
    except NotAcceptableError as error:
        assert "ask for one of" in str(error)
