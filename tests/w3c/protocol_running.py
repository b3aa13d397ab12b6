"""A W3C protocol test against a running service, over a socket.

Nothing where it passes, else what was not as it must be.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pyoxigraph as ox

from r2p_kg.graph import rdf, vocab
from tests.w3c import protocol_cases, protocol_description
from tests.w3c.conformance import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.w3c.protocol_cases import Case, Expected, Request

#: The manifests' paths → ours.
_PATHS: Final = {"/sparql/": "/sparql/", "/gsp": "/rdf-graph-store"}

_BOOLEAN: Final = frozenset({"application/sparql-results+json", "application/sparql-results+xml"})
_FORMS: Final = {
    "boolean": _BOOLEAN,
    "tabular": _BOOLEAN | {"text/csv", "text/tab-separated-values"},
    "RDF": frozenset({"text/turtle", "application/n-triples", "application/rdf+xml"}),
}
_REFUSED_AT_THE_DOOR: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True)
class Reply:
    """A reply as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Without parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


@dataclass(frozen=True)
class Endpoint:
    """A running service and the bearer token that lets one write to it."""

    url: str
    bearer: str

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """One request on a connection of its own; a header that is not given is not sent."""
        address = urlsplit(self.url)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            connection.request(method, target, body, {"Authorization": f"Bearer {self.bearer}", **headers})
            reply = connection.getresponse()
            return Reply(
                reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
            )
        finally:
            connection.close()

    def reset(self, case: Case) -> None:
        """Make the data those that a test begins with, and nothing else."""
        graphs = [f"GRAPH <{name}> {{ {path.read_text(encoding='utf-8')} }}" for name, path in case.graphs]
        text = f"CLEAR ALL ; INSERT DATA {{ {' '.join(graphs)} }}"
        reply = self.send("POST", "/sparql", {"Content-Type": "application/sparql-update"}, text.encode())
        assert reply.status == HTTPStatus.NO_CONTENT, reply


def faults(case: Case, endpoint: Endpoint) -> list[str]:
    """What was wrong with a test's replies, in their order; empty where it passed."""
    endpoint.reset(case)
    found: list[str] = []
    places: dict[str, str] = {}
    for number, request in enumerate(case.requests, 1):
        target = _target(request, places)
        reply = endpoint.send(request.method, target, dict(request.headers), request.body)
        found += [
            f"request {number}, {request.method} {target}: {fault}"
            for fault in _wrong(request.expected, reply, endpoint.url + target)
        ]
        if request.expected.location:
            places[request.expected.location] = reply.headers.get("location", "")
    return found


def description_faults(endpoint: Endpoint) -> dict[str, list[str]]:
    """For each test of the service description, by its name, what is wrong with ours.

    Nothing where it passed.
    """
    reply = endpoint.send("GET", "/sparql", {})
    form = ox.RdfFormat.from_media_type(reply.media_type)
    quads = rdf.parse_text(reply.body, form) if form else []
    named = [quad.object.value for quad in quads if quad.predicate.value == vocab.SD + "endpoint"]
    return {
        "returns-rdf": []
        if reply.status == HTTPStatus.OK and quads
        else [f"status {reply.status}, {reply.media_type}, {len(quads)} triples"],
        "has-endpoint-triple": [] if named == [f"{endpoint.url}/sparql"] else [f"sd:endpoint is {named}"],
        "conforms-to-schema": protocol_description.disagreements(quads),
    }


def verdicts(endpoint: Endpoint) -> dict[str, list[str]]:
    """What was wrong with each test of the three suites, by its IRI or, for the description, its name.

    Nothing where it passed.
    """
    cases = protocol_cases.load(protocol_cases.PROTOCOL, *protocol_cases.GRAPH_STORE)
    return {case.iri: faults(case, endpoint) for case in cases} | description_faults(endpoint)


def figures(found: Mapping[str, list[str]]) -> list[Row]:
    """One row for each suite, from its verdicts."""
    kinds = {
        "graph store protocol": {case.iri for case in protocol_cases.load(*protocol_cases.GRAPH_STORE)},
        "protocol": {case.iri for case in protocol_cases.load(protocol_cases.PROTOCOL)},
    }
    kinds["service description"] = found.keys() - set().union(*kinds.values())
    return [
        Row("1.1", kind, sum(not found[name] for name in names), len(names)) for kind, names in kinds.items()
    ]


def _target(request: Request, places: Mapping[str, str]) -> str:
    theirs, ours = next(pair for pair in _PATHS.items() if request.target.startswith(pair[0]))
    target = ours + request.target.removeprefix(theirs)
    for name, place in places.items():
        target = target.replace(name, place)
    return target


def _wrong(expected: Expected, reply: Reply, address: str) -> list[str]:
    found = []
    if not any(_is(reply.status, status) for status in expected.statuses):
        found.append(
            f"status {reply.status}, must be {' or '.join(sorted(expected.statuses))}; {reply.body[:300]!r}"
        )
    if reply.status in _REFUSED_AT_THE_DOOR:
        found.append(f"status {reply.status} says nothing of the request itself")
    found += [
        f"{name} is {reply.headers.get(name)!r}, must be {value!r}"
        for name, value in expected.headers
        if reply.headers.get(name.lower(), "").lower() != value
    ]
    if expected.form and reply.media_type not in _FORMS[expected.form]:
        found.append(f"{reply.media_type} is no format for {expected.form}")
    if expected.boolean is not None and boolean(reply) is not expected.boolean:
        found.append(f"the answer is {boolean(reply)}, must be {expected.boolean}")
    if expected.location and not reply.headers.get("location", "").startswith("http"):
        found.append(f"Location is {reply.headers.get('location')!r}")
    if expected.graph is not None and _graph(expected.graph.encode(), "text/turtle", address) != _graph(
        reply.body, reply.media_type, address
    ):
        found.append(f"the graph is another: {reply.body.decode(errors='replace')}")
    return found


def _is(status: int, wanted: str) -> bool:
    """True where a status is one that the manifests name (``NoContent``) or of a class that they name (``StatusCode4xx``)."""
    if wanted.startswith("StatusCode"):
        return status // 100 == int(wanted.removeprefix("StatusCode")[0])
    return HTTPStatus(status).phrase.replace(" ", "") == wanted


def boolean(reply: Reply) -> bool | None:
    """What an ASK was answered, None where the body is no such answer."""
    if reply.media_type.endswith("+json"):
        value = json.loads(reply.body).get("boolean")
        return value if isinstance(value, bool) else None
    if reply.media_type.endswith("+xml"):
        results = ET.fromstring(reply.body)  # noqa: S314 - ours
        return {"true": True, "false": False}.get(
            results.findtext("{http://www.w3.org/2005/sparql-results#}boolean", "")
        )
    return None


def _graph(body: bytes, media_type: str, base: str) -> bytes:
    """The graph in canonical form: equal exactly where two are isomorphic."""
    form = ox.RdfFormat.from_media_type(media_type)
    return rdf.canonical(rdf.parse_text(body, form, base=base)) if form else b"not RDF"
