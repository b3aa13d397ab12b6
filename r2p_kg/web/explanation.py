"""``/explain?s=&p=&o=``: why a triple stands here, as a page for people, as JSON or as Turtle for tools."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from flask import Blueprint, Response, render_template, request

from r2p_kg.errors import NotAcceptableError, UsageError
from r2p_kg.graph import explain
from r2p_kg.web import accept, replies, service
from r2p_kg.web.problems import RequestError

blueprint = Blueprint("explanation", __name__)

#: Name of a format → its media type, the default first.
FORMATS: Final = {
    "json": "application/json",
    "turtle": "text/turtle",
    "ttl": "text/turtle",
    "html": "text/html",
}
_PARTS: Final = {"s": "subject", "p": "predicate", "o": "object"}


@blueprint.route("/explain")
def why() -> Response:
    """The explanation of one triple; without a triple, a form for people."""
    media_type = _media_type()
    texts = {name: request.args.get(name, "").strip() for name in _PARTS}
    if media_type == "text/html" and not any(texts.values()):
        return Response(
            render_template(
                "explain.html", found=None, texts=texts, meanings=explain.MEANINGS, names=_explainer()
            ),
            mimetype="text/html",
        )
    fact = _fact(texts)
    now = service.current()
    etag = replies.tag(now.version, now.once("origins", _version), *fact, media_type)
    if same := replies.unchanged(etag):
        return same
    found = _explainer().explain(fact)
    if found is None:
        message = (
            f"the snapshot does not hold {_explainer().sentence(fact)}, neither written nor entailed; "
            "what it says of a thing stands on the thing's page"
        )
        raise RequestError(404, message, subject=fact[0], predicate=fact[1], object=fact[2])
    return replies.data(_body(found, media_type, texts), media_type, etag)


def _body(found: explain.Explanation, media_type: str, texts: dict[str, str]) -> str | bytes:
    if media_type == "text/turtle":
        return explain.as_rdf(found, _explainer().prefixes)
    if media_type == "text/html":
        return render_template(
            "explain.html", found=found, texts=texts, meanings=explain.MEANINGS, names=_explainer()
        )
    return json.dumps(explain.as_json(found), ensure_ascii=False, indent=1) + "\n"


def _fact(texts: dict[str, str]) -> explain.Fact:
    """The triple that the request names, in N-Triples."""
    terms = []
    for name, part in _PARTS.items():
        if not texts[name]:
            message = (
                f"the address lacks the {part}; write /explain?s=…&p=…&o=…, each a prefixed name, an IRI "
                "or a literal in percent-encoding"
            )
            raise RequestError(400, message, parameter=name)
        try:
            terms.append(explain.term(texts[name], _explainer().prefixes))
        except UsageError as error:
            raise RequestError(400, f"{part}: {error}", parameter=name) from error
    subject, predicate, value = terms
    return subject, predicate, value


def _media_type() -> str:
    """The type asked for by name, else by Accept; JSON if the request does not mind."""
    wanted = (accept.wanted() or "").strip().lower()
    if wanted in FORMATS.values():
        return wanted
    if wanted and wanted not in FORMATS:
        there_is = ", ".join(FORMATS)
        message = f"format={wanted[:40]}: there is no such format of an explanation; write one of {there_is}"
        raise NotAcceptableError(message)
    if wanted:
        return FORMATS[wanted]
    if accept.wants_html():
        return "text/html"
    offers = list(dict.fromkeys(FORMATS.values()))
    best = request.accept_mimetypes.best_match(offers, "") if request.accept_mimetypes else offers[0]
    if not best:
        message = (
            f"none of the types in Accept: {request.headers.get('Accept')} can be produced for an "
            f"explanation; there is {', '.join(offers)}"
        )
        raise NotAcceptableError(message)
    return best


def _explainer() -> explain.Explainer:
    now = service.current()
    return now.once("explainer", lambda: explain.Explainer(now.snapshot))


def _version() -> str:
    """What decides explanations beside the digest: lines move without a change of what is said."""
    return hashlib.sha256(service.current().snapshot.origins).hexdigest()
