"""What the snapshot says of one thing: quads by subject, by object and by graph, and labels, all in memory.

Pages are made from the snapshot's own quads, not from the engine's store, because the store changes literals.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.graph import rdf, vocab
from r2p_kg.web import terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from r2p_kg.graph.snapshot import Snapshot

#: Properties that name a thing, the best first.
NAMING: Final = (
    vocab.RDFS_LABEL,
    vocab.SKOS + "prefLabel",
    vocab.DCTERMS + "title",
    vocab.R2P_SAYS,
    vocab.R2P_LOCATOR,
    vocab.FOAF + "name",
    vocab.SCHEMA + "name",
)

#: How deep a blank node is followed; deeper ones are left out of pages and stand in the dumps.
_DEPTH: Final = 8


class Index:
    """The snapshot, ready for pages.

    Built once for each process (about 2 µs a quad); read by many threads, changed by none.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.prefixes: Mapping[str, str] = snapshot.prefixes
        self._subject: dict[str, list[Any]] = defaultdict(list)
        self._object: dict[str, list[Any]] = defaultdict(list)
        self._graph: dict[str, list[Any]] = defaultdict(list)
        names: dict[str, tuple[int, str]] = {}
        rank = {iri: number for number, iri in enumerate(NAMING)}
        for quad in rdf.quads_of(snapshot.quads):
            subject = _key(quad.subject)
            thing: Any = quad.object
            self._subject[subject].append(quad)
            self._graph[_key(quad.graph_name)].append(quad)
            if not isinstance(thing, rdf.Literal):
                self._object[_key(thing)].append(quad)
            elif (place := rank.get(quad.predicate.value)) is not None:
                # English before other languages, a plain string between them.
                worth = place * 3 + {"en": 0, "": 1}.get((thing.language or "").split("-")[0], 2)
                if subject not in names or worth < names[subject][0]:
                    names[subject] = (worth, thing.value)
        self._names = {iri: name for iri, (_, name) in names.items()}

    def knows(self, iri: str) -> bool:
        """True if some quad has the IRI as subject or object, or stands in a graph of that name."""
        return iri in self._subject or iri in self._object or iri in self._graph

    def outgoing(self, iri: str) -> Sequence[Any]:
        """All quads about it."""
        return self._subject.get(iri, ())

    def incoming(self, iri: str) -> Sequence[Any]:
        """All quads that lead to it."""
        return self._object.get(iri, ())

    def in_graph(self, iri: str) -> Sequence[Any]:
        """All quads of a named graph."""
        return self._graph.get(iri, ())

    def graphs(self) -> Mapping[str, int]:
        """Graph name → number of quads, sorted by name; the default graph has the empty name."""
        return {name: len(quads) for name, quads in sorted(self._graph.items())}

    def subjects(self) -> Iterable[str]:
        """Everything that some quad is about, blank nodes included (``_:`` and a label)."""
        return self._subject.keys()

    def closure(self, iri: str) -> list[Any]:
        """The outgoing quads and those of the blank nodes that they lead to (concise bounded description)."""
        found: list[Any] = []
        todo, seen = [(iri, 0)], {iri}
        while todo:
            key, depth = todo.pop()
            for quad in self.outgoing(key):
                found.append(quad)
                below = _key(quad.object) if isinstance(quad.object, rdf.BlankNode) else ""
                if below and below not in seen and depth < _DEPTH:
                    seen.add(below)
                    todo.append((below, depth + 1))
        return found

    def name(self, iri: str) -> str | None:
        """The label that the data give it, None if they give none."""
        return self._names.get(iri)

    def label(self, iri: str) -> str:
        """What a page calls it: its label, else prefix and name, else the IRI."""
        return self._names.get(iri) or terms.short(iri, self.prefixes)

    def naming(self, iris: Iterable[str]) -> list[Any]:
        """The quads that name these things."""
        return [quad for iri in iris for quad in self.outgoing(iri) if quad.predicate.value in NAMING]

    def values(self, iri: str, predicate: str) -> list[terms.Node]:
        """The objects of one property, without repetition, in the order of the snapshot."""
        return list(
            dict.fromkeys(
                terms.of_term(quad.object) for quad in self.outgoing(iri) if quad.predicate.value == predicate
            )
        )

    def types(self, iri: str) -> frozenset[str]:
        """The classes of a thing, asserted and entailed."""
        return frozenset(node.value for node in self.values(iri, vocab.RDF_TYPE))

    def instances(self, of: str) -> list[tuple[str, str]]:
        """(IRI, label) of the named things of a class, by label."""
        found = {
            quad.subject.value
            for quad in self.incoming(of)
            if quad.predicate.value == vocab.RDF_TYPE and isinstance(quad.subject, rdf.NamedNode)
        }
        return sorted(
            ((iri, self.label(iri)) for iri in found), key=lambda pair: (pair[1].casefold(), pair[0])
        )


def _key(term: Any) -> str:
    if isinstance(term, rdf.BlankNode):
        return f"_:{term.value}"
    return "" if isinstance(term, rdf.DefaultGraph) else str(term.value)
