"""What XML cannot carry is refused, and what it can carry comes back as it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pyoxigraph as ox
import pytest

from r2p_kg.engine.contract import Budget, Dataset
from r2p_kg.engine.evaluate import evaluate
from r2p_kg.errors import NotAcceptableError
from r2p_kg.graph import rdf, xml_form

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS, RDF = "application/sparql-results+xml", "application/rdf+xml"
RDF_NS = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def answer(query: str, media_type: str) -> bytes:
    return evaluate(ox.Store(), query, media_type, Dataset(), Budget()).body


def read_xml(body: bytes) -> ET.Element:
    """What we wrote ourselves, read by another's reader."""
    return ET.fromstring(body)  # noqa: S314 - ours


def triple(predicate: str, value: ox.NamedNode | ox.Literal) -> Sequence[ox.Quad]:
    return [ox.Quad(ox.NamedNode("http://example.org/s"), ox.NamedNode(predicate), value)]


@pytest.mark.parametrize(
    "code", [*range(0x20), 0x7F, 0x85, 0x2028, 0xFFFD, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF]
)
@pytest.mark.parametrize("media_type", [RESULTS, RDF])
def test_a_character_comes_back_from_xml_or_is_refused_by_name(code: int, media_type: str) -> None:
    """Of all that XML 1.0 forbids and of its neighbours; surrogates stand in no UTF-8."""
    form = "SELECT ?x" if media_type == RESULTS else "CONSTRUCT { <http://a/s> <http://a/p> ?x }"
    query = f'{form} WHERE {{ BIND("a\\U{code:08X}b" AS ?x) }}'
    if code in {0xFFFE, 0xFFFF} or (code < 0x20 and chr(code) not in "\t\n\r"):
        with pytest.raises(NotAcceptableError, match=f"U\\+{code:04X}.*cannot carry; ask for") as caught:
            answer(query, media_type)
        assert not re.search(f"{re.escape(media_type)}.*{re.escape(media_type)}", str(caught.value))
    else:
        texts = [node.text for node in read_xml(answer(query, media_type)).iter() if node.text]
        assert f"a{chr(code)}b" in texts


def test_line_ends_of_every_kind_come_back_from_xml() -> None:
    text = "one\r\ntwo\rthree\nfour\r"
    query = 'SELECT ("one\\r\\ntwo\\rthree\\nfour\\r" AS ?x) {}'
    assert text in [node.text for node in read_xml(answer(query, RESULTS)).iter()]
    written = rdf.write(triple("http://example.org/p", ox.Literal(text)), RDF)
    assert triple("http://example.org/p", ox.Literal(text)) == list(ox.parse(written, ox.RdfFormat.RDF_XML))


@pytest.mark.parametrize(
    "predicate",
    [
        "http://example.org/p/",
        "http://example.org/p/1",
        "http://example.org/p#",
        "urn:x:",
        "http://example.org/0",
        *(RDF_NS + name for name in ("li", "RDF", "Description", "ID", "about", "resource", "nodeID")),
    ],
)
@pytest.mark.parametrize("value", [ox.Literal("v"), ox.Literal(""), ox.NamedNode("http://example.org/o")])
@pytest.mark.parametrize("prefixes", [{}, {"ex": "http://example.org/p/", "e": "http://example.org/"}])
def test_a_property_that_has_no_element_in_rdf_xml_is_refused(
    predicate: str, value: ox.NamedNode | ox.Literal, prefixes: dict[str, str]
) -> None:
    construct = f"CONSTRUCT {{ <http://example.org/s> <{predicate}> {value} }} WHERE {{}}"
    with pytest.raises(NotAcceptableError, match=r"has a property .*text/turtle"):
        answer(construct, RDF)
    with pytest.raises(NotAcceptableError, match=r"has a property .*text/turtle"):
        rdf.write(triple(predicate, value), RDF, prefixes)
    assert triple(predicate, value) == list(
        ox.parse(rdf.write(triple(predicate, value), "text/turtle", prefixes), ox.RdfFormat.TURTLE)
    )


@pytest.mark.parametrize(
    "predicate",
    [
        "http://example.org/1p",
        "http://example.org/p#a.b",
        "http://example.org/é",
        "urn:x:p",
        RDF_NS + "type",
        RDF_NS + "_1",
    ],
)
@pytest.mark.parametrize("text", ["v", "", "\n\t\t<rdf:li >", "\n\t\t<a: >"])
def test_any_other_property_comes_back_from_rdf_xml(predicate: str, text: str) -> None:
    written = rdf.write(triple(predicate, ox.Literal(text)), RDF, {"rdf": RDF_NS})
    assert triple(predicate, ox.Literal(text)) == list(ox.parse(written, ox.RdfFormat.RDF_XML))
    read_xml(written)


@pytest.mark.parametrize(
    "media_type", ["application/sparql-results+json", "text/csv", "text/tab-separated-values"]
)
def test_the_other_formats_carry_every_character(media_type: str) -> None:
    assert b"a" in answer('SELECT ("a\\u0000\\uFFFE\\r" AS ?x) {}', media_type)
    assert b"\r\x00" == xml_form.checked(b"\r\x00", media_type, "select")


@pytest.mark.parametrize("length", [131_071, 131_073, 400_000])
@pytest.mark.parametrize("quote", ["", '\\"'])
def test_rows_of_csv_are_counted_however_long_a_cell_is(length: int, quote: str) -> None:
    query = f'SELECT ?x {{ VALUES ?x {{ "{quote}{"x" * length}" "a\\r\\nb" "c" }} }}'
    assert 3 == evaluate(ox.Store(), query, "text/csv", Dataset(), Budget()).rows
