"""The graph as one file for other tools: OWL editors, triple stores, owlready2.

Shapes stay out: OWL tools read no SHACL, and whoever wants the shapes finds them in ``ontology/shapes/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.errors import UsageError
from r2p_kg.graph import rdf, vocab
from r2p_kg.graph.snapshot import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from r2p_kg.graph.snapshot import Snapshot

#: Suffix of the file → media type; those of the last two keep the named graphs.
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".rdf": "application/rdf+xml",
    ".owl": "application/rdf+xml",
    ".ttl": "text/turtle",
    ".nt": "application/n-triples",
    ".jsonld": "application/ld+json",
    ".nq": "application/n-quads",
    ".trig": "application/trig",
}


def media_type(path: Path) -> str:
    """The media type that a file's suffix stands for. Raises UsageError where it stands for none."""
    found = MEDIA_TYPES.get(path.suffix.lower())
    if found is None:
        message = f"{path}: unknown suffix {path.suffix!r}; end the name in one of {', '.join(MEDIA_TYPES)}"
        raise UsageError(message)
    return found


def text(snapshot: Snapshot, kind: str, *, entailed: bool = False) -> bytes:
    """Schema and facts of a snapshot in the format of a media type, with what was concluded where ``entailed``."""
    left_out = {vocab.SHAPES_GRAPH} if entailed else {vocab.SHAPES_GRAPH, vocab.ENTAILED_GRAPH}
    quads = [
        quad for quad in rdf.quads_of(snapshot.quads) if getattr(quad.graph_name, "value", "") not in left_out
    ]
    return rdf.write(quads, kind, snapshot.prefixes)


def write(snapshot: Snapshot, path: Path, *, entailed: bool = False) -> int:
    """Write the file, whole or not at all, and return its size in bytes.

    Raises UsageError for an unknown suffix, before anything is written, and where the file cannot be written.
    """
    content = text(snapshot, media_type(path), entailed=entailed)
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        message = (
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that is there and yours"
        )
        raise UsageError(message) from error
    return len(content)
