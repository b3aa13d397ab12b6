"""The W3C's tests of the protocols as values.

Requests in their order, and what each reply must be; read from the suites' own manifests.

SPARQL 1.1 Protocol (34), SPARQL 1.1 Graph Store HTTP Protocol (13) and SPARQL 1.1 Service Description (3).
The suites are not ours and not in the repository: R2P_W3C_TESTS names the folder that holds their ``sparql``
folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyoxigraph as ox

from r2p_kg.graph import rdf, vocab

VARIABLE: Final = "R2P_W3C_TESTS"

_FOLDER: Final = "sparql/sparql11"
PROTOCOL: Final = "protocol/manifest.ttl"
GRAPH_STORE: Final = (
    "graph-store-protocol/manifest-direct.ttl",
    "graph-store-protocol/manifest-indirect.ttl",
)
DESCRIPTION: Final = "service-description/manifest.ttl"

_MF: Final = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_HT: Final = "http://www.w3.org/2011/http#"
_CNT: Final = "http://www.w3.org/2011/content#"
_UT: Final = "http://www.w3.org/2009/sparql/tests/test-update#"


@dataclass(frozen=True)
class Expected:
    """What a reply must be.

    ``statuses``: ``OK``, ``Created`` … or ``StatusCode4xx``, any of them. ``form``: ``boolean``, ``tabular``
    or ``RDF``. ``graph``: the RDF that its body must be isomorphic with. ``location``: the name under which
    later requests mean its Location.
    """

    statuses: frozenset[str]
    boolean: bool | None = None
    form: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    graph: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class Request:
    """One request; ``target`` is path and query as the manifest writes them, before the service's own paths are put in."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    expected: Expected


@dataclass(frozen=True)
class Case:
    """One test: ``graphs`` are there before it, as (name, N-Triples file)."""

    iri: str
    name: str
    graphs: tuple[tuple[str, Path], ...]
    requests: tuple[Request, ...]

    @property
    def id(self) -> str:
        """The last part of its IRI."""
        return self.iri.rpartition("#")[2]


def root() -> Path | None:
    """The folder of the suites, None where the environment names none."""
    named = os.environ.get(VARIABLE)
    return Path(named) / _FOLDER if named else None


def load(*manifests: str) -> list[Case]:
    """Every test of some manifests, in their order."""
    folder = root()
    return [case for manifest in manifests for case in _Manifest(folder / manifest).cases()] if folder else []


class _Manifest:
    """The triples of one manifest, by subject and property."""

    def __init__(self, path: Path) -> None:
        self._said: dict[tuple[Any, str], list[Any]] = {}
        for quad in rdf.parse_text(
            path.read_bytes(), ox.RdfFormat.TURTLE, name=str(path), base=path.resolve().as_uri()
        ):
            self._said.setdefault((quad.subject, quad.predicate.value), []).append(quad.object)

    def cases(self) -> list[Case]:
        """The tests of the manifest's list."""
        head = next(
            things[0] for (_, predicate), things in self._said.items() if predicate == _MF + "entries"
        )
        return [self._case(test) for test in self._members(head)]

    def _case(self, test: Any) -> Case:
        graphs = []
        for data in self._all(test, _UT + "graphData"):
            path = Path(unquote(urlsplit(self._one(data, _UT + "graph").value).path))
            graphs.append((self._one(data, vocab.RDFS_LABEL).value, path))
        action = self._one(test, _MF + "action")
        requests = [
            request for head in self._all(action, _HT + "requests") for request in self._members(head)
        ]
        return Case(
            test.value,
            self._one(test, _MF + "name").value,
            tuple(sorted(graphs)),
            tuple(map(self._request, requests)),
        )

    def _request(self, request: Any) -> Request:
        body = self._one(request, _HT + "body")
        return Request(
            method=self._one(request, _HT + "methodName").value,
            target=self._one(request, _HT + "absolutePath").value,
            headers=self._headers(request),
            body=self._text(body).encode(self._one(body, _CNT + "characterEncoding").value) if body else None,
            expected=self._expected(self._one(request, _HT + "resp")),
        )

    def _expected(self, reply: Any) -> Expected:
        boolean, form, location, body = (
            self._one(reply, name)
            for name in (
                _MF + "expectedBoolean",
                _MF + "expectedFormat",
                _MF + "expectedLocation",
                _HT + "body",
            )
        )
        return Expected(
            statuses=frozenset(
                status.value.rpartition("#")[2] for status in self._all(reply, _MF + "expectedStatus")
            ),
            boolean=boolean.value == "true" if boolean else None,
            form=form.value if form else None,
            headers=self._headers(reply),
            graph=self._text(body) if body else None,
            location=location.value if location else None,
        )

    def _headers(self, message: Any) -> tuple[tuple[str, str], ...]:
        found = [header for head in self._all(message, _HT + "headers") for header in self._members(head)]
        return tuple(
            (self._one(header, _HT + "fieldName").value, self._one(header, _HT + "fieldValue").value)
            for header in found
        )

    def _text(self, body: Any) -> str:
        return str(self._one(body, _CNT + "chars").value)

    def _all(self, subject: Any, predicate: str) -> list[Any]:
        return self._said.get((subject, predicate), [])

    def _one(self, subject: Any, predicate: str) -> Any:
        """The only value; None where there is none."""
        values = self._all(subject, predicate)
        assert len(values) < 2, (subject, predicate)
        return values[0] if values else None

    def _members(self, head: Any) -> list[Any]:
        found = []
        while head.value != vocab.RDF + "nil":
            found.append(self._one(head, vocab.RDF + "first"))
            head = self._one(head, vocab.RDF + "rest")
        return found
