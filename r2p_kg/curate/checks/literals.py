"""Literals that are not what they say, that no answer could carry, or that the query engine would change."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import rdflib
from pyoxigraph import DefaultGraph, Literal, NamedNode, Quad, Store

from r2p_kg.curate.declared import CHANGED_LITERAL, CONTROL_CHARACTER, ILL_TYPED_LITERAL
from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.curate.findings import Finding
    from r2p_kg.curate.sources import Corpus


#: What XML cannot carry (XML 1.0, section 2.2), so that an answer in XML would be broken.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# rdflib logs a traceback for each literal without value, beside the finding that we make of it.
logging.getLogger("rdflib.term").setLevel(logging.ERROR)


def check(corpus: Corpus) -> Iterator[Finding]:
    """One finding for each literal without a value, with a control character, or changed by the engine."""
    written = [
        (source.path, line, triple, triple.object)
        for source in corpus.sources
        for triple, line in source.lines.items()
        if isinstance(triple.object, Literal)
    ]
    stored = _as_stored({literal for *_, literal in written if literal.language is None})
    for path, line, triple, literal in written:
        focus = getattr(triple.subject, "value", "")
        control = _CONTROL.search(literal.value)
        if control is not None:
            message = f"the text holds the control character U+{ord(control[0]):04X}"
            repair = "take it away; it is invisible in most editors, and no answer in XML could carry it"
            yield CONTROL_CHARACTER.finding(focus, path, line, message, repair)
        if literal.language is not None:
            continue
        name = f'"{literal.value}"^^xsd:{literal.datatype.value.removeprefix(vocab.XSD)}'
        other = stored[literal]
        if rdflib.Literal(literal.value, datatype=rdflib.URIRef(literal.datatype.value)).ill_typed:
            message = f"{name} has no value: the text does not fit its datatype"
            repair = "write a value that exists, a date as YYYY-MM-DD"
            yield ILL_TYPED_LITERAL.finding(focus, path, line, message, repair)
        elif other != literal:
            message, repair = f"{name} would be {other} in every answer", f"write {other}"
            yield CHANGED_LITERAL.finding(focus, path, line, message, repair)


def _as_stored(literals: set[Literal]) -> dict[Literal, Literal]:
    """Literal → what a pyoxigraph store makes of it."""
    store = Store()
    ordered = list(literals)
    predicate = NamedNode("urn:r2p-kg:is")
    store.bulk_extend(
        Quad(NamedNode(f"urn:r2p-kg:{number}"), predicate, literal, DefaultGraph())
        for number, literal in enumerate(ordered)
    )
    stored = {}
    for quad in store:
        assert isinstance(quad.subject, NamedNode)  # noqa: S101 - for the type checker: made above
        assert isinstance(quad.object, Literal)  # noqa: S101 - for the type checker: made above
        stored[ordered[int(quad.subject.value.rpartition(":")[2])]] = quad.object
    return stored
