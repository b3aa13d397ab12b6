"""The graph as one file for other tools: OWL editors, triple stores, owlready2.

Shapes stay out: OWL tools read no SHACL, and ``ontology/shapes/`` has them for everybody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.errors import UsageError
from r2p_kg.graph import jsonld, media, rdf, vocab
from r2p_kg.graph.snapshot import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from r2p_kg.graph.media import Format
    from r2p_kg.graph.snapshot import Snapshot

#: Suffixes of the formats in which a file can be written, and of those that keep named graphs.
SUFFIXES: Final = tuple(suffix for form in media.formats("graph") for suffix in form.suffixes)
GRAPH_SUFFIXES: Final = tuple(suffix for form in media.formats("dataset") for suffix in form.suffixes)


def format_of(path: Path, *, named_graphs: bool = False) -> Format:
    """The format that a file's suffix stands for.

    Raises UsageError for a suffix of no format, or of one that cannot keep the ``named_graphs``.
    """
    form = media.by_suffix(path.suffix, "graph")
    if form is None:
        message = f"{path}: unknown suffix {path.suffix!r}; end the name in one of {', '.join(SUFFIXES)}"
        raise UsageError(message)
    if named_graphs and "dataset" not in form.kinds:
        message = (
            f"{path}: {form.name} has no named graphs; end the name in one of {', '.join(GRAPH_SUFFIXES)}"
        )
        raise UsageError(message)
    return form


def text(snapshot: Snapshot, form: Format, *, entailed: bool = False, named_graphs: bool = False) -> bytes:
    """Schema and facts of a snapshot in a format; with what was concluded if ``entailed``.

    All triples are in the default graph, where every tool looks for them; with ``named_graphs``, each is in
    the graph of the file in which it was written.
    """
    left_out = {vocab.SHAPES_GRAPH} if entailed else {vocab.SHAPES_GRAPH, vocab.ENTAILED_GRAPH}
    quads = [
        quad for quad in rdf.quads_of(snapshot.quads) if getattr(quad.graph_name, "value", "") not in left_out
    ]
    if named_graphs:
        return rdf.write(quads, form.media_type, snapshot.prefixes)
    if form.media_type == jsonld.MEDIA_TYPE:
        return jsonld.write(quads, snapshot.prefixes)
    return rdf.write(rdf.without_graphs(quads), form.media_type, snapshot.prefixes)


def write(snapshot: Snapshot, path: Path, *, entailed: bool = False, named_graphs: bool = False) -> int:
    """Write the file, whole or not at all, and return its size in bytes.

    Raises UsageError as :func:`format_of` does, before anything is written, and if the file is not writable.
    """
    form = format_of(path, named_graphs=named_graphs)
    content = text(snapshot, form, entailed=entailed, named_graphs=named_graphs)
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        message = (
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that exists and is yours"
        )
        raise UsageError(message) from error
    return len(content)
