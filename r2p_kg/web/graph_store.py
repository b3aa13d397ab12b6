"""``/rdf-graph-store``.

One graph at a time, read and, if the operator allows it, replaced, merged and removed.

SPARQL 1.1 Graph Store HTTP Protocol, https://www.w3.org/TR/sparql11-http-rdf-update/. PATCH is not offered. A
graph exists as long as it holds triples; the default graph always does.
"""

from __future__ import annotations

import re
import uuid
from codecs import BOM_UTF8
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from r2p_kg.engine.changes import GraphChange, Payload
from r2p_kg.graph import media, rdf, vocab
from r2p_kg.web import accept, dataset, protocol, replies, service, update
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.datastructures import FileStorage

blueprint = Blueprint("graph_store", __name__)

PATH: Final = "/rdf-graph-store"

_ABSOLUTE: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|\\^`]*')
_MULTIPART: Final = "multipart/form-data"


@blueprint.route(PATH, methods=["GET", "PUT", "POST", "DELETE"], strict_slashes=False)
@blueprint.route(f"{PATH}/", methods=["GET", "PUT", "POST", "DELETE"])
def indirect() -> Response:
    """The graph that the address names as ``?graph=`` and an IRI, or ``?default`` (section 4.2)."""
    named = [
        (name, value)
        for name, value in protocol.fields_of(request.query_string, "the address")
        if name in {"graph", "default"}
    ]
    if not named and request.method == "POST":
        return _create()
    if len(named) != 1:
        message = (
            f"the address names {len(named)} graphs; write {PATH}?graph= and one IRI in percent-encoding, "
            f"or {PATH}?default"
        )
        raise RequestError(400, message, parameter="graph")
    name, value = named[0]
    if name == "graph" and not _ABSOLUTE.fullmatch(value):
        message = f"{value[:200]!r} is not an absolute IRI; write it in full, percent-encoded once"
        raise RequestError(400, message, parameter="graph")
    return _answer(value if name == "graph" else None)


@blueprint.route(f"{PATH}/<path:name>", methods=["GET", "PUT", "POST", "DELETE"])
def direct(name: str) -> Response:
    """The graph whose IRI is the very address of the request (section 4.1)."""
    del name  # decoded once; the address as it was sent is the IRI
    return _answer(dataset.base_url() + _raw_path())


def _answer(graph: str | None) -> Response:
    """What the method does with a graph; None is the default graph."""
    if request.method in {"GET", "HEAD"}:
        return _read(graph)
    update.authorise()
    if request.method == "DELETE":
        written = update.write(GraphChange("remove", graph))
        if not written.existed:
            raise _unknown(graph)
        return update.done(written)
    action = "replace" if request.method == "PUT" else "merge"
    written = update.write(GraphChange(action, graph, tuple(_payloads()), graph or request.base_url))
    return update.done(written, 204 if written.existed else 201)


def _create() -> Response:
    """A new graph with a name of ours (section 5.5): 201, and Location says the name."""
    update.authorise()
    graph = f"{dataset.base_url()}{PATH}/{uuid.uuid4()}"
    reply = update.done(update.write(GraphChange("merge", graph, tuple(_payloads()), graph)), 201)
    reply.headers["Location"] = graph
    return reply


def _read(graph: str | None) -> Response:
    """The triples of a graph in the format asked for (section 5.2)."""
    now = service.current()
    if graph is not None and graph not in (now.graphs or ()) and not now.index.in_graph(graph):
        raise _unknown(graph)
    form = media.negotiate(request.headers.get("Accept"), "graph", accept.wanted())
    etag = replies.tag(now.version, "graph", graph, form.media_type)
    if same := replies.unchanged(etag):
        return same
    # Written once for each graph and format: nobody can keep the service busy with the largest graph.
    body = now.once(
        f"graph store {form.media_type} {graph or ''}",
        lambda: rdf.write(_triples(graph), form.media_type, now.snapshot.prefixes),
    )
    reply = replies.data(body, form.media_type, etag)
    reply.headers["Content-Disposition"] = f'inline; filename="graph{form.suffix}"'
    return reply


def _triples(graph: str | None) -> list[Any]:
    """The triples of a graph without its name.

    The default graph is the union of all if the service says so.
    """
    now = service.current()
    if graph is None and now.settings.union:
        return rdf.without_graphs(rdf.quads_of(now.snapshot.served))
    if graph == vocab.SERVICE_GRAPH and now.snapshot.description:
        return rdf.without_graphs(rdf.quads_of(now.snapshot.description))
    return rdf.without_graphs(now.index.in_graph(graph or ""))


def _payloads() -> Iterator[Payload]:
    """The RDF of the request.

    Its body, or each file of a form (section 5.5); raises RequestError (400, 415).
    """
    if request.mimetype != _MULTIPART:
        yield Payload(_media_type(request.mimetype), request.get_data().removeprefix(BOM_UTF8))
        return
    files = [file for _, file in request.files.items(multi=True)]
    if request.method != "POST" or not files:
        message = "a form with files can only be merged with POST, and needs at least one file"
        raise RequestError(400, message)
    yield from (Payload(_media_type(_of_file(file)), file.read().removeprefix(BOM_UTF8)) for file in files)


def _of_file(file: FileStorage) -> str:
    """The media type that a file is sent with, or what its name says if it is sent with none."""
    if file.mimetype and file.mimetype != "application/octet-stream":
        return file.mimetype
    name = (file.filename or "").lower()
    form = media.by_suffix(PurePosixPath(name).suffix, "graph")
    return form.media_type if form else file.mimetype or "none"


def _media_type(sent: str) -> str:
    """Our name of the media type of a body; text/plain is N-Triples, as in 2004."""
    for form in media.formats("graph"):
        if sent in {form.media_type, *form.aliases}:
            return form.media_type
    there_is = [form.media_type for form in media.formats("graph")]
    message = f"a body of type {sent or 'none'} is not understood; send one of {', '.join(there_is)}"
    raise RequestError(415, message, accepted=there_is)


def _raw_path() -> str:
    """The path as it was sent, percent-encoding included, if the server gives it; else encoded anew."""
    sent = str(request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or "").partition("?")[0]
    if _ABSOLUTE.fullmatch(f"path:{sent}") and sent.startswith(f"{PATH}/"):
        return sent
    return urlsplit(request.base_url).path.removeprefix(service.current().prefix)


def _unknown(graph: str | None) -> RequestError:
    message = (
        f"there is no graph <{graph}> here; list the graphs with SELECT DISTINCT ?g {{ GRAPH ?g {{ }} }}"
    )
    return RequestError(404, message)
