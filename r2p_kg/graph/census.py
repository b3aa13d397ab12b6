"""Counts that people and tests can read: what is in the graph, and how far each document is curated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyoxigraph import Literal, NamedNode

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyoxigraph import Quad

#: Classes whose members are counted with their subclasses' members; statements are counted by kind as well.
_COUNTED = (
    "Actor",
    "Crime",
    "Document",
    "Event",
    "LegalInstrument",
    "Norm",
    "Situation",
    "SourceDocument",
    "State",
    "Statement",
    "Subject",
    "Tool",
    "Topic",
)


@dataclass(frozen=True)
class Coverage:
    """How far one source document is curated.

    Attributes:
        document: its IRI.
        label: its name.
        passages: how many it has.
        cited: how many of them a statement cites.
        excused: how many of the others have a reason.
        statements: how many cite it.

    """

    document: str
    label: str
    passages: int
    cited: int
    excused: int
    statements: int

    @property
    def open(self) -> int:
        """How many passages have neither a statement nor a reason."""
        return self.passages - self.cited - self.excused


@dataclass(frozen=True)
class Reading:
    """What was made of one passage.

    Attributes:
        passage: its IRI.
        document: the IRI of its document.
        position: its number in the document.
        locator: how it is cited.
        statements: (IRI, sentence) of those that cite it, by IRI.
        reason: the label of the reason why there are none, or None.

    """

    passage: str
    document: str
    position: int
    locator: str
    statements: tuple[tuple[str, str], ...]
    reason: str | None


def census(quads: Iterable[Quad]) -> dict[str, int]:
    """Counts by name, names in plain words: triples, graphs, passages, things and statements by class."""
    kept = list(quads)
    labels = _labels(kept)
    kinds = Counter(
        quad.object.value for quad in _of(kept, vocab.RDF_TYPE) if isinstance(quad.object, NamedNode)
    )
    statement_kinds = {
        quad.subject.value
        for quad in _of(kept, vocab.RDFS + "subClassOf")
        if quad.object == NamedNode(vocab.NS + "Statement") and isinstance(quad.subject, NamedNode)
    }
    entailed = sum(quad.graph_name == NamedNode(vocab.ENTAILED_GRAPH) for quad in kept)
    counts = {
        "triples asserted": len(kept) - entailed,
        "triples entailed": entailed,
        "graphs": len({quad.graph_name for quad in kept}),
    }
    counts |= {f"class: {labels.get(vocab.NS + name, name)}": kinds[vocab.NS + name] for name in _COUNTED}
    counts |= {f"statements: {labels.get(iri, iri)}": kinds[iri] for iri in statement_kinds if kinds[iri]}
    covered = coverage(kept)
    counts["passages"] = sum(one.passages for one in covered)
    counts["passages cited"] = sum(one.cited for one in covered)
    counts["passages with a reason"] = sum(one.excused for one in covered)
    counts["passages open"] = sum(one.open for one in covered)
    counts |= joins(kept)
    return dict(sorted(counts.items()))


def joins(quads: Sequence[Quad]) -> dict[str, int]:
    """How far statements meet in what they speak of, by what was written and not by what follows from it."""
    written = [quad for quad in quads if quad.graph_name != NamedNode(vocab.ENTAILED_GRAPH)]
    home: dict[object, object] = {quad.subject: quad.object for quad in _of(written, vocab.NS + "inDocument")}
    document: dict[object, object] = {
        quad.subject: home.get(quad.object) for quad in _of(written, vocab.NS + "cites")
    }
    typed = _of(quads, vocab.RDF_TYPE)
    topics = {quad.subject for quad in typed if quad.object == NamedNode(vocab.NS + "Topic")}
    subjects = {quad.subject for quad in typed if quad.object == NamedNode(vocab.NS + "Subject")}
    under: dict[object, set[object]] = {}
    for quad in _of(written, vocab.NS + "subject"):
        under.setdefault(quad.subject, set()).add(quad.object)
    uses: dict[object, set[object]] = {}
    for quad in written:
        if quad.subject in document:
            for thing in {quad.object, *under.get(quad.object, ())}:
                uses.setdefault(thing, set()).add(quad.subject)

    def documents(thing: object) -> int:
        return len({document[statement] for statement in uses.get(thing, ())})

    return {
        "topics of one statement": sum(len(uses.get(topic, ())) == 1 for topic in topics),
        "topics of one document": sum(documents(topic) == 1 for topic in topics),
        "topics without a subject": len(topics - under.keys()),
        "subjects of two documents or more": sum(documents(subject) > 1 for subject in subjects),
        "statements of the commonest subject": max(
            (len(uses.get(subject, ())) for subject in subjects), default=0
        ),
    }


def coverage(quads: Iterable[Quad]) -> tuple[Coverage, ...]:
    """How far each source document is curated, by IRI."""
    kept = list(quads)
    labels = _labels(kept)
    passages = {
        quad.subject for quad in _of(kept, vocab.RDF_TYPE) if quad.object == NamedNode(vocab.NS + "Passage")
    }
    home = {
        quad.subject: quad.object for quad in _of(kept, vocab.NS + "inDocument") if quad.subject in passages
    }
    cited: dict[object, set[object]] = {}
    for quad in _of(kept, vocab.NS + "cites"):
        cited.setdefault(quad.object, set()).add(quad.subject)
    excused = {quad.subject for quad in _of(kept, vocab.NS + "noStatementReason")}
    documents = []
    for document in sorted(
        {document for document in home.values() if isinstance(document, NamedNode)}, key=str
    ):
        own = {passage for passage, its in home.items() if its == document}
        statements = set().union(*(cited.get(passage, set()) for passage in own))
        touched = own & cited.keys()
        documents.append(
            Coverage(
                document.value,
                labels.get(document.value, document.value),
                len(own),
                len(touched),
                len((own & excused) - touched),
                len(statements),
            )
        )
    return tuple(documents)


def readings(quads: Iterable[Quad]) -> tuple[Reading, ...]:
    """Each passage of each source document with the statements that cite it, in the order of the document."""
    kept = list(quads)
    labels = _labels(kept)
    typed = (
        quad.subject for quad in _of(kept, vocab.RDF_TYPE) if quad.object == NamedNode(vocab.NS + "Passage")
    )
    passages = {passage.value for passage in typed if isinstance(passage, NamedNode)}
    home, positions, locators, says, reasons = (
        _values(kept, name) for name in ("inDocument", "position", "locator", "says", "noStatementReason")
    )
    cited: dict[str, list[tuple[str, str]]] = {}
    for quad in _of(kept, vocab.NS + "cites"):
        if isinstance(quad.object, NamedNode) and isinstance(quad.subject, NamedNode):
            cited.setdefault(quad.object.value, []).append(
                (quad.subject.value, says.get(quad.subject.value, ""))
            )
    read = (
        Reading(
            passage,
            home.get(passage, ""),
            int(positions.get(passage, "0")),
            locators.get(passage, labels.get(passage, passage)),
            tuple(sorted(cited.get(passage, ()))),
            labels.get(reasons[passage], reasons[passage]) if passage in reasons else None,
        )
        for passage in passages
    )
    return tuple(sorted(read, key=lambda one: (one.document, one.position, one.passage)))


def _values(quads: Iterable[Quad], name: str) -> Mapping[str, str]:
    """Subject → value of one of our own properties that has one value at most."""
    pairs = ((quad.subject, quad.object) for quad in _of(quads, vocab.NS + name))
    return {
        subject.value: value.value
        for subject, value in pairs
        if isinstance(subject, NamedNode) and isinstance(value, Literal | NamedNode)
    }


def _of(quads: Iterable[Quad], predicate: str) -> list[Quad]:
    wanted = NamedNode(predicate)
    return [quad for quad in quads if quad.predicate == wanted]


def _labels(quads: Iterable[Quad]) -> Mapping[str, str]:
    return {
        quad.subject.value: quad.object.value
        for quad in _of(quads, vocab.RDFS_LABEL)
        if isinstance(quad.subject, NamedNode) and isinstance(quad.object, Literal)
    }
