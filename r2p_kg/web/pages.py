"""What templates may call: names, addresses and links of terms, made safe here once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import Response, abort, request

from r2p_kg import __version__
from r2p_kg.graph import vocab
from r2p_kg.web import replies, service, terms
from r2p_kg.web.service import service_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Flask

#: Suffixes of the files that pages use.
_STATIC: Final = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}


def address(iri: str) -> str | None:
    """Where a link to a thing leads.

    Its page here if the snapshot describes it, else its own http address, else nowhere.
    """
    now = service.current()
    own = terms.local(iri)
    if iri == vocab.SERVICE_GRAPH and now.snapshot.description:
        return f"{now.prefix}/void"
    if own and (now.index.knows(iri) or own.startswith("/ns")):
        return now.prefix + own
    if now.index.outgoing(iri):
        return f"{now.prefix}/resource?{urlencode({'iri': iri})}"
    return terms.external(iri)


def leads_out(iri: str) -> bool:
    """True if :func:`address` leaves this service."""
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


def why(
    subject: str, predicate: str, value: terms.Node, graphs: Sequence[str], *, turned: bool
) -> str | None:
    """Where a triple that is only entailed is explained, None for one that is written.

    ``turned``: ``value`` is its subject.
    """
    if list(graphs) != [vocab.ENTAILED_GRAPH]:
        return None
    ends = (f"<{subject}>", terms.in_turtle(value))
    first, last = ends[::-1] if turned else ends
    return f"{service.current().prefix}/explain?{urlencode({'s': first, 'p': f'<{predicate}>', 'o': last})}"


def addressed(values: Mapping[str, object]) -> str:
    """Names and values as the query part of an address, those that are None or empty left out."""
    return urlencode({name: value for name, value in values.items() if value not in {None, ""}})


def grouped(census: Mapping[str, int]) -> list[tuple[str, list[tuple[str, int]]]]:
    """The census under headings.

    ``class: tool`` is ``tool`` under Things, ``statements: response`` is ``response`` under Statements.
    """
    titles = {"class": "Things", "statements": "Statements"}
    found: dict[str, list[tuple[str, int]]] = {"Things": [], "Statements": [], "The graph": []}
    for key, count in sorted(census.items()):
        head, sign, tail = key.partition(": ")
        found[titles.get(head, "The graph") if sign else "The graph"].append(
            (tail if sign and head in titles else key, count)
        )
    return [(title, counts) for title, counts in found.items() if counts]


def register(app: Flask) -> None:
    """Give the templates of an application these functions, and its pages their style sheet and icon."""
    files = {
        path.name: path.read_bytes()
        for path in (Path(__file__).parent / "static").iterdir()
        if path.is_file()
    }
    version = hashlib.sha256(b"".join(content for _, content in sorted(files.items()))).hexdigest()[:12]

    def static(filename: str) -> Response:
        """A file of the pages' own; its address carries its version, so that browsers may keep it."""
        media_type = _STATIC.get(Path(filename).suffix)
        if filename not in files or media_type is None:
            abort(404)
        reply = replies.unchanged(version) or replies.data(files[filename], media_type, version)
        reply.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if request.args.get("v") == version else "public, no-cache"
        )
        return reply

    app.add_url_rule("/static/<filename>", "static", static)
    app.jinja_env.filters.update(addressed=addressed, grouped=grouped)
    app.jinja_env.globals.update(
        address=address,
        graph_name=name,
        label=label,
        leads_out=leads_out,
        prefix=service_of(app).prefix,
        short=short,
        style=version,
        version=__version__,
        why=why,
    )
