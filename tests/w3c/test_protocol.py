"""The W3C's tests of SPARQL 1.1 Protocol, Graph Store Protocol and Service Description, over a socket against the whole service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyoxigraph as ox
import pytest

from r2p_kg.graph import rdf, vocab
from tests.w3c import conformance, protocol_cases, protocol_description, protocol_running, protocol_table
from tests.w3c.protocol_running import Endpoint, description_faults, faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.w3c.conformance import Row
    from tests.w3c.protocol_cases import Case

PROTOCOL = protocol_cases.load(protocol_cases.PROTOCOL)
GRAPH_STORE = protocol_cases.load(*protocol_cases.GRAPH_STORE)

pytestmark = [
    pytest.mark.served,
    pytest.mark.skipif(
        protocol_cases.root() is None,
        reason=f"{protocol_cases.VARIABLE} does not name the folder of the W3C's test suites",
    ),
]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The service over the suite's data, with writes on."""
    with protocol_table.served(tmp_path_factory.mktemp("protocol")) as found:
        yield found


@pytest.fixture(scope="module")
def verdicts(endpoint: Endpoint, figures: list[Row]) -> Mapping[str, list[str]]:
    """What was wrong with each test."""
    found = protocol_running.verdicts(endpoint)
    figures.extend(protocol_running.figures(found))
    return found


def test_every_test_of_the_suites_was_found() -> None:
    assert (34, 13) == (len(PROTOCOL), len(GRAPH_STORE))
    assert 34 + 5 == sum(len(case.requests) for case in PROTOCOL)
    assert all(request.expected.statuses for case in PROTOCOL + GRAPH_STORE for request in case.requests)


@pytest.mark.parametrize("case", PROTOCOL, ids=lambda case: case.id)
def test_protocol(case: Case, verdicts: Mapping[str, list[str]]) -> None:
    assert [] == verdicts[case.iri]


@pytest.mark.parametrize("case", GRAPH_STORE, ids=lambda case: case.id)
def test_graph_store(case: Case, verdicts: Mapping[str, list[str]]) -> None:
    assert [] == verdicts[case.iri]


@pytest.mark.parametrize("name", ["returns-rdf", "has-endpoint-triple", "conforms-to-schema"])
def test_service_description(name: str, verdicts: Mapping[str, list[str]]) -> None:
    assert [] == verdicts[name]


def test_the_table_of_the_page_says_what_was_counted(verdicts: Mapping[str, list[str]]) -> None:
    assert protocol_running.figures(verdicts) == [
        row for row in conformance.protocols() if "update" not in row.kind
    ], protocol_table.ANEW


def test_each_service_description_test_of_the_suite_is_one_of_these(endpoint: Endpoint) -> None:
    folder = protocol_cases.root()
    assert folder is not None
    text = (folder / protocol_cases.DESCRIPTION).read_bytes()
    tests = [
        quad.subject.value
        for quad in rdf.parse_text(text, ox.RdfFormat.TURTLE, base="x:y")
        if str(quad.object).endswith("#ServiceDescriptionTest>")
    ]
    assert set(description_faults(endpoint)) == {name.rpartition("#")[2] for name in tests}


def test_a_reply_that_is_not_as_it_must_be_is_noticed(endpoint: Endpoint) -> None:
    def spoilt(case: Case, **changes: object) -> Case:
        last = replace(case.requests[-1], expected=replace(case.requests[-1].expected, **changes))  # type: ignore[arg-type]
        return replace(case, requests=(*case.requests[:-1], last))

    update = next(case for case in PROTOCOL if case.id == "update_dataset_full")
    graph = next(case for case in GRAPH_STORE if case.id == "put_get_default")
    assert "the answer is True" in faults(spoilt(update, boolean=False), endpoint)[0]
    assert "no format for RDF" in faults(spoilt(update, form="RDF"), endpoint)[0]
    assert "must be NoContent" in faults(spoilt(update, statuses=frozenset({"NoContent"})), endpoint)[0]
    assert "the graph is another" in faults(spoilt(graph, graph="[] a [] ."), endpoint)[0]
    assert (
        "must be 'text/html'" in faults(spoilt(graph, headers=(("content-type", "text/html"),)), endpoint)[0]
    )
    assert "Location is None" in faults(spoilt(graph, location="$X$"), endpoint)[0]
    stranger = replace(endpoint, bearer="of somebody else")
    with pytest.raises(AssertionError, match="401"):
        faults(update, stranger)


@pytest.mark.parametrize(
    ("turtle", "said"),
    [
        ("<a:s> a sd:Service .", "has 0 values of sd:endpoint"),
        ("<a:s> sd:endpoint <a:e> .", "nothing is a sd:Service"),
        ("<a:s> a sd:Service ; sd:endpoint 'e' .", "is no IRI"),
        ("<a:s> a sd:Service ; sd:endpoint <a:e> ; sd:feature sd:SPARQL11Query .", "is no Feature"),
        ("<a:s> a sd:Service ; sd:endpoint <a:e> ; sd:resultFormat <a:f> .", "is no Format"),
        ("<a:s> a sd:Service ; sd:endpoint <a:e> ; sd:url <a:e> .", "there is no property sd:url"),
        ("<a:s> a sd:Endpoint .", "there is no class sd:Endpoint"),
        ("<a:d> a sd:Dataset ; sd:namedGraph [ a sd:NamedGraph ] .", "has 0 values of sd:name"),
    ],
)
def test_a_description_that_does_not_conform_is_noticed(turtle: str, said: str) -> None:
    found = protocol_description.disagreements(
        rdf.parse_text(f"PREFIX sd: <{vocab.SD}> {turtle}", ox.RdfFormat.TURTLE)
    )
    assert any(said in line for line in found)
