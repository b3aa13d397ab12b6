"""SPARQL 1.1 Protocol: what a request to ``/sparql`` says, read once from its address and its body.

https://www.w3.org/TR/sparql11-protocol/, sections 2.1 and 2.2. Parameters that the protocol does not know are
ignored; those that it knows, and those of ours, are errors if their value is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from r2p_kg.engine import Dataset
from r2p_kg.web import accept
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORM: Final = "application/x-www-form-urlencoded"
DIRECT: Final = "application/sparql-query"
UPDATE: Final = "application/sparql-update"

#: Methods that ``/sparql`` takes.
METHODS: Final = frozenset({"GET", "POST", "QUERY"})

#: Parameters that make a request an update if it has no query.
_OF_UPDATES: Final = frozenset({"update", "using-graph-uri", "using-named-graph-uri"})

_WHOLE: Final = Dataset()

#: A byte order mark, which some editors put before a text: it says nothing in UTF-8 and is dropped.
_MARK: Final = "\ufeff"

_ENCODING: Final = (
    "{} is not UTF-8 in percent-encoding; encode every value, for example with curl --data-urlencode"
)
_FIELDS: Final = 200


@dataclass(frozen=True)
class Sent:
    """What a request says.

    Attributes:
        method: its method.
        kind: media type of its body, in lower case.
        fields: names and values of its address and, if it has one, its form, in order.
        body: its body as it was sent.

    """

    method: str
    kind: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def is_update(self) -> bool:
        """True if the request is an update and no query."""
        names = {name for name, _ in self.fields}
        return (
            (self.method != "GET" and self.kind == UPDATE)
            or "update" in names
            or ("query" not in names and bool(_OF_UPDATES & names))
        )

    def values(self, name: str) -> tuple[str, ...]:
        """The values of one parameter."""
        return tuple(value for other, value in self.fields if other == name)

    def text(self) -> str:
        """The body as text, without a byte order mark; raises RequestError (400) if it is not UTF-8."""
        try:
            return self.body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            message = f"the body is not UTF-8 (byte {error.start}); queries and updates are sent in UTF-8"
            raise RequestError(400, message) from error


@dataclass(frozen=True)
class Question:
    """One query as it was asked.

    Attributes:
        query: its text, None if the request has none.
        dataset: the graphs that the request names.
        wanted: the format that it asks for by name.
        timeout: the deadline that it asks for, in seconds.
        bare: True if the request has no parameters at all, so that it asks for the service itself.
        entailed: False if only what was written is asked for (``entailment=none``, a parameter of ours).

    """

    query: str | None
    dataset: Dataset = _WHOLE
    wanted: str | None = None
    timeout: float | None = None
    bare: bool = False
    entailed: bool = True


def read(method: str, address: bytes, kind: str, body: bytes) -> Sent:
    """What a request says; raises RequestError (400) if it is not in percent-encoded UTF-8.

    ``address``: what follows the ``?``, as it was sent. ``kind``: the media type of the body in lower case,
    without parameters.
    """
    fields = fields_of(address, "the address")
    if method != "GET" and kind == FORM:
        fields += fields_of(body, "the body")
    return Sent(method, kind, tuple(fields), body)


def question(sent: Sent) -> Question:
    """The question of a request that is not an update.

    Raises RequestError (400, 415) if the protocol does not allow it.
    """
    direct: str | None = None
    if sent.method != "GET" and sent.kind != FORM:
        if sent.kind == DIRECT:
            direct = sent.text()
        elif sent.body or sent.kind:
            message = f"a body of type {sent.kind or 'none'} is not understood; send {DIRECT} or {FORM}"
            raise RequestError(415, message, accepted=[DIRECT, FORM])
    named = grouped(sent.fields)
    _refuse_parameters_of_updates(named)
    queries = [*named.get("query", ()), *([direct] if direct is not None else [])]
    if len(queries) > 1:
        message = f"the request has {len(queries)} queries; send exactly one"
        raise RequestError(400, message)
    return Question(
        query=queries[0] if queries else None,
        dataset=Dataset(tuple(named.get("default-graph-uri", ())), tuple(named.get("named-graph-uri", ()))),
        wanted=accept.named(named),
        timeout=timeout(named.get("timeout", ())),
        bare=not sent.fields and direct is None,
        entailed=_entailed(named.get("entailment", ())),
    )


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
        message = f"timeout: {text[:40]!r} is not a number of seconds; write for example timeout=5"
        raise RequestError(400, message, parameter="timeout")
    return seconds if seconds > 0 else None


def _entailed(values: Sequence[str]) -> bool:
    """Whether what was entailed is asked for.

    ``entailment=none`` leaves it out, nothing and ``all`` keep it.
    """
    wanted = {value.strip().lower() for value in values} - {"", "all"}
    if wanted - {"none"}:
        message = (
            f"entailment: {min(wanted - {'none'})[:40]!r} is unknown; "
            "write entailment=none for what was written alone, or leave it out"
        )
        raise RequestError(400, message, parameter="entailment")
    return not wanted


def fields_of(data: bytes, where: str) -> list[tuple[str, str]]:
    """Names and values of form data, each decoded once, in UTF-8; raises RequestError (400)."""
    try:
        found = parse_qsl(
            data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except UnicodeError as error:
        raise RequestError(400, _ENCODING.format(where)) from error
    except ValueError as error:
        message = f"{where} has more than {_FIELDS} parameters; send fewer"
        raise RequestError(400, message) from error
    return [(name, value.removeprefix(_MARK)) for name, value in found]


def grouped(fields: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each name."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found


def _refuse_parameters_of_updates(named: Mapping[str, Sequence[str]]) -> None:
    for name in ("using-graph-uri", "using-named-graph-uri"):
        if name in named:
            other = name.replace("using-graph", "default-graph").replace("using-named", "named")
            raise RequestError(400, f"{name} belongs to updates; for a query write {other}", parameter=name)
