"""``/sparql``: the protocol for tools, a form and a table for people, the service description for both."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from r2p_kg.graph import media
from r2p_kg.web import accept, answers, dataset, preparing, service, update
from r2p_kg.web.problems import RequestError
from r2p_kg.web.protocol import Question

blueprint = Blueprint("sparql", __name__)

EXAMPLE = """\
SELECT ?type (COUNT(?thing) AS ?things)
WHERE { ?thing a ?type }
GROUP BY ?type
ORDER BY DESC(?things)
"""


@blueprint.route("/sparql", methods=["GET", "POST", "QUERY"], strict_slashes=False)
@blueprint.route("/sparql/", methods=["GET", "POST", "QUERY"])
def sparql() -> Response:
    """Answer one query or update (SPARQL 1.1 Protocol, section 2).

    Without either, show the form or describe the service.
    """
    found = preparing.current()
    if found.sent is not None and found.sent.is_update:
        return update.respond(found.sent)
    if found.plan is not None:
        return answers.page(found, "answer.html", formats=media.formats(found.plan.kind))
    return _without_query(found.question or Question(None))


def _without_query(question: Question) -> Response:
    if request.method == "GET" and accept.wants_html():
        return form()
    if request.method == "GET" and question.bare and _rdf_is_welcome():
        return dataset.service_description()
    message = (
        "the request has no query; send one as the parameter query, or as a body of type "
        "application/sparql-query"
    )
    raise RequestError(400, message, parameter="query")


def _rdf_is_welcome() -> bool:
    """False if the request names only types that no RDF format has.

    It expected an answer, not a description.
    """
    named = request.accept_mimetypes
    return not named or any(named[form.media_type] > 0 for form in media.formats("graph"))


def form(query: str = EXAMPLE) -> Response:
    """The page with the form, which works without JavaScript."""
    formats = {"formats": media.formats("select"), "graph_formats": media.formats("graph")}
    return Response(
        render_template("sparql.html", query=query, settings=service.current().settings, **formats)
    )
