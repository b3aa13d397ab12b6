"""Schema and facts are OWL 2 DL but for xsd:date.

Https://www.w3.org/TR/owl2-syntax/, sections 3, 4, 5.8 and 11; each rule has a twin that breaks it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple
from rdflib.namespace import OWL, RDF, RDFS, XSD

from r2p_kg.curate import sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: The datatype map of section 4 (literals with a language tag are rdf:PlainLiteral there), and the one
#: exception.
DATATYPES = {
    *(
        str(XSD) + name
        for name in (
            *(
                "decimal",
                "integer",
                "nonNegativeInteger",
                "nonPositiveInteger",
                "positiveInteger",
                "negativeInteger",
                "long",
                "int",
                "short",
                "byte",
            ),
            *(
                "unsignedLong",
                "unsignedInt",
                "unsignedShort",
                "unsignedByte",
                "double",
                "float",
                "string",
                "normalizedString",
                "token",
                "language",
            ),
            *(
                "Name",
                "NCName",
                "NMTOKEN",
                "boolean",
                "hexBinary",
                "base64Binary",
                "anyURI",
                "dateTime",
                "dateTimeStamp",
            ),
        )
    ),
    *(str(RDF) + name for name in ("PlainLiteral", "langString", "XMLLiteral")),
    str(RDFS.Literal),
}
EXCEPTION = str(XSD.date)

BUILT_IN_ANNOTATIONS = {
    *(str(RDFS) + name for name in ("label", "comment", "seeAlso", "isDefinedBy")),
    *(
        str(OWL) + name
        for name in (
            "versionInfo",
            "versionIRI",
            "deprecated",
            "priorVersion",
            "backwardCompatibleWith",
            "incompatibleWith",
        )
    ),
}
PROPERTY_KINDS = ("ObjectProperty", "DatatypeProperty", "AnnotationProperty")
ONLY_SIMPLE = ("FunctionalProperty", "InverseFunctionalProperty", "IrreflexiveProperty", "AsymmetricProperty")
ONLY_OBJECT = (*ONLY_SIMPLE[1:], "TransitiveProperty", "SymmetricProperty", "ReflexiveProperty")
COUNTING = (
    "minCardinality",
    "maxCardinality",
    "cardinality",
    "minQualifiedCardinality",
    "maxQualifiedCardinality",
    "qualifiedCardinality",
    "hasSelf",
)
RESERVED = (str(OWL), str(RDF), str(RDFS), str(XSD))


class Profile:
    """The triples of an ontology by subject and predicate, ready for questions of OWL 2 DL."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self.triples = list(triples)
        self.by: dict[tuple[str, str], list[str]] = defaultdict(list)
        for triple in self.triples:
            self.by[(_key(triple.subject), triple.predicate.value)].append(_key(triple.object))
        self.kinds: dict[str, set[str]] = defaultdict(set)
        for triple in self.triples:
            if triple.predicate.value == str(RDF.type) and _key(triple.object).startswith(str(OWL)):
                self.kinds[_key(triple.subject)].add(_key(triple.object).removeprefix(str(OWL)))

    def pairs(self, predicate: str) -> Iterator[tuple[str, str]]:
        """(subject, object) of every triple with that predicate."""
        yield from (
            (_key(triple.subject), _key(triple.object))
            for triple in self.triples
            if triple.predicate.value == predicate
        )

    def members(self, node: str) -> list[str]:
        """The members of an RDF list."""
        found = []
        while node != str(RDF.nil):
            found += self.by[(node, str(RDF.first))]
            node = self.by[(node, str(RDF.rest))][0]
        return found

    def named(self, prop: str) -> str:
        """The property itself, or for a nameless inverse the property that it turns round."""
        return next(iter(self.by[(prop, str(OWL.inverseOf))]), prop) if prop.startswith("_:") else prop


def _key(term: object) -> str:
    return f"_:{term.value}" if isinstance(term, BlankNode) else str(getattr(term, "value", term))


def violations(triples: Iterable[Triple]) -> set[str]:
    """What keeps the triples from being OWL 2 DL, one sentence each; empty where nothing does."""
    profile = Profile(triples)
    return {
        *declarations(profile),
        *puns(profile),
        *datatypes(profile),
        *simple_roles(profile),
        *regularity(profile),
    }


def declarations(profile: Profile) -> Iterator[str]:
    """Section 5.8: whatever is used as class, property or datatype is declared as one (typing constraints)."""
    structural = {
        str(OWL) + name
        for name in ("inverseOf", "propertyChainAxiom", "onProperty", "members", "intersectionOf", "unionOf")
    }
    for triple in profile.triples:
        prop, value = triple.predicate.value, _key(triple.object)
        if not prop.startswith(RESERVED) and not profile.kinds[prop] & set(PROPERTY_KINDS):
            yield f"{prop} is used as a property and not declared"
        if (
            prop.startswith(RESERVED)
            and prop not in BUILT_IN_ANNOTATIONS | structural
            and prop == str(RDF.type)
        ):
            known = value.startswith((str(OWL), "_:")) or "Class" in profile.kinds[value]
            if not known:
                yield f"{value} is used as a class and not declared"
        if prop in {
            str(RDFS.subClassOf),
            str(RDFS.domain),
            str(OWL.someValuesFrom),
            str(OWL.equivalentClass),
        } and not _is_class(profile, value):
            yield f"{value} is used as a class and not declared"


def _is_class(profile: Profile, value: str) -> bool:
    return (
        bool(profile.kinds[value] & {"Class", "Restriction"})
        or value == str(OWL.Thing)
        or value in DATATYPES | {EXCEPTION}
    )


def puns(profile: Profile) -> Iterator[str]:
    """Section 5.8.1: no IRI is two kinds of property; no reserved IRI is declared; facts fit the kind."""
    for iri, kinds in profile.kinds.items():
        properties = kinds & set(PROPERTY_KINDS)
        if len(properties) > 1:
            yield f"{iri} is declared as {' and '.join(sorted(properties))}"
        if (
            kinds
            and iri.startswith(RESERVED)
            and iri not in BUILT_IN_ANNOTATIONS | DATATYPES | {str(OWL.Thing), str(OWL.Nothing)}
        ):
            yield f"{iri} is reserved and may not be declared"
        if "DatatypeProperty" in kinds and kinds & set(ONLY_OBJECT):
            yield f"{iri} takes values and is {' and '.join(sorted(kinds & set(ONLY_OBJECT)))}"
    for triple in profile.triples:
        kinds = profile.kinds[triple.predicate.value]
        if "ObjectProperty" in kinds and isinstance(triple.object, Literal):
            yield f"{triple.predicate.value} relates things and has a literal"
        if "DatatypeProperty" in kinds and not isinstance(triple.object, Literal):
            yield f"{triple.predicate.value} takes values and has a thing"


def datatypes(profile: Profile) -> Iterator[str]:
    """Section 4: literals and ranges are of datatypes of the map."""
    used = {triple.object.datatype.value for triple in profile.triples if isinstance(triple.object, Literal)}
    used |= {
        value for prop, value in profile.pairs(str(RDFS.range)) if "DatatypeProperty" in profile.kinds[prop]
    }
    yield from (f"{datatype} is no datatype of OWL 2" for datatype in used - DATATYPES - {EXCEPTION})


def composite(profile: Profile) -> set[str]:
    """Section 11.1: the properties that are not simple.

    Chains, transitive ones, their inverses, and whatever stands above these.
    """
    found = {prop for prop, _ in profile.pairs(str(OWL.propertyChainAxiom))} | {
        prop for prop, kinds in profile.kinds.items() if "TransitiveProperty" in kinds
    }
    while True:
        more = {above for below, above in profile.pairs(str(RDFS.subPropertyOf)) if below in found}
        for one, other in profile.pairs(str(OWL.inverseOf)):
            more |= {one, other} if {one, other} & found else set()
        for one, other in profile.pairs(str(OWL.equivalentProperty)):
            more |= {one, other} if {one, other} & found else set()
        if more <= found:
            return found
        found |= more


def simple_roles(profile: Profile) -> Iterator[str]:
    """Section 11.2: properties that are not simple stand in none of the axioms that would make reasoning undecidable."""
    complex_ones = composite(profile)
    for prop in complex_ones:
        yield from (
            f"{prop} is not simple and is an {kind}" for kind in profile.kinds[prop] & set(ONLY_SIMPLE)
        )
    for name in COUNTING:
        for restriction, _ in profile.pairs(str(OWL) + name):
            yield from (
                f"{prop} is not simple and is counted"
                for prop in profile.by[(restriction, str(OWL.onProperty))]
                if profile.named(prop) in complex_ones
            )
    for one, other in profile.pairs(str(OWL.propertyDisjointWith)):
        yield from (f"{prop} is not simple and is disjoint" for prop in (one, other) if prop in complex_ones)
    for node in (
        subject for subject, kind in profile.pairs(str(RDF.type)) if kind == str(OWL.AllDisjointProperties)
    ):
        for head in profile.by[(node, str(OWL.members))]:
            yield from (
                f"{prop} is not simple and is disjoint"
                for prop in profile.members(head)
                if prop in complex_ones
            )


def regularity(profile: Profile) -> Iterator[str]:
    """Section 11.2: the properties can be ordered so that each chain only uses smaller ones, itself at one end excepted."""
    pairs = [pair for pair in profile.pairs(str(OWL.inverseOf)) if not pair[0].startswith("_:")]
    same = {max(pair): min(pair) for pair in pairs}

    def canonical(prop: str) -> str:
        return same.get(profile.named(prop), profile.named(prop))

    strict: dict[str, set[str]] = defaultdict(set)
    weak: dict[str, set[str]] = defaultdict(set)
    for below, above in profile.pairs(str(RDFS.subPropertyOf)):
        weak[canonical(below)].add(canonical(above))
    for prop, head in profile.pairs(str(OWL.propertyChainAxiom)):
        for link in _inner(profile.members(head), prop):
            strict[canonical(link)].add(canonical(prop))
    for below, several in strict.items():
        yield from (
            f"{below} stands in a chain of {above}, on which it depends"
            for above in several
            if below in _reachable(above, strict, weak)
        )


def _inner(chain: list[str], prop: str) -> list[str]:
    """The links of a chain that have to be smaller than the property."""
    if chain == [prop, prop]:
        return []
    return chain[1:] if chain[0] == prop else chain[:-1] if chain[-1] == prop else chain


def _reachable(start: str, *graphs: Mapping[str, set[str]]) -> set[str]:
    """Everything that can be reached, the start included."""
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for graph in graphs:
            for there in graph.get(here, set()) - seen:
                seen.add(there)
                todo.append(there)
    return seen


def ours() -> list[Triple]:
    return [triple for source in sources.read(ontology_folder()).sources for triple in source.triples]


def test_the_real_graph_is_owl_2_dl_but_for_dates() -> None:
    assert set() == violations(ours())


def test_dates_are_the_one_exception_and_are_used() -> None:
    used = {triple.object.datatype.value for triple in ours() if isinstance(triple.object, Literal)}
    assert {EXCEPTION} == used - DATATYPES


def test_the_schema_has_composite_properties_so_that_the_rules_on_them_say_something() -> None:
    found = composite(Profile(ours()))
    assert {
        vocab.NS + name
        for name in ("partOf", "hasPart", "metWith", "appliedIn", "involvedIn", "mentions", "speaksOf")
    } <= found
    assert not {vocab.NS + name for name in ("usedTool", "cites", "inDocument")} & found


BASE = (
    "@prefix : <http://e/> . @prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . "
    "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . :p a owl:ObjectProperty . :q a owl:ObjectProperty . :r a owl:ObjectProperty . "
    ":d a owl:DatatypeProperty . :C a owl:Class . :a a :C . :b a :C . :a :p :b . "
)
TWINS = [
    (":a :unknown :b .", "used as a property and not declared", ":a :q :b ."),
    (
        ":a a :Unknown .",
        "used as a class and not declared",
        ":a a [ a owl:Restriction ; owl:onProperty :p ; owl:someValuesFrom :C ] .",
    ),
    (":p rdfs:domain :Unknown .", "used as a class and not declared", ":p rdfs:domain :C ."),
    (":p a owl:DatatypeProperty .", "declared as DatatypeProperty and ObjectProperty", ":C a owl:Class ."),
    (
        ":d a owl:AnnotationProperty .",
        "declared as AnnotationProperty and DatatypeProperty",
        ":e a owl:AnnotationProperty .",
    ),
    (
        "rdfs:member a owl:ObjectProperty .",
        "reserved and may not be declared",
        'rdfs:label a owl:AnnotationProperty . :a rdfs:label "a" .',
    ),
    (
        ":d a owl:InverseFunctionalProperty .",
        "takes values and is InverseFunctionalProperty",
        ":d a owl:FunctionalProperty .",
    ),
    (':a :p "b" .', "relates things and has a literal", ":b :p :a ."),
    (":a :d :b .", "takes values and has a thing", ":a :d 3 ."),
    (':a :d "1"^^xsd:gYear .', "no datatype of OWL 2", ':a :d "2011-02-17"^^xsd:date .'),
    (":d rdfs:range xsd:duration .", "no datatype of OWL 2", ":d rdfs:range xsd:decimal ."),
    (
        ":p a owl:TransitiveProperty , owl:FunctionalProperty .",
        "not simple and is an FunctionalProperty",
        ":p a owl:FunctionalProperty . :q a owl:TransitiveProperty .",
    ),
    (
        ":p a owl:AsymmetricProperty ; owl:propertyChainAxiom ( :q :r ) .",
        "not simple and is an AsymmetricProperty",
        ":p owl:propertyChainAxiom ( :q :r ) .",
    ),
    (
        ":q a owl:IrreflexiveProperty ; owl:inverseOf :p . :p a owl:TransitiveProperty .",
        "not simple and is an IrreflexiveProperty",
        ":q a owl:IrreflexiveProperty .",
    ),
    (
        ":r a owl:FunctionalProperty . :p rdfs:subPropertyOf :r ; owl:propertyChainAxiom ( :q :q ) .",
        "http://e/r is not simple",
        ":p a owl:FunctionalProperty ; rdfs:subPropertyOf :r . :r owl:propertyChainAxiom ( :q :q ) .",
    ),
    (
        ":p a owl:TransitiveProperty . :a a [ a owl:Restriction ; owl:onProperty :p ; owl:maxCardinality 1 ] .",
        "not simple and is counted",
        ":a a [ a owl:Restriction ; owl:onProperty :p ; owl:maxCardinality 1 ] .",
    ),
    (
        ":p a owl:TransitiveProperty ; owl:propertyDisjointWith :q .",
        "not simple and is disjoint",
        ":p owl:propertyDisjointWith :q .",
    ),
    (
        ":p a owl:TransitiveProperty . [] a owl:AllDisjointProperties ; owl:members ( :p :q ) .",
        "not simple and is disjoint",
        "[] a owl:AllDisjointProperties ; owl:members ( :p :q ) .",
    ),
    (
        ":p owl:propertyChainAxiom ( :q :r ) . :q owl:propertyChainAxiom ( :p :r ) .",
        "on which it depends",
        ":p owl:propertyChainAxiom ( :q :r ) .",
    ),
    (
        ":p owl:propertyChainAxiom ( :q :r ) . :p rdfs:subPropertyOf :q .",
        "on which it depends",
        ":p owl:propertyChainAxiom ( :q :r ) . :q rdfs:subPropertyOf :p .",
    ),
    (
        ":p owl:propertyChainAxiom ( :q :p :r ) .",
        "on which it depends",
        ":p owl:propertyChainAxiom ( :q :r :p ) . :p owl:propertyChainAxiom ( :p :p ) .",
    ),
]


@pytest.mark.parametrize(
    ("broken", "complaint", "sound"), TWINS, ids=[f"{number}-{twin[1]}" for number, twin in enumerate(TWINS)]
)
def test_each_rule_of_the_profile_fires_on_its_broken_twin_alone(
    broken: str, complaint: str, sound: str
) -> None:
    assert any(
        complaint in said
        for said in violations(quad.triple for quad in rdf.parse_text(BASE + broken, RdfFormat.TURTLE))
    )
    assert set() == violations(quad.triple for quad in rdf.parse_text(BASE + sound, RdfFormat.TURTLE))


def test_there_is_one_ontology_and_it_is_ours() -> None:
    assert {vocab.BASE + "ns"} == {
        triple.subject.value for triple in ours() if triple.object == NamedNode(str(OWL.Ontology))
    }  # type: ignore[union-attr]


def test_names_of_ours_are_persistent_and_readable() -> None:
    terms = {
        triple.subject.value
        for triple in ours()
        if isinstance(triple.subject, NamedNode) and triple.subject.value.startswith(vocab.NS)
    }
    assert len(terms) > 100
    assert vocab.NS.startswith("https://w3id.org/")
    assert [] == [
        iri for iri in terms if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", iri.removeprefix(vocab.NS))
    ]


def test_everything_is_inside_the_namespaces_of_the_project_but_the_declared_foreign_terms() -> None:
    subjects = {
        triple.subject.value
        for triple in ours()
        if isinstance(triple.subject, NamedNode) and not triple.subject.value.startswith(vocab.BASE)
    }
    declared = {
        triple.subject.value
        for source in sources.read(ontology_folder()).sources
        if source.path == "schema/foreign.ttl"
        for triple in source.triples
    }  # type: ignore[union-attr]
    assert declared == subjects
