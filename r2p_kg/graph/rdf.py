"""Parse, canonicalise and serialise: the one place that knows how terms and quads are written down.

Nothing here goes through a store, because the engine's store changes literals; what is parsed is what is
serialised, but for language tags, which are lower-cased (they compare without case, RDF 1.1 Concepts, section
3.3).
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Final

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    DefaultGraph,
    Literal,
    NamedNode,
    Quad,
    RdfFormat,
    Triple,
    parse,
    serialize,
)

from r2p_kg.errors import R2PError, UsageError
from r2p_kg.graph import files, looks, media, vocab, xml_bombs, xml_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "BlankNode",
    "DefaultGraph",
    "Literal",
    "NamedNode",
    "Quad",
    "RdfFormat",
    "RdfSyntaxError",
    "Term",
    "Triple",
    "canonical",
    "literal",
    "parse_text",
    "quads_of",
    "read_file",
    "read_files",
    "without_graphs",
    "write",
]

Term = NamedNode | BlankNode | Literal

#: File suffix → format, for everything that ``r2p serve --data`` takes.
SUFFIXES: Final[Mapping[str, RdfFormat]] = {
    suffix: known
    for form in media.formats("graph")
    for suffix in form.suffixes
    if (known := RdfFormat.from_media_type(form.media_type)) is not None
}


class RdfSyntaxError(R2PError):
    """A text is not in its format.

    ``line`` and ``column`` count from 1, ``reason`` is the parser's own clause, ``repair`` what to do.
    """

    def __init__(
        self, name: str, line: int, column: int, reason: str, repair: str = "mend the file and try again"
    ) -> None:
        super().__init__(f"{name}:{line}:{column}: {reason}; {repair}")
        self.name = name
        self.line = line
        self.column = column
        self.reason = reason


def parse_text(
    text: str | bytes, form: RdfFormat, *, name: str = "<text>", base: str | None = None
) -> list[Quad]:
    """All quads of a text in document order; blank nodes keep their labels. A byte order mark is dropped.

    Raises RdfSyntaxError, which names ``name``, line and column.
    """
    try:
        return list(parse(_without_mark(text), form, base_iri=base))
    except SyntaxError as error:
        raise RdfSyntaxError(name, error.lineno or 1, error.offset or 1, _reason(error)) from None


def read_file(path: Path) -> list[Quad]:
    """All quads of a file in the format of its suffix (a final ``.gz`` has none).

    Blank nodes are made unique, relative IRIs resolved against the file's own address (RFC 3986, section
    5.1.3), a byte order mark is dropped. Raises UsageError if the file cannot be read or its suffix is not
    among SUFFIXES; RdfSyntaxError, which says what the file looks like instead, if it has errors.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        message = (
            f"{path}: unknown suffix {path.suffix!r}; rename the file to one of {', '.join(sorted(SUFFIXES))}"
        )
        raise UsageError(message)
    text = files.read(path)
    try:
        if form == RdfFormat.RDF_XML and (found := xml_bombs.excess(text)):
            raise RdfSyntaxError(str(path), *found)
        return list(
            parse(_without_mark(text), form, base_iri=path.resolve().as_uri(), rename_blank_nodes=True)
        )
    except SyntaxError as error:
        about = (str(path), error.lineno or 1, error.offset or 1, _reason(error))
        other = looks.otherwise(text, form)
        raise (RdfSyntaxError(*about, other) if other else RdfSyntaxError(*about)) from None


def read_files(paths: Iterable[Path]) -> bytes:
    """The canonical N-Quads of all files together, whatever the order of the paths.

    A triple format's triples go to the default graph. Raises as :func:`read_file` does.
    """
    return canonical(quad for path in sorted(paths) for quad in read_file(path))


def canonical(quads: Iterable[Quad]) -> bytes:
    """Canonical N-Quads: one quad a line, lines sorted, without repetition, blank nodes labelled by RDFC-1.0.

    https://www.w3.org/TR/rdf-canon/: two datasets give the same bytes if, and only if, they
    are isomorphic.
    """
    dataset = Dataset(quads)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    lines = sorted({f"{quad} .\n" for quad in dataset})
    return "".join(lines).encode()


def quads_of(text: bytes) -> list[Quad]:
    """The quads of N-Quads text that we wrote ourselves, in its order."""
    return parse_text(text, RdfFormat.N_QUADS, name="snapshot")


def literal(text: str, language: str = "", datatype: str = "") -> str:
    r"""A literal as N-Triples, Turtle and SPARQL write it.

    Raises ValueError for a text that UTF-8 cannot hold, for a wrong language tag and for a datatype that is
    not an IRI.

    >>> literal('say "war"', "en"), literal("3", datatype="http://www.w3.org/2001/XMLSchema#integer")
    ('"say \\"war\\""@en', '"3"^^<http://www.w3.org/2001/XMLSchema#integer>')
    """
    if language:
        return str(Literal(text, language=language))
    return str(Literal(text, datatype=NamedNode(datatype) if datatype else None))


def without_graphs(quads: Iterable[Quad]) -> list[Quad]:
    """The triples of the quads, each once, as quads of the default graph; in their order."""
    return list(dict.fromkeys(Quad(quad.subject, quad.predicate, quad.object) for quad in quads))


def write(quads: Iterable[Quad], media_type: str, prefixes: Mapping[str, str] | None = None) -> bytes:
    """The quads in a format, subjects together and types first; formats without graphs lose the graph names.

    ``media_type``: ``text/turtle``, ``application/n-triples``, ``application/rdf+xml``,
    ``application/ld+json``, ``application/trig``, ``application/n-quads``. Only prefixes that are needed are
    declared. Raises ValueError for any other media type, NotAcceptableError if RDF/XML cannot carry the
    triples.
    """
    form = RdfFormat.from_media_type(media_type)
    if form is None:
        message = f"no RDF format has the media type {media_type}"
        raise ValueError(message)
    ordered = sorted(quads, key=_reading_order)
    used = _used(ordered, prefixes or {})
    if form.supports_datasets:
        return serialize(ordered, format=form, prefixes=used) or b""
    triples = dict.fromkeys(Triple(quad.subject, quad.predicate, quad.object) for quad in ordered)
    try:
        body = serialize(triples, format=form, prefixes=used) or b""
    except OSError as error:
        refusal = xml_form.refusal(error, media_type, "graph")
        if refusal is None:
            raise
        raise refusal from error
    return xml_form.checked(body, media_type, "graph")


def _without_mark(text: str | bytes) -> str | bytes:
    """The text without the byte order mark that some editors put at its beginning."""
    return text.removeprefix("\ufeff") if isinstance(text, str) else text.removeprefix(BOM_UTF8)


def _reason(error: SyntaxError) -> str:
    """The parser's clause without the position, which we give ourselves."""
    return error.msg.partition(": ")[2] or error.msg


def _reading_order(quad: Quad) -> tuple[str, str, bool, str, str]:
    graph = "" if isinstance(quad.graph_name, DefaultGraph) else str(quad.graph_name)
    return (
        graph,
        str(quad.subject),
        quad.predicate.value != vocab.RDF_TYPE,
        str(quad.predicate),
        str(quad.object),
    )


def _used(quads: Iterable[Quad], prefixes: Mapping[str, str]) -> dict[str, str]:
    """The prefixes whose namespace begins some IRI of the quads."""
    iris = {
        iri
        for quad in quads
        for term in (quad.subject, quad.predicate, quad.object, quad.graph_name)
        for iri in _iris(term)
    }
    return {
        prefix: space
        for prefix, space in sorted(prefixes.items())
        if any(iri.startswith(space) for iri in iris)
    }


def _iris(term: object) -> tuple[str, ...]:
    if isinstance(term, NamedNode):
        return (term.value,)
    if isinstance(term, Literal):
        return (term.datatype.value,)
    return ()
