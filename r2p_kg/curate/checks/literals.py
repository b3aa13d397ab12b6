"""Literals that are not what they say, that no answer could carry, or that the query engine would change."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import rdflib
from pyoxigraph import DefaultGraph, Literal, NamedNode, Quad, Store

from r2p_kg.curate.findings import Finding
from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.curate.sources import Corpus


#: What XML cannot carry (XML 1.0, section 2.2), so that an answer in XML would be broken.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# rdflib logs a traceback for each literal without value, beside the finding that we make of it.
logging.getLogger("rdflib.term").setLevel(logging.ERROR)


def check(corpus: Corpus) -> Iterator[Finding]:
    """One finding for each literal that has no value, that holds a control character, or that comes back otherwise from the engine's store."""
    yield from _controls(corpus)
    typed = [
        (source.path, line, triple)
        for source in corpus.sources
        for triple, line in source.lines.items()
        if isinstance(triple.object, Literal) and triple.object.language is None
    ]
    kept = _as_kept({triple.object for _, _, triple in typed if isinstance(triple.object, Literal)})
    for path, line, triple in typed:
        literal = triple.object
        assert isinstance(literal, Literal)  # noqa: S101 - for the type checker: filtered above
        focus, written = (
            getattr(triple.subject, "value", ""),
            f'"{literal.value}"^^xsd:{literal.datatype.value.removeprefix(vocab.XSD)}',
        )
        if rdflib.Literal(literal.value, datatype=rdflib.URIRef(literal.datatype.value)).ill_typed:
            yield Finding(
                "error",
                "ill-typed-literal",
                focus,
                path,
                line,
                f"{written} has no value: the text does not fit its datatype",
                "write a value that exists, a date as YYYY-MM-DD",
            )
        elif kept[literal] != literal:
            yield Finding(
                "warning",
                "changed-literal",
                focus,
                path,
                line,
                f"{written} would be {kept[literal]} in every answer",
                f"write {kept[literal]}",
            )


def _controls(corpus: Corpus) -> Iterator[Finding]:
    for source in corpus.sources:
        for triple, line in source.lines.items():
            found = _CONTROL.search(triple.object.value) if isinstance(triple.object, Literal) else None
            if found is not None:
                message = f"the text holds the control character U+{ord(found[0]):04X}"
                repair = "take it away; it is invisible in most editors, and no answer in XML could carry it"
                yield Finding(
                    "error",
                    "control-character",
                    getattr(triple.subject, "value", ""),
                    source.path,
                    line,
                    message,
                    repair,
                )


def _as_kept(literals: set[Literal]) -> dict[Literal, Literal]:
    """Literal → what a pyoxigraph store makes of it."""
    store = Store()
    ordered = list(literals)
    predicate = NamedNode("urn:r2p-kg:is")
    store.bulk_extend(
        Quad(NamedNode(f"urn:r2p-kg:{number}"), predicate, literal, DefaultGraph())
        for number, literal in enumerate(ordered)
    )
    found = {}
    for quad in store:
        assert isinstance(quad.subject, NamedNode)  # noqa: S101 - for the type checker: made above
        assert isinstance(quad.object, Literal)  # noqa: S101 - for the type checker: made above
        found[ordered[int(quad.subject.value.rpartition(":")[2])]] = quad.object
    return found
