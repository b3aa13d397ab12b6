"""Typed parameters of saved queries.

What a person types → one SPARQL term, or a LibraryError that names the parameter.

Every term is written here from a checked value, never copied from input, so that no value can end a string or
an IRI early.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from r2p_kg.errors import LibraryError
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Names that the service gives a meaning of its own; a parameter of such a name could never be reached.
RESERVED: Final = frozenset({"format", "output", "results", "timeout", "query", "update", "page"})

#: The longest value a parameter takes, in characters.
MAX_LENGTH: Final = 2000
#: How much of a wrong value a message repeats.
_LINE: Final = 80

#: RFC 3987 absolute IRI as far as the IRIREF terminal of SPARQL 1.1 allows it (grammar rule 139).
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f-\xa0\s<>\"{}|^`\\]*")
_CURIE = re.compile(r"([A-Za-z][\w.-]*)?:([^\x00-\x20\x7f-\xa0\s<>\"{}|^`\\]*)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLUG = re.compile(r"[A-Za-z0-9][\w./-]*")


@dataclass(frozen=True)
class Param:
    """One parameter of a saved query.

    Attributes:
        name: the variable without its sign.
        type: a key of :data:`TYPES`.
        label: what people call it.
        default: the value if none is given, as a person would type it.
        of: the full IRI of the class whose instances are the choices.

    """

    name: str
    type: str
    label: str
    default: str | None = None
    of: str | None = None

    @property
    def required(self) -> bool:
        """True if the query cannot be asked without a value."""
        return self.default is None

    @property
    def names_thing(self) -> bool:
        """True if its values are IRIs."""
        return TYPES[self.type] is _iri


def term(param: Param, value: str, prefixes: Mapping[str, str]) -> str:
    """The SPARQL serialisation of a value, to be put in the place of ``$name``.

    Raises LibraryError if the value is not of the parameter's type.
    """
    if len(value) > MAX_LENGTH:
        message = (
            f"parameter {param.name}: {len(value)} characters are more than "
            f"the {MAX_LENGTH} that a value may have"
        )
        raise LibraryError(message)
    try:
        return TYPES[param.type](value, prefixes)
    except ValueError as error:
        reason = f" ({error})" if str(error) else ""
        message = f"parameter {param.name}: {shown(value)!r} is not {_WANTED[param.type]}{reason}"
        raise LibraryError(message) from error


def iri(value: str, prefixes: Mapping[str, str]) -> str:
    """The absolute IRI meant by ``<iri>``, ``iri`` or ``prefix:name``.

    Raises ValueError if it means none.
    """
    text = value.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    elif (found := _CURIE.fullmatch(text)) and (found[1] or "") in prefixes:
        text = prefixes[found[1] or ""] + found[2]
    elif found and "//" not in text and not text.startswith(("urn:", "tag:", "mailto:")):
        known = ", ".join(f"{prefix}:" for prefix in sorted(prefixes)) or "none"
        message = f"prefix {found[1] or ''}: is not declared; known are {known}"
        raise ValueError(message)
    if not _IRI.fullmatch(text):
        raise ValueError
    return text


def _iri(value: str, prefixes: Mapping[str, str]) -> str:
    """An IRI; the bare name of an entity below our own ``id/`` is enough, so that addresses stay short."""
    text = value.strip()
    return f"<{vocab.ID}{text}>" if _SLUG.fullmatch(text) else f"<{iri(text, prefixes)}>"


def _string(value: str, _prefixes: Mapping[str, str]) -> str:
    """A plain literal; SPARQL has no way to write U+0000 or half of a surrogate pair."""
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError
    return rdf.literal(value)


def _integer(value: str, _prefixes: Mapping[str, str]) -> str:
    if not _INTEGER.fullmatch(value.strip()):
        raise ValueError
    return str(int(value))


def _decimal(value: str, _prefixes: Mapping[str, str]) -> str:
    text = value.strip().removeprefix("+")
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return text if "." in text else f"{text}.0"


def _date(value: str, _prefixes: Mapping[str, str]) -> str:
    text = value.strip()
    if not _DATE.fullmatch(text):
        raise ValueError
    return rdf.literal(date.fromisoformat(text).isoformat(), datatype=vocab.XSD + "date")


def _boolean(value: str, _prefixes: Mapping[str, str]) -> str:
    text = value.strip().lower()
    if text not in {"true", "false"}:
        raise ValueError
    return text


def shown(value: str) -> str:
    """As much of a value as a message repeats."""
    return value if len(value) <= _LINE else value[: _LINE - 1] + "…"


#: Parameter type → the function that writes its term.
TYPES: Final[Mapping[str, Callable[[str, Mapping[str, str]], str]]] = {
    "iri": _iri,
    "class-instance": _iri,
    "string": _string,
    "integer": _integer,
    "decimal": _decimal,
    "date": _date,
    "boolean": _boolean,
}

_WANTED: Final = {
    "iri": "the name of an entity, prefix:name or an absolute IRI",
    "class-instance": "the name of an entity, prefix:name or an absolute IRI",
    "string": "a text",
    "integer": "a whole number",
    "decimal": "a decimal number",
    "date": "a date such as 2011-03-17",
    "boolean": "true or false",
}
