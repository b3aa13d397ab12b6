"""The dataset as a whole: service description, VoID and DCAT, and the dumps."""

from __future__ import annotations

import gzip
import re
from typing import Final

from flask import Blueprint, Response, abort, render_template, request

from r2p_kg.graph import media, rdf
from r2p_kg.web import accept, describe, replies, service, update

blueprint = Blueprint("dataset", __name__)

#: Dump name → its media type; the compressed one is made from the first.
DUMPS: Final = {
    "r2p.nq": "application/n-quads",
    "r2p.nq.gz": "application/gzip",
    "r2p.trig": "application/trig",
}

#: What a Host header may hold to stand in an IRI that we write (RFC 3986, section 3.2.2).
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


def base_url() -> str:
    """Where this service is reached, without a final slash: as configured, else as the request says."""
    public = service.current().settings.public_url
    if public:
        return public.rstrip("/")
    host = request.host if _HOST.fullmatch(request.host) else "localhost"
    return f"{request.scheme}://{host}"


def service_description() -> Response:
    """The description of the service in the format asked for (SPARQL 1.1 Service Description, section 2)."""
    return _described(media.negotiate(request.headers.get("Accept"), "graph", accept.wanted()).media_type)


@blueprint.route("/void")
@blueprint.route("/.well-known/void")
def void() -> Response:
    """The dataset's description, the same document as the service's: SD, VoID, DCAT and the saved queries."""
    chosen = accept.chosen("graph")
    if chosen == accept.HTML:
        now = service.current()
        etag = replies.tag(now.version, "void", base_url(), request.path)
        page = render_template(
            "dataset.html",
            dumps=DUMPS,
            graphs=now.index.graphs(),
            text=_description("text/turtle").decode(),
            snapshot=now.snapshot,
        )
        return replies.unchanged(etag) or replies.data(page, "text/html", etag)
    return _described(chosen)


@blueprint.route("/dumps/<name>")
def dump(name: str) -> Response:
    """The whole snapshot in one file.

    The digest is its tag, ``.nq`` is the very text that the digest is computed of.
    """
    now = service.current()
    if name not in DUMPS:
        abort(404)
    etag = f"{now.snapshot.digest}-{name}"
    if same := replies.unchanged(etag):
        return same
    reply = replies.data(now.once(f"dump {name}", lambda: _dump(name)), DUMPS[name], etag)
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return reply


def _dump(name: str) -> bytes:
    snapshot = service.current().snapshot
    if name == "r2p.nq":
        return snapshot.quads
    if name == "r2p.nq.gz":
        return gzip.compress(snapshot.quads, 6, mtime=0)
    return rdf.write(rdf.quads_of(snapshot.quads), DUMPS[name], snapshot.prefixes)


def _described(media_type: str) -> Response:
    etag = replies.tag(service.current().version, "describe", base_url(), media_type, update.writable())
    return replies.unchanged(etag) or replies.data(_description(media_type), media_type, etag)


def _description(media_type: str) -> bytes:
    now = service.current()
    counts = now.once("counts", lambda: describe.Counts.of(now.snapshot))
    mode = describe.Mode(
        union=now.settings.union, writable=update.writable(), described=bool(now.snapshot.description)
    )
    quads = describe.service(now.snapshot, counts, now.library, base_url(), now.settings, mode=mode)
    return rdf.write(quads, media_type, {**now.snapshot.prefixes, **describe.PREFIXES})
