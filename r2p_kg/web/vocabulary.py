"""``/ns``: the vocabulary, one page for people with an anchor for each term, one document for tools.

And the same under its version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template

from r2p_kg.graph import explain, vocab
from r2p_kg.web import accept, diagram, glossary, replies, resources, service
from r2p_kg.web.glossary import ONTOLOGY
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from r2p_kg.web.index import Index

blueprint = Blueprint("vocabulary", __name__)


@blueprint.route("/ns")
def page() -> Response:
    """The vocabulary in the form that the request asks for."""
    return _reply("/ns", accept.chosen("graph"))


@blueprint.route("/ns.<suffix>")
def document(suffix: str) -> Response:
    """The vocabulary in the form of the suffix."""
    if f".{suffix}" not in resources.SUFFIXES:
        abort(404)
    return _reply("/ns", resources.SUFFIXES[f".{suffix}"], negotiated=False)


@blueprint.route("/ns/<path:name>")
def version(name: str) -> Response:
    """The vocabulary under the address of its version; 404 for a version that this snapshot does not hold."""
    held = [
        node.value.removeprefix(ONTOLOGY + "/")
        for node in service.current().index.values(ONTOLOGY, glossary.VERSION_IRI)
    ]
    if name in held:
        return _reply(f"/ns/{name}", accept.chosen("graph"))
    suffix = next((suffix for suffix in resources.SUFFIXES if name.endswith(suffix)), "")
    if suffix and name.removesuffix(suffix) in held:
        return _reply(f"/ns/{name.removesuffix(suffix)}", resources.SUFFIXES[suffix], negotiated=False)
    known = f"it holds {held[0]}, at /ns/{held[0]}" if held else "its vocabulary has no version"
    message = (
        f"this service does not hold version {name.removesuffix(suffix)} of the vocabulary; {known}, "
        "and every released version is kept with its release"
    )
    raise RequestError(404, message)


def _reply(path: str, media_type: str, *, negotiated: bool = True) -> Response:
    now = service.current()
    path = now.prefix + path
    etag = replies.tag(now.version, "ns", media_type)
    reply = replies.unchanged(etag)
    if reply is None:
        body = now.once(
            f"ns {media_type}",
            lambda: _html(now.index) if media_type == "text/html" else _document(now.index, media_type),
        )
        reply = replies.data(body, media_type, etag)
    if negotiated:
        reply.headers["Content-Location"] = path + next(
            end for end, kind in resources.SUFFIXES.items() if kind == media_type
        )
    reply.headers["Link"] = ", ".join(
        f'<{path}{suffix}>; rel="alternate"; type="{kind}"' for suffix, kind in resources.SUFFIXES.items()
    )
    return reply


def _document(index: Index, media_type: str) -> bytes | str:
    """Everything that the graph of the schema says, and the header wherever it stands."""
    return resources.written(
        index, [*index.in_graph(vocab.SCHEMA_GRAPH), *index.closure(ONTOLOGY)], media_type
    )


def _html(index: Index) -> bytes | str:
    now = service.current()
    found = glossary.of(index, now.once("explainer", lambda: explain.Explainer(now.snapshot)))
    shown = diagram.overview(index)
    return render_template(
        "ns.html",
        description=[node.value for node in index.values(ONTOLOGY, vocab.DCTERMS + "description")],
        iri=ONTOLOGY,
        glossary=found,
        kinds=glossary.KINDS,
        drawing=diagram.draw(index, shown) if shown else None,
        words=diagram.in_words(index, shown) if shown else None,
        has_shapes=bool(index.in_graph(vocab.SHAPES_GRAPH)),
        suffixes=resources.SUFFIXES,
    )
