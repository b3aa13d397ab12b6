"""The one table of formats: media types, suffixes, names and IRIs; and the negotiation over it.

Results: SPARQL 1.1 Query Results JSON, XML, CSV and TSV
(https://www.w3.org/TR/sparql11-overview/#sparql11-results). Graphs: Turtle, N-Triples, RDF/XML, JSON-LD, TriG
and N-Quads. Negotiation: RFC 9110, section 12.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from r2p_kg.errors import NotAcceptableError


@dataclass(frozen=True)
class Format:
    """One way to write an answer.

    Attributes:
        name: what people call it.
        media_type: the registered media type, in lower case.
        iri: its name among https://www.w3.org/ns/formats/.
        kinds: the kinds of answer that it can carry: ``select``, ``ask``, ``graph``, and ``dataset`` if it
            keeps the names of graphs.
        suffixes: endings of its files, each with its dot, the usual one first.
        names: short names for ``format=`` and ``--format``, in lower case, the usual one first.
        other_types: media types under which clients know it as well.

    """

    name: str
    media_type: str
    iri: str
    kinds: frozenset[str]
    suffixes: tuple[str, ...]
    names: tuple[str, ...]
    other_types: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """The usual ending of its files, with the dot."""
        return self.suffixes[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every name besides the registered media type by which a client may ask for it."""
        return (*self.names, *self.other_types)


_IRI: Final = "http://www.w3.org/ns/formats/"
_RESULTS = frozenset({"select", "ask"})
_TABLE = frozenset({"select"})
_GRAPH = frozenset({"graph"})
_DATASET = frozenset({"graph", "dataset"})

#: In order of preference: a client that does not mind gets the first of the kind.
FORMATS: Final[tuple[Format, ...]] = (
    Format(
        "SPARQL JSON",
        "application/sparql-results+json",
        _IRI + "SPARQL_Results_JSON",
        _RESULTS,
        (".srj",),
        ("json", "srj", "sparql-results+json"),
        ("application/json", "text/json"),
    ),
    Format(
        "SPARQL XML",
        "application/sparql-results+xml",
        _IRI + "SPARQL_Results_XML",
        _RESULTS,
        (".srx",),
        ("xml", "srx", "sparql-results+xml"),
        ("application/xml", "text/xml"),
    ),
    Format("CSV", "text/csv", _IRI + "SPARQL_Results_CSV", _TABLE, (".csv",), ("csv",)),
    Format(
        "TSV",
        "text/tab-separated-values",
        _IRI + "SPARQL_Results_TSV",
        _TABLE,
        (".tsv",),
        ("tsv",),
        ("text/tsv",),
    ),
    Format(
        "Turtle",
        "text/turtle",
        _IRI + "Turtle",
        _GRAPH,
        (".ttl", ".turtle"),
        ("turtle", "ttl", "n3"),
        ("application/x-turtle", "application/turtle", "text/n3"),
    ),
    Format(
        "N-Triples",
        "application/n-triples",
        _IRI + "N-Triples",
        _GRAPH,
        (".nt", ".ntriples"),
        ("nt", "ntriples", "n-triples"),
        ("text/plain", "text/ntriples"),
    ),
    Format(
        "RDF/XML",
        "application/rdf+xml",
        _IRI + "RDF_XML",
        _GRAPH,
        (".rdf", ".owl", ".xml"),
        ("xml", "rdf", "rdfxml", "rdf+xml", "rdf/xml"),
        ("application/xml", "text/xml"),
    ),
    Format(
        "JSON-LD",
        "application/ld+json",
        _IRI + "JSON-LD",
        _DATASET,
        (".jsonld",),
        ("json", "jsonld", "json-ld", "ld+json"),
        ("application/json",),
    ),
    Format(
        "TriG", "application/trig", _IRI + "TriG", _DATASET, (".trig",), ("trig",), ("application/x-trig",)
    ),
    Format(
        "N-Quads",
        "application/n-quads",
        _IRI + "N-Quads",
        _DATASET,
        (".nq", ".nquads"),
        ("nq", "nquads", "n-quads"),
        ("text/x-nquads",),
    ),
)


def formats(kind: str) -> tuple[Format, ...]:
    """Every format that carries the kind, the default first."""
    return tuple(form for form in FORMATS if kind in form.kinds)


def named(name: str, kind: str) -> Format:
    """The format of that kind which a client calls so: ``json``, ``ttl``, ``text/csv``, in any case.

    A blank is read as the plus sign that a form field loses if it is not encoded. Raises NotAcceptableError,
    which lists the usual names, if there is no such format or it cannot carry the kind.
    """
    wanted = name.strip().lower().replace(" ", "+")
    offers = formats(kind)
    for form in offers:
        if wanted == form.media_type or wanted in form.aliases:
            return form
    known = next((form.name for form in FORMATS if wanted in (form.media_type, *form.aliases)), None)
    reason = f"{known} cannot carry this answer" if known else "there is no such format"
    message = (
        f"format={name.strip()[:40]}: {reason}; write one of {', '.join(form.names[0] for form in offers)}"
    )
    raise NotAcceptableError(message)


def by_suffix(suffix: str, kind: str) -> Format | None:
    """The format of that kind whose files end so (``.ttl``, in any case); None if there is no such format."""
    return next((form for form in formats(kind) if suffix.lower() in form.suffixes), None)


def by_type(media_type: str) -> Format | None:
    """The format with that registered media type, else None."""
    return next((form for form in FORMATS if form.media_type == media_type), None)


@lru_cache(maxsize=512)
def negotiate(accept: str | None, kind: str, wanted: str | None = None) -> Format:
    """The format that an answer of this kind gets.

    ``wanted``, the value of a ``format``, ``output`` or ``results`` parameter, decides alone; else ``accept``
    does, the value of the Accept header. A client that asks for nothing gets the default of the kind. Raises
    NotAcceptableError, which lists the formats of the kind, if nothing that was asked for is one of them.
    """
    if wanted is not None and wanted.strip():
        return named(wanted, kind)
    offers = formats(kind)
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
    """(quality, precision) of the most precise ranges that match; ``(0, -2)`` if none does."""
    names = (form.media_type, *form.other_types)
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
