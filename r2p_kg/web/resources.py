"""``/id/…``, ``/ns``, ``/graph/…`` and ``/resource?iri=``.

What the snapshot says of one thing, as a page or as RDF.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, render_template, request

from r2p_kg.graph import jsonld, media, rdf, vocab
from r2p_kg.web import accept, dataset, replies, service, terms
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from r2p_kg.web.index import Index

blueprint = Blueprint("resources", __name__)

#: Suffix of an address → media type; the suffix decides alone.
SUFFIXES: Final = {
    **{form.suffix: form.media_type for form in media.formats("graph")},
    ".html": accept.HTML,
}

#: Incoming statements that a page shows for each property before it points to the rest.
FIRST: Final = 20
#: Incoming statements on one page that shows only one property, and in one RDF document.
PAGE: Final = 100
PAGE_RDF: Final = 1000


#: What a reader weighs a statement by, put before all else.
_WARRANT: Final = {
    "Cited to": vocab.R2P_CITES,
    "Modality": vocab.R2P_MODALITY,
    "Negated": vocab.R2P_NEGATED,
    "Voice": vocab.R2P_VOICE,
    "As of": vocab.R2P_AS_OF,
}


#: What the head of a page has shown already, by kind of page.
_SHOWN_ABOVE: Final = {
    "statement": (*_WARRANT.values(), vocab.R2P_SAYS),
    "passage": (vocab.R2P_CITED_BY, vocab.R2P_CITES),
    "entity": (),
}


@dataclass(frozen=True)
class Group:
    """The values of one property.

    At most a page of them, ``total`` in all, each with the graphs that say so.
    """

    predicate: str
    values: tuple[tuple[terms.Node, tuple[str, ...]], ...]
    total: int


@blueprint.route("/id/<path:name>")
def entity(name: str) -> Response:
    """An entity, a statement or a passage."""
    return _described(vocab.ID + name)


@blueprint.route("/graph/<path:name>")
def graph(name: str) -> Response:
    """A named graph: what it holds."""
    if vocab.GRAPH + name == vocab.SERVICE_GRAPH and service.current().snapshot.description:
        return dataset.void()
    return _described(vocab.GRAPH + name)


@blueprint.route("/resource")
def resource() -> Response:
    """Anything that the snapshot speaks of, by its IRI."""
    iri = request.args.get("iri", "")
    if not iri:
        message = "the address names nothing; write /resource?iri= and an IRI in percent-encoding"
        raise RequestError(400, message, parameter="iri")
    return _described(iri, suffixes=False)


def _described(iri: str, *, suffixes: bool = True) -> Response:
    index = service.current().index
    # As it was decoded; with what no IRI can hold escaped; with what a path cannot hold escaped.
    spellings = (iri, quote(iri, safe="/:#?&=@!$'()*+,;~%"), quote(iri, safe=vocab.PATH))
    candidates: list[tuple[str, str | None]] = [(known, None) for known in dict.fromkeys(spellings)]
    if suffixes:
        candidates += [
            (known.removesuffix(suffix), suffix)
            for known, _ in tuple(candidates)
            for suffix in SUFFIXES
            if known.endswith(suffix)
        ]
    for known, suffix in candidates:
        if index.knows(known):
            return _reply(index, known, suffix)
    message = (
        f"the snapshot says nothing of {iri}; look for it by its label with /sparql, or begin at /queries"
    )
    raise RequestError(404, message)


def _reply(index: Index, iri: str, suffix: str | None) -> Response:
    """The description in the type that the suffix or the request asks for."""
    media_type = SUFFIXES.get(suffix or "") or accept.chosen("graph")
    page = _page_number()
    etag = replies.tag(service.current().version, iri, media_type, request.full_path)
    reply = replies.unchanged(etag)
    if reply is None:
        body = (
            _page(index, iri, page) if media_type == "text/html" else _document(index, iri, media_type, page)
        )
        reply = replies.data(body, media_type, etag)
    prefix = service.current().prefix
    if suffix is None and (here := terms.local(iri)) and "#" not in here:
        reply.headers["Content-Location"] = (
            prefix + here + next(end for end, kind in SUFFIXES.items() if kind == media_type)
        )
    links = [f'<{address}>; rel="alternate"; type="{kind}"' for address, kind in alternates(iri)]
    if media_type != "text/html" and len(index.incoming(iri)) > page * PAGE_RDF:
        links.append(f'<{prefix}{request.path}?{urlencode({**request.args, "page": page + 1})}>; rel="next"')
    reply.headers["Link"] = ", ".join(links)
    return reply


def _page_number() -> int:
    """The page asked for, 1 without one; raises RequestError (400) if it is not a number from 1."""
    text = request.args.get("page", "1").strip()
    if not text.isdecimal() or not int(text[:10]):
        message = f"page: {text[:40]!r} is not the number of a page; write page=2 for the second one"
        raise RequestError(400, message, parameter="page")
    return int(text[:10])


def alternates(iri: str) -> list[tuple[str, str]]:
    """(address, media type) of every form of a description."""
    here, prefix = terms.local(iri), service.current().prefix
    data = [(suffix, kind) for suffix, kind in SUFFIXES.items() if kind != accept.HTML]
    if here is None or "#" in here:
        return [(f"{prefix}/resource?{urlencode({'iri': iri, 'format': kind})}", kind) for _, kind in data]
    return [(prefix + here + suffix, kind) for suffix, kind in data]


def _document(index: Index, iri: str, media_type: str, page: int) -> bytes:
    """All triples about the thing, a page of those that lead to it, and the names of everything in them."""
    incoming = index.incoming(iri)[(page - 1) * PAGE_RDF : page * PAGE_RDF]
    quads = [*index.closure(iri), *incoming, *index.in_graph(iri)]
    mentioned = {
        term.value
        for quad in quads
        for term in (quad.subject, quad.predicate, quad.object)
        if isinstance(term, rdf.NamedNode)
    }
    return written(index, [*quads, *index.naming(sorted(mentioned))], media_type)


def written(index: Index, quads: Iterable[Any], media_type: str) -> bytes:
    """The triples of the quads in a format, each once, in the default graph in every format.

    Programs that read a description as a graph find it there, whichever format was negotiated. The names of
    the graphs stand in the dumps.
    """
    once = rdf.without_graphs(quads)
    return (
        jsonld.write(once, index.prefixes)
        if media_type == "application/ld+json"
        else rdf.write(once, media_type, index.prefixes)
    )


def _page(index: Index, iri: str, page: int) -> str:
    only = request.args.get("in")
    view = _view(index, iri)
    hidden = () if only else _SHOWN_ABOVE[view]
    leading = [
        quad
        for quad in index.incoming(iri)
        if only in {None, quad.predicate.value} and quad.predicate.value not in hidden
    ]
    incoming = _groups(leading, page if only else 1, PAGE if only else FIRST, subject=True)
    said = [quad for quad in index.outgoing(iri) if quad.predicate.value not in _SHOWN_ABOVE[view]]
    return render_template(
        "resource.html",
        iri=iri,
        view=view,
        heading=_heading(index, iri),
        kinds=_kinds(index, iri),
        warrant=[
            (title, values)
            for title, predicate in _WARRANT.items()
            if (values := index.values(iri, predicate))
        ],
        outgoing=_groups(said, 1, len(said), subject=False),
        incoming=incoming,
        only=only,
        page=page,
        pages=-(-max((group.total for group in incoming), default=0) // PAGE),
        citing=_citing(index, iri) if view == "passage" else [],
        main_graph=_main_graph(index, iri),
        members=_members(index, iri),
        alternates=alternates(iri),
    )


def _view(index: Index, iri: str) -> str:
    """Which kind of page a thing gets: statement, passage or entity."""
    kinds = index.types(iri)
    if vocab.R2P_STATEMENT in kinds or index.values(iri, vocab.R2P_SAYS):
        return "statement"
    return "passage" if vocab.R2P_PASSAGE in kinds else "entity"


def _citing(index: Index, passage: str) -> list[tuple[str, list[str], bool]]:
    """Statements that cite a passage: IRI, modalities but plain assertion, whether it is negated."""
    statements = sorted(
        {quad.subject.value for quad in index.incoming(passage) if quad.predicate.value == vocab.R2P_CITES}
    )
    return [
        (
            statement,
            [
                index.label(node.value)
                for node in index.values(statement, vocab.R2P_MODALITY)
                if node.value != vocab.STATED
            ],
            any(node.value == "true" for node in index.values(statement, vocab.R2P_NEGATED)),
        )
        for statement in statements
    ]


def _main_graph(index: Index, iri: str) -> str:
    """The graph where most of what is asserted of the thing stands.

    What is entailed is always marked as such.
    """
    counted = Counter(getattr(quad.graph_name, "value", "") for quad in index.outgoing(iri))
    del counted[vocab.ENTAILED_GRAPH]
    return counted.most_common(1)[0][0] if counted else ""


def _heading(index: Index, iri: str) -> str:
    """The sentence of a statement, else the label."""
    says = index.values(iri, vocab.R2P_SAYS)
    return says[0].value if says else index.label(iri)


def _kinds(index: Index, iri: str) -> list[str]:
    """The classes that no other class of the thing stands below: the most telling ones, without OWL's own."""
    kinds = {kind for kind in index.types(iri) if not kind.startswith((vocab.OWL, vocab.RDFS))}
    above = {
        node.value
        for kind in kinds
        for node in index.values(kind, vocab.RDFS + "subClassOf")
        if node.value != kind
    }
    return sorted(kinds - above)


def _groups(quads: Sequence[Any], page: int, size: int, *, subject: bool) -> list[Group]:
    """The quads by property; equal triples of several graphs become one value with all these graphs."""
    found: dict[str, dict[terms.Node, list[str]]] = {}
    for quad in quads:
        node = terms.of_term(quad.subject if subject else quad.object)
        graph_name = getattr(quad.graph_name, "value", "")
        found.setdefault(quad.predicate.value, {}).setdefault(node, []).append(graph_name)
    window = slice((page - 1) * size, page * size)
    return [
        Group(
            predicate,
            tuple((node, tuple(graphs)) for node, graphs in list(values.items())[window]),
            len(values),
        )
        for predicate, values in sorted(found.items(), key=lambda item: (item[0] != vocab.RDF_TYPE, item[0]))
    ]


def _members(index: Index, iri: str) -> list[str]:
    """What a named graph describes, for its page."""
    return sorted(
        {quad.subject.value for quad in index.in_graph(iri) if isinstance(quad.subject, rdf.NamedNode)}
    )
