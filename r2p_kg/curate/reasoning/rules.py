"""The rules of OWL 2 RL as data: which of the standard's rules run here, and what they say.

Names and meaning are those of OWL 2 Profiles, section 4.3,
https://www.w3.org/TR/owl2-profiles/#Reasoning_in_OWL_2_RL_and_RDF_Graphs_using_Rules. Left out on purpose:
axiomatic and reflexive triples (eq-ref, scm-cls, scm-op, scm-dp, cls-thing, dt-type1, dt-eq …), which fill a
graph without telling anything. Of the datatype rules dt-not-type runs between whole families of datatypes;
single ill-typed literals are found by a check of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from r2p_kg.graph import vocab


@dataclass(frozen=True)
class Rule:
    """One rule: if ``schema`` and ``body`` hold, ``head`` holds.

    All three are triple patterns of three tokens each, joined by `` . ``. ``schema`` is matched against the
    axioms before the facts are looked at, and may use paths; its variables are then constants in ``body`` and
    ``head``, which consist of plain patterns. An empty body means that the head follows from the axioms
    alone. ``each``: patterns that are repeated for every member ``?m`` of the list ``?list`` that ``schema``
    binds, and joined to the body. In them ``?here`` and ``?next`` are the stations of a chain: the first is
    ``?first``, the last ``?last``. ``given`` and ``where``: SPARQL constraints on the solutions of ``schema``
    and of ``body``.
    """

    name: str
    schema: str
    body: str
    head: str
    each: str = ""
    given: str = ""
    where: str = ""


@dataclass(frozen=True)
class Clash:
    """One rule whose conclusion is *false*: if ``schema`` and ``body`` hold, the graph contradicts itself.

    ``says``: a sentence with the variables in curly brackets; ``focus``: the variable that the finding is
    about. ``given`` and ``where``: as in :class:`Rule`. ``lenient``: OWL itself may bear with it, we do not.
    If both ``?y`` and ``?z`` occur they must be different terms.
    """

    name: str
    schema: str
    body: str
    says: str
    focus: str = "x"
    given: str = ""
    where: str = ""
    lenient: bool = False


_OTHER = "FILTER(!sameTerm(?y, ?z))"

#: Rules over axioms alone; they run first, to a fixpoint of their own, and see no facts.
SCHEMA_RULES = (
    Rule("scm-sco", "", "?c rdfs:subClassOf ?d . ?d rdfs:subClassOf ?e", "?c rdfs:subClassOf ?e"),
    Rule("scm-eqc1", "", "?c owl:equivalentClass ?d", "?c rdfs:subClassOf ?d . ?d rdfs:subClassOf ?c"),
    Rule("scm-eqc2", "", "?c rdfs:subClassOf ?d . ?d rdfs:subClassOf ?c", "?c owl:equivalentClass ?d"),
    Rule("scm-spo", "", "?p rdfs:subPropertyOf ?q . ?q rdfs:subPropertyOf ?r", "?p rdfs:subPropertyOf ?r"),
    Rule(
        "scm-eqp1", "", "?p owl:equivalentProperty ?q", "?p rdfs:subPropertyOf ?q . ?q rdfs:subPropertyOf ?p"
    ),
    Rule(
        "scm-eqp2", "", "?p rdfs:subPropertyOf ?q . ?q rdfs:subPropertyOf ?p", "?p owl:equivalentProperty ?q"
    ),
    Rule(
        "scm-int", "?c owl:intersectionOf ?list . ?list rdf:rest*/rdf:first ?d", "", "?c rdfs:subClassOf ?d"
    ),
    Rule("scm-uni", "?c owl:unionOf ?list . ?list rdf:rest*/rdf:first ?d", "", "?d rdfs:subClassOf ?c"),
    Rule(
        "scm-hv",
        "?c owl:hasValue ?v . ?c owl:onProperty ?p . ?d owl:hasValue ?v . ?d owl:onProperty ?q",
        "?p rdfs:subPropertyOf ?q",
        "?c rdfs:subClassOf ?d",
    ),
    Rule(
        "scm-svf1",
        "?c owl:someValuesFrom ?e . ?c owl:onProperty ?p . ?d owl:someValuesFrom ?f . ?d owl:onProperty ?p",
        "?e rdfs:subClassOf ?f",
        "?c rdfs:subClassOf ?d",
    ),
    Rule(
        "scm-svf2",
        "?c owl:someValuesFrom ?e . ?c owl:onProperty ?p . ?d owl:someValuesFrom ?e . ?d owl:onProperty ?q",
        "?p rdfs:subPropertyOf ?q",
        "?c rdfs:subClassOf ?d",
    ),
    Rule(
        "scm-avf1",
        "?c owl:allValuesFrom ?e . ?c owl:onProperty ?p . ?d owl:allValuesFrom ?f . ?d owl:onProperty ?p",
        "?e rdfs:subClassOf ?f",
        "?c rdfs:subClassOf ?d",
    ),
    Rule(
        "scm-avf2",
        "?c owl:allValuesFrom ?e . ?c owl:onProperty ?p . ?d owl:allValuesFrom ?e . ?d owl:onProperty ?q",
        "?p rdfs:subPropertyOf ?q",
        "?d rdfs:subClassOf ?c",
    ),
)

#: Rules over facts, compiled against the axioms.
FACT_RULES = (
    Rule("eq-sym", "", "?x owl:sameAs ?y", "?y owl:sameAs ?x"),
    Rule(
        "eq-trans",
        "",
        "?x owl:sameAs ?y . ?y owl:sameAs ?z",
        "?x owl:sameAs ?z",
        where="FILTER(!sameTerm(?x, ?z))",
    ),
    Rule("eq-rep-s", "", "?x owl:sameAs ?y . ?x ?p ?z", "?y ?p ?z"),
    Rule("eq-rep-p", "", "?p owl:sameAs ?q . ?x ?p ?y", "?x ?q ?y"),
    Rule("eq-rep-o", "", "?y owl:sameAs ?z . ?x ?p ?y", "?x ?p ?z"),
    Rule("prp-dom", "?p rdfs:domain ?c", "?x ?p ?y", "?x a ?c"),
    Rule("prp-rng", "?p rdfs:range ?c", "?x ?p ?y", "?y a ?c"),
    Rule("prp-fp", "?p a owl:FunctionalProperty", "?x ?p ?y . ?x ?p ?z", "?y owl:sameAs ?z", where=_OTHER),
    Rule(
        "prp-ifp",
        "?p a owl:InverseFunctionalProperty",
        "?y ?p ?x . ?z ?p ?x",
        "?y owl:sameAs ?z",
        where=_OTHER,
    ),
    Rule("prp-symp", "?p a owl:SymmetricProperty", "?x ?p ?y", "?y ?p ?x"),
    Rule("prp-trp", "?p a owl:TransitiveProperty", "?x ?p ?y . ?y ?p ?z", "?x ?p ?z"),
    Rule("prp-spo1", "?p rdfs:subPropertyOf ?q", "?x ?p ?y", "?x ?q ?y"),
    Rule("prp-spo2", "?p owl:propertyChainAxiom ?list", "", "?first ?p ?last", each="?here ?m ?next"),
    Rule("prp-eqp1", "?p owl:equivalentProperty ?q", "?x ?p ?y", "?x ?q ?y"),
    Rule("prp-eqp2", "?p owl:equivalentProperty ?q", "?x ?q ?y", "?x ?p ?y"),
    Rule("prp-inv1", "?p owl:inverseOf ?q", "?x ?p ?y", "?y ?q ?x"),
    Rule("prp-inv2", "?p owl:inverseOf ?q", "?x ?q ?y", "?y ?p ?x"),
    Rule(
        "prp-key",
        "?c owl:hasKey ?list",
        "?y a ?c . ?z a ?c",
        "?y owl:sameAs ?z",
        each="?y ?m ?here . ?z ?m ?here",
        where=_OTHER,
    ),
    Rule("cls-int1", "?c owl:intersectionOf ?list", "", "?x a ?c", each="?x a ?m"),
    Rule("cls-int2", "?c owl:intersectionOf ?list . ?list rdf:rest*/rdf:first ?d", "?x a ?c", "?x a ?d"),
    Rule("cls-uni", "?c owl:unionOf ?list . ?list rdf:rest*/rdf:first ?d", "?x a ?d", "?x a ?c"),
    Rule("cls-svf1", "?c owl:someValuesFrom ?d . ?c owl:onProperty ?p", "?x ?p ?y . ?y a ?d", "?x a ?c"),
    Rule("cls-svf2", "?c owl:someValuesFrom owl:Thing . ?c owl:onProperty ?p", "?x ?p ?y", "?x a ?c"),
    Rule("cls-avf", "?c owl:allValuesFrom ?d . ?c owl:onProperty ?p", "?x a ?c . ?x ?p ?y", "?y a ?d"),
    Rule("cls-hv1", "?c owl:hasValue ?v . ?c owl:onProperty ?p", "?x a ?c", "?x ?p ?v"),
    Rule("cls-hv2", "?c owl:hasValue ?v . ?c owl:onProperty ?p", "?x ?p ?v", "?x a ?c"),
    Rule(
        "cls-maxc2",
        "?c owl:maxCardinality ?n . ?c owl:onProperty ?p",
        "?x a ?c . ?x ?p ?y . ?x ?p ?z",
        "?y owl:sameAs ?z",
        given="FILTER(?n = 1)",
        where=_OTHER,
    ),
    Rule(
        "cls-maxqc3",
        "?c owl:maxQualifiedCardinality ?n . ?c owl:onProperty ?p . ?c owl:onClass ?d",
        "?x a ?c . ?x ?p ?y . ?y a ?d . ?x ?p ?z . ?z a ?d",
        "?y owl:sameAs ?z",
        given="FILTER(?n = 1)",
        where=_OTHER,
    ),
    Rule(
        "cls-maxqc4",
        "?c owl:maxQualifiedCardinality ?n . ?c owl:onProperty ?p . ?c owl:onClass owl:Thing",
        "?x a ?c . ?x ?p ?y . ?x ?p ?z",
        "?y owl:sameAs ?z",
        given="FILTER(?n = 1)",
        where=_OTHER,
    ),
    Rule("cls-oo", "?c owl:oneOf ?list . ?list rdf:rest*/rdf:first ?x", "", "?x a ?c"),
    Rule("cax-sco", "?c rdfs:subClassOf ?d", "?x a ?c", "?x a ?d"),
    Rule("cax-eqc1", "?c owl:equivalentClass ?d", "?x a ?c", "?x a ?d"),
    Rule("cax-eqc2", "?c owl:equivalentClass ?d", "?x a ?d", "?x a ?c"),
)

#: Rules that run last, since nothing follows from their conclusions that the other rules do not conclude
#: without them.
CLOSING_RULES = (
    Rule("scm-dom1", "", "?p rdfs:domain ?c . ?c rdfs:subClassOf ?d", "?p rdfs:domain ?d"),
    Rule("scm-dom2", "", "?q rdfs:domain ?c . ?p rdfs:subPropertyOf ?q", "?p rdfs:domain ?c"),
    Rule("scm-rng1", "", "?p rdfs:range ?c . ?c rdfs:subClassOf ?d", "?p rdfs:range ?d"),
    Rule("scm-rng2", "", "?q rdfs:range ?c . ?p rdfs:subPropertyOf ?q", "?p rdfs:range ?c"),
)

_UNSIGNED = ("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte")
#: XSD datatypes with values in common; no value is of two families (XML Schema Part 2, section 2.2).
_FAMILIES = (
    (
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
        *_UNSIGNED,
    ),
    ("string", "normalizedString", "token", "language", "Name", "NCName", "NMTOKEN"),
    ("dateTime", "dateTimeStamp"),
    *(
        (name,)
        for name in (
            "boolean",
            "float",
            "double",
            "date",
            "time",
            "anyURI",
            "hexBinary",
            "base64Binary",
            "gYear",
            "gMonth",
            "gDay",
            "gYearMonth",
        )
    ),
)
_FAMILY = (
    "VALUES (?{0} ?{1}) {{ "
    + " ".join(
        f"(<{vocab.XSD}{name}> {number})" for number, family in enumerate(_FAMILIES) for name in family
    )
    + " }}"
)

_PAIR = "?all {0} ?list . ?list rdf:rest* ?here . ?here rdf:first ?c . ?here rdf:rest+/rdf:first ?d"

CLASHES = (
    Clash(
        "eq-diff1",
        "",
        "?x owl:sameAs ?y . ?x owl:differentFrom ?y",
        "{x} and {y} are said to be the same and to be different",
    ),
    *(
        Clash(
            name,
            "?all a owl:AllDifferent . " + _PAIR.format(members),
            "?c owl:sameAs ?d",
            "{c} and {d} are the same and are said to be different",
            "c",
        )
        for name, members in (("eq-diff2", "owl:members"), ("eq-diff3", "owl:distinctMembers"))
    ),
    Clash(
        "prp-irp", "?p a owl:IrreflexiveProperty", "?x ?p ?x", "{x} has itself as {p}, which is irreflexive"
    ),
    Clash(
        "prp-asyp",
        "?p a owl:AsymmetricProperty",
        "?x ?p ?y . ?y ?p ?x",
        "{x} and {y} have each other as {p}, which is asymmetric",
    ),
    Clash(
        "prp-pdw",
        "?p owl:propertyDisjointWith ?q",
        "?x ?p ?y . ?x ?q ?y",
        "{x} has {y} both as {p} and as {q}, which are disjoint",
    ),
    Clash(
        "prp-adp",
        "?all a owl:AllDisjointProperties . " + _PAIR.format("owl:members"),
        "?x ?c ?y . ?x ?d ?y",
        "{x} has {y} both as {c} and as {d}, which are disjoint",
    ),
    Clash(
        "prp-npa1",
        "?all owl:sourceIndividual ?x . ?all owl:assertionProperty ?p . ?all owl:targetIndividual ?y",
        "?x ?p ?y",
        "{x} has {y} as {p} and is said not to have it",
    ),
    Clash(
        "prp-npa2",
        "?all owl:sourceIndividual ?x . ?all owl:assertionProperty ?p . ?all owl:targetValue ?y",
        "?x ?p ?y",
        "{x} has {y} as {p} and is said not to have it",
    ),
    Clash("cls-nothing2", "", "?x a owl:Nothing", "{x} belongs to a class that can have no members"),
    Clash(
        "cls-com",
        "?c owl:complementOf ?d",
        "?x a ?c . ?x a ?d",
        "{x} belongs to {c} and to {d}, its complement",
    ),
    Clash(
        "cls-maxc1",
        "?c owl:maxCardinality ?n . ?c owl:onProperty ?p",
        "?x a ?c . ?x ?p ?y",
        "{x} has {y} as {p} and belongs to a class that takes none",
        given="FILTER(?n = 0)",
    ),
    Clash(
        "cls-maxqc1",
        "?c owl:maxQualifiedCardinality ?n . ?c owl:onProperty ?p . ?c owl:onClass ?d",
        "?x a ?c . ?x ?p ?y . ?y a ?d",
        "{x} has {y} as {p} and belongs to a class that takes no such value",
        given="FILTER(?n = 0)",
    ),
    Clash(
        "cls-maxqc2",
        "?c owl:maxQualifiedCardinality ?n . ?c owl:onProperty ?p . ?c owl:onClass owl:Thing",
        "?x a ?c . ?x ?p ?y",
        "{x} has {y} as {p} and belongs to a class that takes none",
        given="FILTER(?n = 0)",
    ),
    Clash(
        "cax-dw", "?c owl:disjointWith ?d", "?x a ?c . ?x a ?d", "{x} is both {c} and {d}, which are disjoint"
    ),
    Clash(
        "cax-adc",
        "?all a owl:AllDisjointClasses . " + _PAIR.format("owl:members"),
        "?x a ?c . ?x a ?d",
        "{x} is both {c} and {d}, which are disjoint",
    ),
    Clash(
        "dt-not-type",
        "?p rdfs:range ?d",
        "?x ?p ?y",
        "{x} has {y} as {p}, whose values are of {d}",
        given=_FAMILY.format("d", "wanted"),
        where=_FAMILY.format("is", "family")
        + " FILTER(isLiteral(?y) && datatype(?y) = ?is && ?family != ?wanted)",
    ),
    # Not always false in OWL, which has no unique names, but never meant here: two names of ours that the
    # axioms merge, or two values of one data property.
    Clash(
        "prp-fp",
        "?p a owl:FunctionalProperty",
        "?x ?p ?y . ?x ?p ?z",
        "{x} has two values of {p}, which takes one: {y} and {z}",
        where=_OTHER,
        lenient=True,
    ),
)
