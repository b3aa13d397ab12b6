"""The vocabulary as a reader needs it.

Terms by module, their hierarchy, what is said of each, how much it is used, and its versions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from r2p_kg.graph import rdf, vocab
from r2p_kg.web import constraints
from r2p_kg.web.terms import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from r2p_kg.graph.explain import Explainer
    from r2p_kg.web.constraints import Constraint
    from r2p_kg.web.index import Index

ONTOLOGY: Final = vocab.BASE + "ns"
VERSION_IRI: Final = vocab.OWL + "versionIRI"

#: Kind of term → class that says so, in the order in which a module lists them.
KINDS: Final = {
    "class": vocab.OWL + "Class",
    "relation": vocab.OWL + "ObjectProperty",
    "attribute": vocab.OWL + "DatatypeProperty",
}

#: Modules in the order in which a newcomer reads them; others follow by name.
_ORDER: Final = (
    "statements",
    "responses",
    "claims",
    "situations",
    "actors",
    "tools",
    "instruments",
    "doctrine",
    "evidence",
    "axioms",
    "reference",
)

#: What the page says of a term, in this order.
_FACTS: Final = {
    "scope": vocab.SKOS + "scopeNote",
    "example": vocab.SKOS + "example",
    "note": vocab.SKOS + "editorialNote",
    "change": vocab.SKOS + "changeNote",
    "narrower than": vocab.RDFS + "subClassOf",
    "a kind of": vocab.RDFS + "subPropertyOf",
    "leads from": vocab.RDFS + "domain",
    "leads to": vocab.RDFS + "range",
    "replaced by": vocab.DCTERMS + "isReplacedBy",
    "source": vocab.DCTERMS + "source",
}
#: What else the page says, read backwards: name → property that leads to the term.
_BACKWARDS: Final = {"relates further by": vocab.RDFS + "domain", "reached by": vocab.RDFS + "range"}
_CHARACTERISTICS: Final = (
    "FunctionalProperty",
    "TransitiveProperty",
    "SymmetricProperty",
    "AsymmetricProperty",
    "IrreflexiveProperty",
)


@dataclass(frozen=True)
class Entry:
    """One term as the page shows it.

    ``facts``: (name, values); ``below``: narrower terms; ``chains``: links of each property chain;
    ``defined``: expressions that define it. ``uses``: (written, concluded), members of a class or triples
    with a property; ``asked``: what the shapes ask of its members.
    """

    iri: str
    name: str
    kind: str
    module: str
    label: str
    definition: str
    facts: tuple[tuple[str, tuple[Node, ...]], ...]
    below: tuple[str, ...]
    chains: tuple[tuple[Node, ...], ...]
    defined: tuple[str, ...]
    uses: tuple[int, int]
    asked: tuple[Constraint, ...]


@dataclass(frozen=True)
class Branch:
    """A class or property and what stands directly below it."""

    iri: str
    branches: tuple[Branch, ...] = field(default=())


@dataclass(frozen=True)
class Glossary:
    """The whole vocabulary.

    ``modules``: name → entries, classes before properties, by name; ``trees``: kind → its topmost terms.
    """

    modules: Mapping[str, tuple[Entry, ...]]
    trees: Mapping[str, tuple[Branch, ...]]
    version: str
    versions: tuple[tuple[str, tuple[Node, ...]], ...]

    def entries(self) -> Iterator[Entry]:
        """Every term once."""
        for several in self.modules.values():
            yield from several


def of(index: Index, explainer: Explainer) -> Glossary:
    """The vocabulary of a snapshot: every term of our namespace, asserted facts only but for the counts."""
    kinds = {
        iri: kind
        for kind, of in reversed(KINDS.items())
        for iri, _ in index.instances(of)
        if iri.startswith(vocab.NS)
    }
    counted, asked = _uses(index), constraints.by_class(index)
    below = _below(index, kinds)
    modules: dict[str, list[Entry]] = defaultdict(list)
    for iri in sorted(kinds, key=lambda one: ([*KINDS].index(kinds[one]), one.casefold())):
        module = _module(explainer, iri, KINDS[kinds[iri]])
        modules[module].append(
            _entry(
                index,
                explainer,
                iri,
                kind=kinds[iri],
                module=module,
                below=below.get(iri, []),
                uses=counted[iri],
                asked=asked.get(iri, ()),
            )
        )
    rank = {name: number for number, name in enumerate(_ORDER)}
    return Glossary(
        modules={
            name: tuple(modules[name])
            for name in sorted(modules, key=lambda name: (rank.get(name, len(rank)), name))
        },
        trees={kind: _tree(kinds, below, kind) for kind in KINDS},
        version=next((node.value for node in index.values(ONTOLOGY, VERSION_IRI)), ""),
        versions=_versions(index),
    )


def written(index: Index, iri: str, predicate: str) -> tuple[Node, ...]:
    """The values of a property that were written by hand, none that was concluded."""
    concluded = {
        _node(quad.object)
        for quad in index.outgoing(iri)
        if getattr(quad.graph_name, "value", "") == vocab.ENTAILED_GRAPH
    }
    return tuple(node for node in index.values(iri, predicate) if (node.kind, node.value) not in concluded)


def _node(term: object) -> tuple[str, str]:
    kind = (
        "iri"
        if isinstance(term, rdf.NamedNode)
        else "bnode"
        if isinstance(term, rdf.BlankNode)
        else "literal"
    )
    return kind, str(getattr(term, "value", ""))


def _entry(
    index: Index,
    explainer: Explainer,
    iri: str,
    *,
    kind: str,
    module: str,
    below: list[str],
    uses: tuple[int, int],
    asked: tuple[Constraint, ...],
) -> Entry:
    facts = [
        (title, tuple(node for node in written(index, iri, predicate) if node.kind != "bnode"))
        for title, predicate in _FACTS.items()
    ]
    facts += [(title, leading(index, iri, predicate)) for title, predicate in _BACKWARDS.items()]
    inverse = vocab.OWL + "inverseOf"
    facts.append(
        ("inverse of", tuple(dict.fromkeys([*written(index, iri, inverse), *leading(index, iri, inverse)])))
    )
    types = index.types(iri)
    facts.append(
        (
            "characteristics",
            tuple(Node("iri", vocab.OWL + name) for name in _CHARACTERISTICS if vocab.OWL + name in types),
        )
    )
    if any(node.value == "true" for node in index.values(iri, vocab.OWL + "deprecated")):
        facts.insert(0, ("deprecated", (Node("literal", "keep reading it, do not write it any more"),)))
    definitions = index.values(iri, vocab.SKOS_DEFINITION)
    return Entry(
        iri=iri,
        name=iri.removeprefix(vocab.NS),
        kind=kind,
        module=module,
        label=index.label(iri),
        definition=definitions[0].value if definitions else "",
        facts=tuple((title, nodes) for title, nodes in facts if nodes),
        below=tuple(below),
        chains=tuple(
            tuple(constraints.members(index, head))
            for head in index.values(iri, vocab.OWL + "propertyChainAxiom")
        ),
        defined=tuple(
            explainer.nameless(f"_:{node.value}", 9)
            for node in written(index, iri, vocab.OWL + "equivalentClass")
            if node.kind == "bnode"
        ),
        uses=uses,
        asked=asked,
    )


def leading(index: Index, iri: str, predicate: str) -> tuple[Node, ...]:
    """The named things that a written triple with that property leads from to the term, by name."""
    found = {
        quad.subject.value
        for quad in index.incoming(iri)
        if quad.predicate.value == predicate
        and isinstance(quad.subject, rdf.NamedNode)
        and getattr(quad.graph_name, "value", "") != vocab.ENTAILED_GRAPH
    }
    return tuple(Node("iri", one) for one in sorted(found, key=str.casefold))


def _module(explainer: Explainer, iri: str, kind: str) -> str:
    """The stem of the file that declares a term, ``terms`` if the snapshot does not say."""
    found = explainer.explain((f"<{iri}>", f"<{vocab.RDF_TYPE}>", f"<{kind}>"))
    paths = [place.path for place in found.places if place.path] if found else []
    return paths[0].rpartition("/")[2].removesuffix(".ttl") if paths else "terms"


def _uses(index: Index) -> Mapping[str, tuple[int, int]]:
    """Class or property → (written, concluded).

    Members, or triples, outside schema and shapes; a triple of two graphs counts once.
    """
    seen: dict[tuple[str, str, str], bool] = {}
    for subject in index.subjects():
        for quad in index.outgoing(subject):
            graph = getattr(quad.graph_name, "value", "")
            if graph in {vocab.SCHEMA_GRAPH, vocab.SHAPES_GRAPH}:
                continue
            predicate, value = quad.predicate.value, str(getattr(quad.object, "value", ""))
            key = (
                (value, subject, "a")
                if predicate == vocab.RDF_TYPE
                else (predicate, subject, str(quad.object))
            )
            if key[0].startswith(vocab.NS):
                seen[key] = seen.get(key, False) or graph != vocab.ENTAILED_GRAPH
    by_hand = Counter(key[0] for key, hand in seen.items() if hand)
    concluded = Counter(key[0] for key, hand in seen.items() if not hand)
    return defaultdict(lambda: (0, 0), {iri: (by_hand[iri], concluded[iri]) for iri in by_hand | concluded})


def _below(index: Index, kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """Term → the terms written directly below it, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for iri, kind in kinds.items():
        for above in written(index, iri, vocab.RDFS + ("subClassOf" if kind == "class" else "subPropertyOf")):
            if above.value in kinds:
                found[above.value].append(iri)
    return {iri: sorted(several, key=str.casefold) for iri, several in found.items()}


def _tree(kinds: Mapping[str, str], below: Mapping[str, list[str]], kind: str) -> tuple[Branch, ...]:
    """The terms of a kind that stand below no other, each with all below it.

    A term below two stands under both.
    """
    nested = {iri for several in below.values() for iri in several}

    def branch(iri: str, above: frozenset[str]) -> Branch:
        return Branch(
            iri, tuple(branch(one, above | {iri}) for one in below.get(iri, ()) if one not in above)
        )

    tops = [iri for iri, of in kinds.items() if of == kind and iri not in nested]
    return tuple(branch(iri, frozenset({iri})) for iri in sorted(tops, key=str.casefold))


def _versions(index: Index) -> tuple[tuple[str, tuple[Node, ...]], ...]:
    """What the header says of versions, dates, licence and citation."""
    rows = {
        "version": vocab.OWL + "versionInfo",
        "version IRI": VERSION_IRI,
        "earlier version": vocab.OWL + "priorVersion",
        "history": vocab.SKOS + "historyNote",
        "created": vocab.DCTERMS + "created",
        "issued": vocab.DCTERMS + "issued",
        "modified": vocab.DCTERMS + "modified",
        "creator": vocab.DCTERMS + "creator",
        "licence": vocab.DCTERMS + "license",
        "cite as": vocab.DCTERMS + "bibliographicCitation",
        "prefix": vocab.VANN + "preferredNamespacePrefix",
        "namespace": vocab.VANN + "preferredNamespaceUri",
    }
    return tuple(
        (title, values)
        for title, predicate in rows.items()
        if (values := tuple(index.values(ONTOLOGY, predicate)))
    )
