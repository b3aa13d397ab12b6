"""What was made of each passage of each source document: completeness that can be seen."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

from r2p_kg.graph import census, rdf
from r2p_kg.web import accept, replies, service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.graph.census import Coverage, Reading

blueprint = Blueprint("coverage", __name__)


@blueprint.route("/census")
def passages() -> Response:
    """Each passage with its statements, or with the reason why it has none, as a page or as JSON."""
    now = service.current()
    page = accept.is_page()
    etag = replies.tag(now.version, "census", page)
    if same := replies.unchanged(etag):
        return same
    documents, readings = now.once("coverage", lambda: _coverage(now.snapshot.quads))
    if page:
        return replies.data(
            render_template("census.html", documents=documents, readings=readings), "text/html", etag
        )
    content = [asdict(one) for one_document in documents for one in readings.get(one_document.document, ())]
    return replies.data(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "application/json", etag)


def _coverage(quads: bytes) -> tuple[Sequence[Coverage], Mapping[str, Sequence[Reading]]]:
    parsed = rdf.quads_of(quads)
    readings = census.readings(parsed)
    return census.coverage(parsed), {
        document: tuple(group) for document, group in groupby(readings, attrgetter("document"))
    }
