"""One table of media types, formats and suffixes, and the negotiation over it.

Results: SPARQL 1.1 Query Results JSON, XML, CSV and TSV
(https://www.w3.org/TR/sparql11-overview/#sparql11-results). Graphs: Turtle, N-Triples, RDF/XML, JSON-LD, TriG
and N-Quads. Negotiation: RFC 9110, section 12.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from r2p_kg.errors import NotAcceptableError

#: The kinds of answer that a format can carry. A dataset format keeps the graph names.
KINDS: Final = ("select", "ask", "graph", "dataset")


@dataclass(frozen=True)
class Format:
    """One format: its media type, its suffix with the dot, the kinds it carries, and other names by which clients ask for it.

    ``aliases`` holds both media types and the short names that ``format=`` takes, in lower case.
    """

    name: str
    media_type: str
    suffix: str
    kinds: frozenset[str]
    aliases: tuple[str, ...]


_RESULTS = frozenset({"select", "ask"})
_TABLE = frozenset({"select"})
_GRAPH = frozenset({"graph"})
_DATASET = frozenset({"graph", "dataset"})

#: In order of preference: where a client does not mind, it gets the first of the kind.
FORMATS: Final[tuple[Format, ...]] = (
    Format(
        "SPARQL JSON",
        "application/sparql-results+json",
        ".srj",
        _RESULTS,
        ("application/json", "text/json", "json", "srj", "sparql-results+json"),
    ),
    Format(
        "SPARQL XML",
        "application/sparql-results+xml",
        ".srx",
        _RESULTS,
        ("application/xml", "text/xml", "xml", "srx", "sparql-results+xml"),
    ),
    Format("CSV", "text/csv", ".csv", _TABLE, ("csv",)),
    Format("TSV", "text/tab-separated-values", ".tsv", _TABLE, ("tsv", "text/tsv")),
    Format(
        "Turtle",
        "text/turtle",
        ".ttl",
        _GRAPH,
        ("turtle", "ttl", "application/x-turtle", "application/turtle", "n3", "text/n3"),
    ),
    Format(
        "N-Triples",
        "application/n-triples",
        ".nt",
        _GRAPH,
        ("nt", "ntriples", "n-triples", "text/plain", "text/ntriples"),
    ),
    Format(
        "RDF/XML",
        "application/rdf+xml",
        ".rdf",
        _GRAPH,
        ("rdf", "rdfxml", "rdf+xml", "rdf/xml", "xml", "application/xml", "text/xml"),
    ),
    Format(
        "JSON-LD",
        "application/ld+json",
        ".jsonld",
        _DATASET,
        ("jsonld", "json-ld", "json", "application/json", "ld+json"),
    ),
    Format("TriG", "application/trig", ".trig", _DATASET, ("trig", "application/x-trig")),
    Format("N-Quads", "application/n-quads", ".nq", _DATASET, ("nq", "nquads", "n-quads", "text/x-nquads")),
)


@lru_cache(maxsize=512)
def negotiate(accept: str | None, kind: str, wanted: str | None = None) -> Format:
    """The format that an answer of this kind gets.

    ``wanted`` is the value of a ``format``, ``output`` or ``results`` parameter; one that names no format of
    the kind is ignored in favour of ``accept``, the value of the Accept header. Nothing asked gives the
    default of the kind. Raises NotAcceptableError, naming what there is, where the header rules everything
    out.
    """
    offers = [form for form in FORMATS if kind in form.kinds]
    if wanted is not None and (named := _named(wanted.strip().lower(), offers)):
        return named
    ranges = _ranges(accept)
    if not ranges:
        return offers[0]
    scored = [(max(_quality(form, ranges)), -place, form) for place, form in enumerate(offers)]
    (quality, _), _, best = max(scored, key=lambda entry: entry[:2])
    if quality > 0:
        return best
    there_is = ", ".join(form.media_type for form in offers)
    message = f"none of the types in Accept: {accept} can be produced for this answer; there is {there_is}"
    raise NotAcceptableError(message)


def by_suffix(suffix: str, kind: str) -> Format | None:
    """The format whose files end so (``.ttl``), where it carries the kind."""
    return next((form for form in FORMATS if form.suffix == suffix and kind in form.kinds), None)


def _named(name: str, offers: list[Format]) -> Format | None:
    return next((form for form in offers if name == form.media_type or name in form.aliases), None)


def _ranges(accept: str | None) -> list[tuple[str, float]]:
    """Media ranges with their qualities.

    A part that cannot be read is passed over, as browsers and proxies expect.
    """
    found = []
    for part in (accept or "").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if name.count("/") == 1 and not name.startswith("/") and not name.endswith("/"):
            found.append((name, quality))
        elif name == "*":
            found.append(("*/*", quality))
    return found


def _quality(form: Format, ranges: list[tuple[str, float]]) -> list[tuple[float, int]]:
    """(quality, precision) of the most precise ranges that match; ``(0, 0)`` where none does."""
    names = (form.media_type, *(alias for alias in form.aliases if "/" in alias))
    matches = []
    for name, quality in ranges:
        if name in names:
            matches.append((2 if name == form.media_type else 1, quality))
        elif name == "*/*":
            matches.append((-1, quality))
        elif name.endswith("/*") and form.media_type.startswith(name[:-1]):
            matches.append((0, quality))
    if not matches:
        return [(0.0, -2)]
    precision = max(level for level, _ in matches)
    return [(max(quality for level, quality in matches if level == precision), precision)]
