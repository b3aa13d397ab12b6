"""Why a triple is in a snapshot.

It was written in a file at a line and cites a source, or a rule concluded it from other triples. All of that
is read from what :mod:`r2p_kg.graph.origins` wrote, without a rule or a reasoner.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyoxigraph import NamedNode, RdfFormat

from r2p_kg.errors import UsageError
from r2p_kg.graph import rdf, vocab
from r2p_kg.graph.prefixes import Prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from r2p_kg.graph.snapshot import Snapshot

#: Three terms in N-Triples.
Fact = tuple[str, str, str]

#: What the rules are called in words; their names are those of the standard.
MEANINGS: Final[Mapping[str, str]] = {
    "cax-eqc1": "equivalent classes",
    "cax-eqc2": "equivalent classes",
    "cax-sco": "a member of a class is one of its superclass",
    "cls-avf": "all values are of a class",
    "cls-hv1": "members of the class have this value",
    "cls-hv2": "what has this value is a member",
    "cls-int1": "a member of all parts of an intersection",
    "cls-int2": "a member of an intersection is one of each part",
    "cls-oo": "a member by enumeration",
    "cls-svf1": "what has such a value is a member",
    "cls-svf2": "what has any value is a member",
    "cls-uni": "a member of a part of a union",
    "eq-rep-o": "the same thing under another name",
    "eq-rep-p": "the same property under another name",
    "eq-rep-s": "the same thing under another name",
    "eq-sym": "sameness goes both ways",
    "eq-trans": "sameness is passed on",
    "prp-dom": "the property's domain",
    "prp-eqp1": "equivalent properties",
    "prp-eqp2": "equivalent properties",
    "prp-fp": "the property takes one value",
    "prp-ifp": "the value belongs to one thing",
    "prp-inv1": "the inverse property",
    "prp-inv2": "the inverse property",
    "prp-key": "things with the same key are the same",
    "prp-rng": "the property's range",
    "prp-spo1": "what a subproperty relates its superproperty relates",
    "prp-spo2": "a chain of properties",
    "prp-symp": "the property is symmetric",
    "prp-trp": "the property is transitive",
    "scm-dom1": "a domain's superclass",
    "scm-dom2": "the superproperty's domain",
    "scm-eqc1": "equivalent classes are subclasses of each other",
    "scm-eqc2": "subclasses of each other are equivalent",
    "scm-eqp1": "equivalent properties are subproperties of each other",
    "scm-eqp2": "subproperties of each other are equivalent",
    "scm-int": "an intersection is a subclass of each part",
    "scm-rng1": "a range's superclass",
    "scm-rng2": "the superproperty's range",
    "scm-sco": "subclasses of a subclass",
    "scm-spo": "subproperties of a subproperty",
    "scm-uni": "each part is a subclass of its union",
}


@dataclass(frozen=True)
class WrittenAt:
    """The graph and the line in which a triple was written.

    Attributes:
        graph: the IRI of the graph.
        path: the file below ``ontology/``; "" if it is not known.
        line: the line in it; 0 if it is not known.

    """

    graph: str
    path: str
    line: int


@dataclass(frozen=True)
class Way:
    """One conclusion.

    Attributes:
        rule: its name in OWL 2 Profiles, section 4.3.
        premises: what it was concluded from.

    """

    rule: str
    premises: tuple[Explanation, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a triple is in the snapshot.

    Attributes:
        fact: the triple.
        places: where it was written, empty if it was concluded.
        sources: IRIs of the passages that its subject cites, or of the sources that a term names.
        ways: how it was concluded, the shortest first; below the first triple only the shortest is given.

    """

    fact: Fact
    places: tuple[WrittenAt, ...]
    sources: tuple[str, ...]
    ways: tuple[Way, ...]

    def steps(self) -> Iterator[Explanation]:
        """This one and all below it on its first way, each before its premises."""
        yield self
        for way in self.ways[:1]:
            for premise in way.premises:
                yield from premise.steps()


class Explainer:
    """The origins of a snapshot, ready to be asked.

    A few milliseconds to make, about a tenth for each step of an answer. Never changes.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.prefixes = snapshot.prefixes
        self._quads = snapshot.quads.split(b"\n")[:-1]
        head, *lines = snapshot.origins.split(b"\n")
        known = json.loads(head) if head else {"files": [], "rules": []}
        self._files, self._rules, self._lines = known["files"], known["rules"], lines

    def explain(self, fact: Fact) -> Explanation | None:
        """The explanation of a triple, None if the snapshot does not hold it."""
        numbers = list(self._with(" ".join(fact) + " "))
        return self._explained(numbers[0], every=True) if numbers else None

    def nameless(self, term: str, depth: int = 3) -> str:
        """What a nameless class or list says, in the manner of Manchester syntax.

        Other terms as they are, shortened by prefixes.
        """
        if not term.startswith("_:"):
            return self.short(term)
        properties = self._properties(term) if depth else {}
        parts = {
            name: self.nameless(properties[vocab.OWL + name], depth - 1)
            for name in _SAYINGS
            if vocab.OWL + name in properties
        }
        for name, saying in _SAYINGS.items():
            if name in parts:
                return saying.format(parts.get("onProperty", ""), parts[name]).strip()
        for name, joint in (
            ("intersectionOf", " and "),
            ("unionOf", " or "),
            ("members", ", "),
            ("distinctMembers", ", "),
        ):
            if vocab.OWL + name in properties:
                return f"({joint.join(self._members(properties[vocab.OWL + name], depth - 1))})"
        return (
            f"({', '.join(self._members(term, depth))})"
            if vocab.RDF + "first" in properties
            else "(nameless)"
        )

    def short(self, term: str) -> str:
        """A term in N-Triples as a person writes it: with a prefix if one fits."""
        if not term.startswith("<"):
            return re.sub(r"\^\^<http://www\.w3\.org/2001/XMLSchema#(\w+)>$", r"^^xsd:\1", term)
        return self.prefixes.shorten(term[1:-1])

    def sentence(self, fact: Fact) -> str:
        """A triple on one line for people."""
        subject, predicate, value = fact
        verb = "a" if predicate == _A else self.nameless(predicate)
        return f"{self.nameless(subject)} {verb} {self.nameless(value)}"

    def _members(self, node: str, depth: int) -> list[str]:
        members: list[str] = []
        while node.startswith("_:") and len(members) < _LONGEST:
            properties = self._properties(node)
            if vocab.RDF + "first" in properties:
                members.append(self.nameless(properties[vocab.RDF + "first"], depth))
            node = properties.get(vocab.RDF + "rest", "")
        return [*members, "…"] if node.startswith("_:") else members

    def _properties(self, node: str) -> dict[str, str]:
        """Predicate → value of a nameless node."""
        parsed = map(self._parsed, self._with(f"{node} "))
        return {predicate[1:-1]: value for _, predicate, value, _ in parsed}

    def _with(self, start: str) -> Iterator[int]:
        """The numbers of the quads whose line begins so; the lines are sorted."""
        wanted = start.encode()
        number = bisect_left(self._quads, wanted)
        while number < len(self._quads) and self._quads[number].startswith(wanted):
            yield number
            number += 1

    def _parsed(self, number: int) -> tuple[str, str, str, str]:
        """Subject, predicate, object and graph of a quad or a hidden triple, in N-Triples."""
        line = (
            self._quads[number]
            if number < len(self._quads)
            else self._lines[number].partition(b"\t")[2] + b" ."
        )
        (quad,) = rdf.parse_text(line, RdfFormat.N_QUADS)
        return str(quad.subject), str(quad.predicate), str(quad.object), getattr(quad.graph_name, "value", "")

    def _explained(self, number: int, *, every: bool = False) -> Explanation:
        *fact, _ = self._parsed(number)
        subject, predicate, value = fact
        same = list(self._with(f"{subject} {predicate} {value} ")) or [number]
        written = [one for one in same if self._origin(one).startswith(("=", "?"))]
        if written:
            return Explanation(
                (subject, predicate, value), tuple(map(self._written_at, written)), self._sources(subject), ()
            )
        ways = self._origin(number).partition("\t")[0].split(";")
        return Explanation(
            (subject, predicate, value), (), (), tuple(map(self._way, ways if every else ways[:1]))
        )

    def _origin(self, number: int) -> str:
        return self._lines[number].decode() if number < len(self._lines) - 1 else "?"

    def _written_at(self, number: int) -> WrittenAt:
        file, _, line = self._origin(number)[1:].partition(" ")
        return WrittenAt(self._parsed(number)[3], self._files[int(file)] if file else "", int(line or 0))

    def _way(self, text: str) -> Way:
        rule, *premises = map(int, text.split(" "))
        return Way(self._rules[rule], tuple(self._explained(premise) for premise in premises))

    def _sources(self, subject: str) -> tuple[str, ...]:
        """What the subject of a written triple cites, else the source that it names."""
        for predicate in (vocab.R2P_CITES, vocab.DCTERMS + "source"):
            sources = {self._parsed(number)[2] for number in self._with(f"{subject} <{predicate}> ")}
            if sources:
                return tuple(sorted(term[1:-1] for term in sources if term.startswith("<")))
        return ()


_A: Final = f"<{vocab.RDF_TYPE}>"
#: How a restriction reads: property and filler.
_SAYINGS: Final = {
    "someValuesFrom": "({} some {})",
    "allValuesFrom": "({} only {})",
    "hasValue": "({} value {})",
    "complementOf": "{}(not {})",
    "inverseOf": "{}(inverse {})",
    "onProperty": "({} …)",
}
#: Members of a list that are named before it is cut.
_LONGEST: Final = 8


def term(text: str, prefixes: Mapping[str, str]) -> str:
    """A term as people write it, in N-Triples.

    ``a``, ``prefix:name``, an IRI with or without angle brackets, a number, ``"text"@en``.

    Raises UsageError if the text is none of these.
    """
    text = text.strip()
    try:
        if text == "a":
            return _A
        expanded = Prefixes.of(prefixes).expand(text)
        if expanded is not None and "://" not in text:
            return str(NamedNode(expanded))
        if text.startswith("<") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
            return str(NamedNode(text.removeprefix("<").removesuffix(">")))
        if re.fullmatch(r"_:\w+", text):
            return text
        declared = "".join(f"@prefix {known}: <{space}> .\n" for known, space in prefixes.items())
        (quad,) = rdf.parse_text(f"{declared}<urn:s> <urn:p> {text} .", RdfFormat.TURTLE)
    except (ValueError, rdf.RdfSyntaxError) as error:
        known = ", ".join(sorted(prefixes))
        message = f'{text!r} is no term; write prefix:name, <IRI>, a number or "text"@en; prefixes: {known}'
        raise UsageError(message) from error
    return str(quad.object)


def as_text(one: Explanation, names: Explainer, indent: str = "") -> Iterator[str]:
    """The explanation as lines for a terminal, premises indented below what follows from them."""
    line = f"{indent}{names.sentence(one.fact)}"
    if not one.ways:
        files = ", ".join(
            f"{place.path}:{place.line}" if place.path else place.graph or "the data" for place in one.places
        )
        cited = (
            f"; source: {', '.join(names.short(f'<{iri}>') for iri in one.sources)}" if one.sources else ""
        )
        yield f"{line}   [written: {files}{cited}]"
        return
    yield line
    for number, way in enumerate(one.ways):
        meaning = MEANINGS.get(way.rule, "a rule of OWL 2 RL")
        yield f"{indent}  {'or ' if number else ''}by {way.rule} ({meaning}) from"
        for premise in way.premises:
            yield from as_text(premise, names, indent + "    ")


def as_json(one: Explanation) -> dict[str, Any]:
    """The explanation as a JSON object, terms in N-Triples."""
    content: dict[str, Any] = {
        "subject": one.fact[0],
        "predicate": one.fact[1],
        "object": one.fact[2],
        "kind": "entailed" if one.ways else "asserted",
    }
    if one.ways:
        content["ways"] = [
            {
                "rule": way.rule,
                "meaning": MEANINGS.get(way.rule, ""),
                "premises": [as_json(premise) for premise in way.premises],
            }
            for way in one.ways
        ]
    else:
        content["places"] = [
            {"graph": place.graph, "file": place.path, "line": place.line} for place in one.places
        ]
        content["sources"] = list(one.sources)
    return content


def as_rdf(one: Explanation, prefixes: Mapping[str, str]) -> bytes:
    """The explanation in Turtle.

    Each step an rdf:Statement with its derivation in PROV-O (https://www.w3.org/TR/prov-o/).
    """
    lines: list[str] = []
    _described(one, "_:step", lines)
    quads = rdf.parse_text("".join(lines), RdfFormat.N_QUADS, name="explanation")
    return rdf.write(quads, "text/turtle", {**prefixes, "prov": vocab.PROV, "rdf": vocab.RDF})


def _described(one: Explanation, node: str, lines: list[str]) -> None:
    def add(subject: str, predicate: str, value: str) -> None:
        lines.append(f"{subject} <{predicate}> {value} .\n")

    add(node, vocab.RDF_TYPE, f"<{vocab.RDF}Statement>")
    for name, value in zip(("subject", "predicate", "object"), one.fact, strict=True):
        add(node, vocab.RDF + name, value)
    for place in one.places:
        if place.graph:
            add(node, vocab.DCTERMS + "isPartOf", f"<{place.graph}>")
        if place.path:
            add(node, vocab.DCTERMS + "identifier", rdf.literal(f"{place.path}:{place.line}"))
    for iri in one.sources:
        add(node, vocab.PROV + "hadPrimarySource", f"<{iri}>")
    for number, way in enumerate(one.ways):
        step = f"{node}w{number}"
        add(node, vocab.PROV + "wasGeneratedBy", step)
        add(step, vocab.RDFS_LABEL, rdf.literal(way.rule))
        for position, premise in enumerate(way.premises):
            below = f"{step}p{position}"
            add(step, vocab.PROV + "used", below)
            if not number:
                add(node, vocab.PROV + "wasDerivedFrom", below)
            _described(premise, below, lines)
