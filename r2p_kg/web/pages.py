"""What templates may call: names, addresses and links of terms, made safe here once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from r2p_kg import __version__
from r2p_kg.web import service, terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask


def address(iri: str) -> str | None:
    """Where a link to a thing leads: its page here where the snapshot describes it, else its own http address, else nowhere."""
    index = service.current().index
    own = terms.local(iri)
    if own and (index.knows(iri) or own.startswith("/ns")):
        return own
    if index.outgoing(iri):
        return f"/resource?{urlencode({'iri': iri})}"
    return terms.external(iri)


def leads_out(iri: str) -> bool:
    """True where :func:`address` leaves this service."""
    return address(iri) == iri


def label(iri: str) -> str:
    """What a person reads for an IRI."""
    return service.current().index.label(iri)


def short(iri: str) -> str:
    """An IRI as prefix and name."""
    return terms.short(iri, service.current().index.prefixes)


def name(iri: str) -> str:
    """A graph's name for people: its path below the project's graphs, else its IRI."""
    return iri.rpartition("/graph/")[2] if "/graph/" in iri else iri


def addressed(values: Mapping[str, object]) -> str:
    """Names and values as the query part of an address, those that are None or empty left out."""
    return urlencode({name: value for name, value in values.items() if value not in {None, ""}})


def register(app: Flask) -> None:
    """Give the templates of an application these functions."""
    style = hashlib.sha256((Path(__file__).parent / "static" / "style.css").read_bytes()).hexdigest()[:12]
    app.jinja_env.filters["addressed"] = addressed
    app.jinja_env.globals.update(address=address, graph_name=name, label=label, leads_out=leads_out, short=short, style=style, version=__version__)
