"""The same contract over any SPARQL 1.1 service.

Fuseki, Virtuoso, GraphDB, QLever, or another R2P-KG. The only importer of SPARQLWrapper.
"""

from __future__ import annotations

import ast
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

from SPARQLWrapper import POST, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

from r2p_kg.engine.contract import Answer, Budget, Dataset
from r2p_kg.errors import AnswerTooLargeError, BusyError, QueryError, QuerySyntaxError, QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

_GRAPHS = frozenset(
    {
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
    }
)


class RemoteEngine:
    """An Engine that sends each query to ``endpoint`` by POST and reads the answer up to the byte limit."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def ask(
        self, query: str, *, media_type: str, dataset: Dataset | None = None, budget: Budget | None = None
    ) -> Answer:
        """The whole answer.

        Raises QuerySyntaxError, QueryTimeoutError, AnswerTooLargeError, BusyError, or QueryError with what
        the service said.
        """
        dataset, budget = dataset or Dataset(), budget or Budget()
        client = SPARQLWrapper(self.endpoint, agent="r2p-kg")
        client.setMethod(POST)
        client.setOnlyConneg(True)
        client.addCustomHttpHeader("Accept", media_type)
        client.setTimeout(max(1, round(budget.seconds)))
        client.setQuery(query)
        for graph in dataset.default:
            client.addParameter("default-graph-uri", graph)
        for graph in dataset.named:
            client.addParameter("named-graph-uri", graph)
        started = time.perf_counter()
        try:
            response: HTTPResponse = client.query().response
            body = response.read(budget.bytes + 1)
        except TimeoutError as error:
            message = f"{self.endpoint} gave no answer within {budget.seconds:g} seconds"
            raise QueryTimeoutError(message) from error
        except HTTPError as error:
            raise _refusal(error.code, error.read()) from error
        except SPARQLWrapperException as error:
            raise _refusal(*_inside(error)) from error
        except (URLError, OSError) as error:
            message = f"{self.endpoint} cannot be reached: {error}"
            raise QueryError(message) from error
        if len(body) > budget.bytes:
            message = f"the answer has more than {budget.bytes:,} bytes"
            raise AnswerTooLargeError(message)
        given = response.headers.get_content_type()
        kind = "graph" if given in _GRAPHS else "ask" if b'"boolean"' in body[:200] else "select"
        return Answer(kind, given, body, time.perf_counter() - started)

    def stats(self) -> Mapping[str, Any]:
        """Nothing: a remote service counts for itself."""
        return {}

    def cancel(self, number: str) -> bool:  # noqa: ARG002 - the signature is the contract's
        """False: only its own operator can end a query of a remote service."""
        return False

    def close(self) -> None:
        """Nothing is kept open."""


def _inside(error: SPARQLWrapperException) -> tuple[int, bytes]:
    """Status and body of the answer that SPARQLWrapper made an exception of.

    The body stands in its text as Python writes bytes.
    """
    status = error.__context__.code if isinstance(error.__context__, HTTPError) else 500
    said = str(error).partition("Response:\n")[2] or str(error)
    try:
        body = ast.literal_eval(said)
    except (ValueError, SyntaxError):
        body = said
    return status, body if isinstance(body, bytes) else said.encode()


def _refusal(status: int, body: bytes) -> QueryError:
    """The service's own words, taken from a problem+json body where there is one (RFC 9457)."""
    try:
        problem = json.loads(body)
        detail, line, column, hint = (problem.get(name) for name in ("detail", "line", "column", "hint"))
    except (ValueError, AttributeError):
        detail, line, column, hint = body.decode(errors="replace")[:500], None, None, None
    message = f"the service answered {status}: {detail}"
    if status in {429, 503}:
        return BusyError(message)
    if status == 400:  # noqa: PLR2004 - RFC 9110, section 15.5.1
        return QuerySyntaxError(message, line, column, hint)
    return QueryError(message)
