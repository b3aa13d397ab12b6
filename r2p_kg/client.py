"""A small client for researchers: questions in, Python values out, over the network and without pandas.

>>> client = R2P("http://localhost:8000/sparql")
>>> client.endpoint
'http://localhost:8000/sparql'
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from r2p_kg.engine.contract import Budget
from r2p_kg.engine.remote import RemoteEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_CASTS: Final[Mapping[str, Callable[[str], Any]]] = {
    _XSD + "integer": int,
    _XSD + "decimal": Decimal,
    _XSD + "double": float,
    _XSD + "boolean": lambda text: text in {"true", "1"},
}


class R2P:
    """Asks one service. ``endpoint`` is the address of its ``/sparql``."""

    def __init__(self, endpoint: str = "http://localhost:8000/sparql", seconds: float = 30.0) -> None:
        self.endpoint = endpoint
        self._engine = RemoteEngine(endpoint)
        self._budget = Budget(seconds=seconds)

    def select(self, query: str) -> list[dict[str, Any]]:
        """The rows of a SELECT: variable → Python value; IRIs and texts as str, an unbound variable as None.

        Raises QueryError.
        """
        answer = self._engine.ask(query, media_type="application/sparql-results+json", budget=self._budget)
        return _rows(json.loads(answer.body))

    def ask(self, query: str) -> bool:
        """The truth value of an ASK; raises QueryError."""
        answer = self._engine.ask(query, media_type="application/sparql-results+json", budget=self._budget)
        return bool(json.loads(answer.body)["boolean"])

    def question(self, query_id: str, **values: object) -> list[dict[str, Any]]:
        """The rows of a saved query, by its id and its parameters.

        Raises urllib's HTTPError where the service refuses.
        """
        address = f"{self.endpoint.removesuffix('/sparql')}/queries/{quote(query_id)}?{urlencode({**values, 'format': 'json'})}"
        headers = {"Accept": "application/sparql-results+json", "User-Agent": "r2p-kg"}
        request = Request(address, headers=headers)  # noqa: S310 - the address is the caller's own service
        with urlopen(request, timeout=self._budget.seconds) as response:  # noqa: S310
            return _rows(json.load(response))


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    names = answer["head"]["vars"]
    return [
        {name: _value(row[name]) if name in row else None for name in names}
        for row in answer["results"]["bindings"]
    ]


def _value(term: Mapping[str, str]) -> object:
    return _CASTS.get(term.get("datatype", ""), str)(term["value"])
