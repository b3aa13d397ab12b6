"""Who asks, a person with a browser or a tool, and in which format the answer is wanted."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from r2p_kg.errors import NotAcceptableError
from r2p_kg.graph import media

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HTML: Final = "text/html"
JSON: Final = "application/json"

#: Parameters that ask for a format by name; SPARQLWrapper sends all three, with one value.
FORMAT: Final = ("format", "output", "results")

_PAGE: Final = frozenset({HTML, "application/xhtml+xml"})
_NAMES: Final = frozenset({"html", "xhtml", *_PAGE})


@lru_cache(maxsize=512)
def wants_page(accepted: str | None, wanted: str | None = None) -> bool:
    """True if an Accept header names HTML and names nothing that it likes better; a bare ``*/*`` is a tool's.

    A format asked for by name (``wanted``) decides alone.
    """
    if wanted is not None and wanted.strip():
        return wanted.strip().lower() in _NAMES
    ranges = parse_accept_header(accepted, MIMEAccept)
    named = [(value, quality) for value, quality in ranges if "*" not in value and quality > 0]
    pages = [quality for value, quality in named if value.lower() in _PAGE]
    return bool(pages) and max(pages) >= max(quality for _, quality in named)


def named(fields: Mapping[str, Sequence[str]]) -> str | None:
    """The format that the parameters ask for by name: the first that is given wins."""
    return next((value for name in FORMAT for value in fields.get(name, ()) if value.strip()), None)


def wanted() -> str | None:
    """The format that the current request asks for by name."""
    return named({name: request.args.getlist(name) for name in FORMAT})


def wants_html() -> bool:
    """True if the current request asks for a page; a format that there is not leaves the choice to Accept."""
    name, accepted = wanted(), request.headers.get("Accept")
    return wants_page(accepted, name) or (not _known(name) and wants_page(accepted))


def media_type(accepted: str | None, kind: str, name: str | None) -> str:
    """The media type that an answer of a kind gets, ``text/html`` for a page.

    Raises NotAcceptableError, which names what there is, if nothing that was asked for is there.
    """
    return HTML if wants_page(accepted, name) else media.negotiate(accepted, kind, name).media_type


def chosen(kind: str) -> str:
    """As :func:`media_type`, for the current request."""
    return media_type(request.headers.get("Accept"), kind, wanted())


def is_page() -> bool:
    """True if the current request asks for a page, False if for the JSON that stands beside the page.

    Raises NotAcceptableError if it asks by name for anything else.
    """
    name = (wanted() or "").strip().lower()
    if name and name not in _NAMES and name not in {"json", JSON}:
        message = f"format={name[:40]}: there is no such format here; write one of json, html"
        raise NotAcceptableError(message)
    return wants_html()


def _known(name: str | None) -> bool:
    """True if the name means some format of ours."""
    text = (name or "").strip().lower()
    return any(text == form.media_type or text in form.aliases for form in media.FORMATS)
