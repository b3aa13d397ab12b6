"""SHACL shapes: presence, counting, uniqueness and kind, which OWL's open world cannot police.

pySHACL does the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import rdflib
from pyoxigraph import BlankNode, Literal, NamedNode, Triple
from rdflib.namespace import RDF, SH, XSD

from r2p_kg.curate.checks.locations import HEAD
from r2p_kg.curate.findings import Finding, Severity
from r2p_kg.graph import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from r2p_kg.curate.checks.locations import Locations
    from r2p_kg.curate.sources import Corpus

_SEVERITY: dict[rdflib.term.Node, Severity] = {SH.Violation: "error", SH.Warning: "warning", SH.Info: "info"}
_REPAIR = "compare with the scope note of the property and with a neighbouring file"


def check(corpus: Corpus, folder: Path, locations: Locations) -> Iterator[Finding]:
    """One finding for each result of validating what was written against ``folder/*.ttl``.

    Message and repair are the shape's ``sh:message`` and ``sh:description``; the check's name is the shape's
    IRI and component.
    """
    shapes = rdflib.Graph()
    for name in files.find(folder, ".ttl") if folder.is_dir() else ():
        shapes.parse(data=files.text(folder / name), format="turtle")
    if not len(shapes):
        return
    for result, report in _results(
        graph_of(triple for source in corpus.sources for triple in source.triples), shapes
    ):
        yield _finding(result, report, shapes, locations)


def graph_of(triples: Iterable[Triple]) -> rdflib.Graph:
    """The triples as one rdflib graph, lexical forms kept."""
    graph = rdflib.Graph()
    known: dict[object, rdflib.term.IdentifiedNode | rdflib.Literal] = {}
    for triple in triples:
        for term in (triple.subject, triple.predicate, triple.object):
            if term not in known:
                known[term] = _to_rdflib(term)
        graph.add((known[triple.subject], known[triple.predicate], known[triple.object]))
    return graph


def _results(data: rdflib.Graph, shapes: rdflib.Graph) -> Iterator[tuple[rdflib.term.Node, rdflib.Graph]]:
    import pyshacl  # noqa: PLC0415 - a third of a second that only those who check should pay

    _, report, _ = pyshacl.validate(
        data, shacl_graph=shapes, inference="none", advanced=False, do_owl_imports=False
    )
    graph = cast("rdflib.Graph", report)
    for result in graph.subjects(RDF.type, SH.ValidationResult):
        yield result, graph


def _finding(
    result: rdflib.term.Node, report: rdflib.Graph, shapes: rdflib.Graph, locations: Locations
) -> Finding:
    focus = _to_oxigraph(report.value(result, SH.focusNode))
    value = _to_oxigraph(report.value(result, SH.value))
    shape = report.value(result, SH.sourceShape)
    predicate = _first_step(shapes.value(shape, SH.path), shapes)
    path, line = locations.find(focus, predicate, value) if focus is not None else (HEAD, 1)
    owner = next(shapes.subjects(SH.property, shape), shape)
    constraint = str(report.value(result, SH.sourceConstraintComponent)).rpartition("#")[2]
    component = constraint[0].lower() + constraint[1:].removesuffix("ConstraintComponent")
    words = (str(owner).rpartition("/")[2], locations.name(predicate) if predicate else "", f"sh:{component}")
    message = str(report.value(result, SH.resultMessage)).rstrip(".")
    if focus is not None:
        message = f"{locations.name(focus)}: {message}"
    if value is not None:
        message += f" ({locations.name(value)})"
    if component == "maxCount" and focus is not None and predicate is not None:
        message += _twice(locations.all_of(focus, predicate))
    repair = shapes.value(shape, SH.description) or shapes.value(owner, SH.description) or _REPAIR
    severity = _SEVERITY.get(report.value(result, SH.resultSeverity) or SH.Violation, "error")
    about = getattr(focus, "value", "")
    return Finding(severity, " ".join(filter(None, words)), about, path, line, message, str(repair))


def _twice(locations: Sequence[tuple[str, int]]) -> str:
    """In brackets, the lines of too many values: perhaps one name was given to two things."""
    lines = ", ".join(f"{path}:{line}" for path, line in dict.fromkeys(locations))
    return f" ({lines}: is one name used for two things?)" if "," in lines else ""


def _first_step(path: rdflib.term.Node | None, shapes: rdflib.Graph) -> NamedNode | None:
    """The property that a path begins with, which is the one that a curator wrote or should write."""
    while isinstance(path, rdflib.BNode):
        path = shapes.value(path, SH.alternativePath) or shapes.value(path, RDF.first)
    return NamedNode(str(path)) if isinstance(path, rdflib.URIRef) else None


def _to_rdflib(term: object) -> rdflib.term.IdentifiedNode | rdflib.Literal:
    if isinstance(term, NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, BlankNode):
        return rdflib.BNode(term.value)
    if isinstance(term, Literal):
        if term.language:
            return rdflib.Literal(term.value, lang=term.language)
        if term.datatype.value == str(XSD.string):
            return rdflib.Literal(term.value)
        return rdflib.Literal(term.value, datatype=rdflib.URIRef(term.datatype.value), normalize=False)
    message = f"unexpected term: {term!r}"
    raise ValueError(message)


def _to_oxigraph(term: rdflib.term.Node | None) -> NamedNode | BlankNode | Literal | None:
    if isinstance(term, rdflib.URIRef):
        return NamedNode(str(term))
    if isinstance(term, rdflib.BNode):
        return BlankNode(str(term))
    if isinstance(term, rdflib.Literal):
        return (
            Literal(str(term), language=term.language)
            if term.language
            else Literal(str(term), datatype=NamedNode(str(term.datatype)) if term.datatype else None)
        )
    return None
