"""A small client for researchers: questions in, Python values out, over the network and without pandas.

>>> client = R2P("http://localhost:8000/sparql")
>>> client.endpoint
'http://localhost:8000/sparql'
"""

from __future__ import annotations

import json
import re
import warnings
from decimal import Decimal
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from r2p_kg.errors import R2PError
from r2p_kg.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_CASTS: Final[Mapping[str, Callable[[str], Any]]] = {
    _XSD + "integer": int,
    _XSD + "decimal": Decimal,
    _XSD + "double": float,
    _XSD + "boolean": lambda text: text in {"true", "1"},
}
_JSON: Final = "application/sparql-results+json"
#: One string of a structured field (RFC 8941, section 3.3.3) that is a parameter called message.
_MESSAGE: Final = re.compile(r';\s*message="((?:[^"\\]|\\.)*)"')
#: How much of an answer that is not a problem document an error repeats.
_SHOWN: Final = 500


class R2PWarning(UserWarning):
    """The service has answered, but the query probably does not mean what it says."""


class ServiceError(R2PError):
    """The service refused to answer, or could not be reached.

    Attributes:
        status: the HTTP status; None if the service could not be reached.
        title: what kind of problem it is (RFC 9457, section 3.1.4).
        detail: what is wrong in this case, and what to do.
        hint: how to mend the query, if the service has an idea.
        line: the line of the query, from 1, if the problem has a place.
        column: its column, from 1.

    """

    def __init__(self, status: int | None, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(problem.get("title") or "The service did not answer")
        self.detail = str(problem.get("detail") or "")
        self.hint: str | None = problem.get("hint")
        self.line: int | None = problem.get("line")
        self.column: int | None = problem.get("column")
        place = f" (line {self.line}, column {self.column})" if self.line else ""
        hint = f" Hint: {self.hint}" if self.hint else ""
        super().__init__(f"{self.title}{place}: {self.detail}{hint}")


class R2P:
    """Asks one service. ``endpoint`` is the address of its ``/sparql``; ``seconds`` how long to wait for it.

    What the service warns of arrives as :class:`R2PWarning`.
    """

    def __init__(
        self, endpoint: str = "http://localhost:8000/sparql", seconds: float = Limits.seconds
    ) -> None:
        self.endpoint = endpoint
        self.seconds = seconds

    def select(self, query: str) -> list[dict[str, Any]]:
        """The rows of a SELECT: variable → Python value; IRIs and texts as str, an unbound variable as None.

        Raises ServiceError.
        """
        answer = self._answer(self.endpoint, _form(query))
        if "results" not in answer:
            raise ServiceError(None, {"detail": "the answer is yes or no; ask such a query with ask()"})
        return _rows(answer)

    def ask(self, query: str) -> bool:
        """The truth value of an ASK; raises ServiceError."""
        answer = self._answer(self.endpoint, _form(query))
        if "boolean" not in answer:
            raise ServiceError(None, {"detail": "the answer is rows; ask such a query with select()"})
        return bool(answer["boolean"])

    def question(self, query_id: str, **values: object) -> list[dict[str, Any]]:
        """The rows of a saved question, by its id and its parameters; raises ServiceError."""
        address = f"{self.endpoint.removesuffix('/sparql')}/queries/{quote(query_id, safe='')}"
        return _rows(self._answer(f"{address}?{urlencode({**values, 'format': 'json'})}"))

    def _answer(self, address: str, form: bytes | None = None) -> dict[str, Any]:
        headers = {"Accept": _JSON, "User-Agent": "r2p-kg"}
        try:
            request = Request(address, form, headers)  # noqa: S310 - the address is the caller's own service
            with urlopen(request, timeout=self.seconds) as reply:  # noqa: S310
                content: dict[str, Any] = json.load(reply)
                told = reply.headers.get("R2P-Warnings", "")
        except HTTPError as error:
            with error:
                raise ServiceError(error.code, _problem(error.read(), error.reason)) from None
        except (OSError, HTTPException, ValueError) as error:
            detail = f"{self.endpoint} gave no answer that can be read: {error}"
            raise ServiceError(None, {"detail": detail}) from error
        for message in _MESSAGE.findall(told):
            # The third level is the caller's own line, after this method and the one that calls it.
            warnings.warn(re.sub(r"\\(.)", r"\1", message), R2PWarning, stacklevel=3)
        return content


def _form(query: str) -> bytes:
    return urlencode({"query": query}).encode()


def _problem(body: bytes, reason: str) -> Mapping[str, Any]:
    """The problem document (RFC 9457) of an answer; of an answer without one its text."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "detail" in problem:
        return problem
    return {"title": reason, "detail": body.decode(errors="replace")[:_SHOWN]}


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    names = answer["head"]["vars"]
    return [
        {name: _value(row[name]) if name in row else None for name in names}
        for row in answer["results"]["bindings"]
    ]


def _value(term: Mapping[str, str]) -> object:
    return _CASTS.get(term.get("datatype", ""), str)(term["value"])
