"""``/ns``: the vocabulary, one page for people with an anchor for each term, one document for tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, abort, render_template, request

from r2p_kg import media, vocab
from r2p_kg.web import accept, protocol, replies, resources, service

if TYPE_CHECKING:
    from r2p_kg.web.index import Index
    from r2p_kg.web.terms import Node

blueprint = Blueprint("vocabulary", __name__)

ONTOLOGY: Final = vocab.BASE + "ns"

#: Section of the page → classes whose instances it lists.
_SECTIONS: Final = {
    "Classes": (vocab.OWL + "Class", vocab.RDFS + "Class"),
    "Relations": (vocab.OWL + "ObjectProperty",),
    "Attributes": (vocab.OWL + "DatatypeProperty", vocab.OWL + "AnnotationProperty"),
}
_FACTS: Final = {
    "scope": vocab.SKOS + "scopeNote",
    "example": vocab.SKOS + "example",
    "narrower than": vocab.RDFS + "subClassOf",
    "a kind of": vocab.RDFS + "subPropertyOf",
    "leads from": vocab.RDFS + "domain",
    "leads to": vocab.RDFS + "range",
    "inverse of": vocab.OWL + "inverseOf",
}


@dataclass(frozen=True)
class Entry:
    """One term of the vocabulary as the page shows it."""

    iri: str
    name: str
    label: str
    definition: str
    facts: tuple[tuple[str, tuple[Node, ...]], ...]


@blueprint.route("/ns")
def page() -> Response:
    """The vocabulary in the form that the request asks for."""
    return _reply(protocol.wanted({name: request.args.getlist(name) for name in protocol.FORMAT}))


@blueprint.route("/ns.<suffix>")
def document(suffix: str) -> Response:
    """The vocabulary in the form of the suffix."""
    if f".{suffix}" not in resources.SUFFIXES:
        abort(404)
    return _reply(resources.SUFFIXES[f".{suffix}"], negotiated=False)


def _reply(wanted: str | None, *, negotiated: bool = True) -> Response:
    now = service.current()
    if wanted in {"text/html", "html"} or (wanted is None and accept.wants_html()):
        media_type = "text/html"
    else:
        media_type = media.negotiate(request.headers.get("Accept"), "graph", wanted).media_type
    etag = replies.tag(now.snapshot.digest, "ns", media_type)
    reply = replies.unchanged(etag)
    if reply is None:
        body = now.once(f"ns {media_type}", lambda: _html(now.index) if media_type == "text/html" else _document(now.index, media_type))
        reply = replies.data(body, media_type, etag)
    if negotiated:
        reply.headers["Content-Location"] = "/ns" + next(end for end, kind in resources.SUFFIXES.items() if kind == media_type)
    reply.headers["Link"] = ", ".join(f'</ns{suffix}>; rel="alternate"; type="{kind}"' for suffix, kind in resources.SUFFIXES.items())
    return reply


def _document(index: Index, media_type: str) -> bytes | str:
    """Everything that the graph of the schema says, and the header wherever it stands."""
    return resources.written(index, [*index.in_graph(vocab.SCHEMA_GRAPH), *index.closure(ONTOLOGY)], media_type)


def _html(index: Index) -> bytes | str:
    sections = {title: _entries(index, classes) for title, classes in _SECTIONS.items()}
    description = [node.value for node in index.values(ONTOLOGY, vocab.DCTERMS + "description")]
    return render_template("ns.html", description=description, iri=ONTOLOGY, sections=sections, suffixes=resources.SUFFIXES)


def _entries(index: Index, classes: tuple[str, ...]) -> list[Entry]:
    """The terms of our own namespace that are instances of these classes, by name."""
    found = {iri for of in classes for iri, _ in index.instances(of) if iri.startswith(vocab.NS)}
    return [_entry(index, iri) for iri in sorted(found, key=str.casefold)]


def _entry(index: Index, iri: str) -> Entry:
    definitions = index.values(iri, vocab.SKOS_DEFINITION)
    facts = tuple((title, tuple(node for node in index.values(iri, predicate) if node.kind != "bnode")) for title, predicate in _FACTS.items())
    return Entry(
        iri=iri,
        name=iri.removeprefix(vocab.NS),
        label=index.label(iri),
        definition=definitions[0].value if definitions else "",
        facts=tuple((title, nodes) for title, nodes in facts if nodes),
    )
