"""SPARQL 1.1 Protocol: what a request asks, read from its address and its body.

https://www.w3.org/TR/sparql11-protocol/, section 2.1. Parameters that the protocol does not know are ignored.
"""

from __future__ import annotations

import math
import re
from binascii import a2b_qp
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from r2p_kg.engine import Dataset, policy
from r2p_kg.graph import vocab
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.web.service import Service

FORM: Final = "application/x-www-form-urlencoded"
DIRECT: Final = "application/sparql-query"
UPDATE: Final = "application/sparql-update"

#: Other names of the parameter that asks for a format, the first that is given wins.
FORMAT: Final = ("format", "output", "results")

#: A query alone, as most requests have it: sound percent-encoding, and nothing that means something else to
#: quoted-printable.
_QUERY: Final = b"query="
_PLAIN: Final = re.compile(rb"(?:[!-$'-~]|%[0-9A-Fa-f]{2})*+")

_ENCODING: Final = (
    "{} is not UTF-8 in percent-encoding; encode every value, for example with curl --data-urlencode"
)
_FIELDS: Final = 200
_READ_ONLY: Final = "this service is read-only: it answers SELECT, ASK, CONSTRUCT and DESCRIBE, and no update"


@dataclass(frozen=True)
class Question:
    """One query as it was asked.

    ``query`` is None where the request has none, ``wanted`` the format it asks for by name.

    ``bare``: the request has no parameters at all, so that it asks for the service itself.
    ``entailed``: False where only what was written is asked for (``entailment=none``, a parameter of ours).
    """

    query: str | None
    dataset: Dataset
    wanted: str | None
    timeout: float | None
    bare: bool
    entailed: bool = True

    def chosen(self, now: Service) -> Dataset:
        """The dataset to ask of a service.

        The protocol's or the query's own where one of them names graphs, else all graphs, or all but the
        entailed one.

        Raises QuerySyntaxError or QueryRefusedError where the query may not be asked at all.
        """
        if (
            self.entailed
            or self.dataset != Dataset()
            or now.graphs is None
            or vocab.ENTAILED_GRAPH not in now.graphs
            or self.query is None
        ):
            return self.dataset
        inspection = policy.inspect(self.query, now.limits)
        if inspection.default or inspection.named:
            return self.dataset
        written = tuple(sorted(now.graphs - {vocab.ENTAILED_GRAPH}))
        return Dataset(written, written)


def read(method: str, address: bytes, kind: str, body: bytes) -> Question:
    """The question of a request; raises RequestError (400, 403, 415) where the protocol does not allow it.

    ``address``: what follows the ``?``, as it was sent. ``kind``: the media type of the body in lower case,
    without parameters.
    """
    fields = fields_of(address, "the address")
    direct: str | None = None
    if method in {"POST", "QUERY"}:
        if kind == FORM:
            fields += fields_of(body, "the body")
        elif kind == DIRECT:
            direct = _text(body, "the body")
        elif kind == UPDATE:
            raise RequestError(403, _READ_ONLY)
        elif body or kind:
            message = f"a body of type {kind or 'none'} is not understood; send {DIRECT} or {FORM}"
            raise RequestError(415, message, accepted=[DIRECT, FORM])
    named = _grouped(fields)
    _refuse_update(named)
    queries = [*named.get("query", ()), *([direct] if direct is not None else [])]
    if len(queries) > 1:
        message = f"the request has {len(queries)} queries; send exactly one"
        raise RequestError(400, message)
    return Question(
        query=queries[0] if queries else None,
        dataset=Dataset(tuple(named.get("default-graph-uri", ())), tuple(named.get("named-graph-uri", ()))),
        wanted=wanted(named),
        timeout=timeout(named.get("timeout", ())),
        bare=not fields and direct is None,
        entailed=_entailed(named.get("entailment", ())),
    )


def wanted(named: Mapping[str, Sequence[str]]) -> str | None:
    """The format asked for by name; SPARQLWrapper sends all three names together, with one value."""
    return next((value for name in FORMAT for value in named.get(name, ()) if value), None)


def timeout(values: Sequence[str]) -> float | None:
    """The deadline asked for, in seconds; nothing, 0 and less mean the service's own."""
    text = values[0].strip() if values else ""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        message = f"timeout: {text[:40]!r} is no number of seconds; write for example timeout=5"
        raise RequestError(400, message, parameter="timeout")
    return seconds if seconds > 0 else None


def _entailed(values: Sequence[str]) -> bool:
    """Whether what was entailed is asked for.

    ``entailment=none`` leaves it out, nothing and ``all`` keep it.
    """
    wanted = {value.strip().lower() for value in values} - {"", "all"}
    if wanted - {"none"}:
        message = f"entailment: {wanted.pop()[:40]!r} is unknown; write entailment=none for what was written alone, or leave it out"
        raise RequestError(400, message, parameter="entailment")
    return not wanted


def fields_of(data: bytes, where: str) -> list[tuple[str, str]]:
    """Names and values of form data, each decoded once, in UTF-8; raises RequestError (400)."""
    if data.startswith(_QUERY) and _PLAIN.fullmatch(data, len(_QUERY)):
        return [("query", _decoded(data[len(_QUERY) :], where))]
    try:
        return parse_qsl(
            data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except UnicodeError as error:
        raise RequestError(400, _ENCODING.format(where)) from error
    except ValueError as error:
        message = f"{where} has more than {_FIELDS} parameters; send fewer"
        raise RequestError(400, message) from error


def _decoded(value: bytes, where: str) -> str:
    """One percent-encoded value.

    Quoted-printable (RFC 2045) is the same with another sign, and the standard library decodes it in C.
    """
    try:
        return a2b_qp(value.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"=")).decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, _ENCODING.format(where)) from error


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{where} is not UTF-8 (byte {error.start}); SPARQL queries are sent in UTF-8"
        raise RequestError(400, message) from error


def _grouped(fields: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found


def _refuse_update(named: Mapping[str, Sequence[str]]) -> None:
    if "update" in named:
        raise RequestError(403, _READ_ONLY)
    for name in ("using-graph-uri", "using-named-graph-uri"):
        if name in named:
            other = name.replace("using-graph", "default-graph").replace("using-named", "named")
            message = (
                f"{name} belongs to updates, which this service does not take; for a query write {other}"
            )
            raise RequestError(400, message, parameter=name)
