"""One request at a time to a service on loopback, and what it says."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from benchmarks.serving.questions import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Endpoint:
    """Where a service answers queries."""

    port: int
    path: str

    def target(self, query: str, **more: object) -> str:
        """Path and query string of a GET request (SPARQL 1.1 Protocol, section 2.1.1)."""
        return f"{self.path}?{urlencode({'query': query, **more}, quote_via=quote)}"


@dataclass(frozen=True)
class Reply:
    """What came back, and the seconds from sending to the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def get(
    endpoint: Endpoint, target: str, *, timeout: float, accept: str = JSON, source: str = HOST, etag: str = ""
) -> Reply:
    """The reply to one GET request over a connection of its own.

    ``source``: the loopback address that the client has.

    Raises OSError (TimeoutError where nothing came for ``timeout`` seconds) or http.client.HTTPException
    where there is no whole reply.
    """
    connection = http.client.HTTPConnection(HOST, endpoint.port, timeout=timeout, source_address=(source, 0))
    try:
        started = time.perf_counter()
        connection.request(
            "GET", target, headers={"Accept": accept} | ({"If-None-Match": etag} if etag else {})
        )
        response = connection.getresponse()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, body, time.perf_counter() - started)
    finally:
        connection.close()


def ask(endpoint: Endpoint, query: str, *, timeout: float) -> Reply:
    """The reply to one query; raises as :func:`get` does."""
    return get(endpoint, endpoint.target(query), timeout=timeout)


def rows(body: bytes) -> list[tuple[tuple[str, ...], ...]]:
    """The solutions of a SPARQL JSON answer, sorted, written alike whichever service wrote them.

    Virtuoso says "typed-literal" for what the standard calls "literal" with a datatype; xsd:string may be
    said or left out (RDF 1.1, 3.3).
    """
    found: Any = json.loads(body)["results"]["bindings"]
    return sorted(tuple(sorted(_term(name, term) for name, term in solution.items())) for solution in found)


def _term(name: str, term: dict[str, str]) -> tuple[str, ...]:
    kind = "literal" if term["type"] == "typed-literal" else term["type"]
    datatype = term.get("datatype", "").removesuffix("http://www.w3.org/2001/XMLSchema#string")
    return name, kind, term["value"], datatype, term.get("xml:lang", "").lower()
