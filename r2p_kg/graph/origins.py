"""The origin of each triple of a snapshot: a file and line, or a rule and premises.

Written by the curators' half, read by the readers'.

The text has a first line of JSON, then one line for each line of the snapshot's quads, then one for each
hidden triple: one that a rule concluded on the way to others and that the snapshot leaves out, mostly of
nameless classes.

- asserted: ``=FILE LINE``, numbers of a file in the head's ``files`` and of its line, from 1; ``=`` alone if
  they are not known
- entailed: ``RULE PREMISE …;RULE PREMISE …``, numbers of rules in the head's ``rules`` and of lines in this
  text, from 0 after the head
- hidden: as entailed, then a tab and the triple in N-Triples
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, Store

from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyoxigraph import Triple

    #: One way to a triple: the rule's name and the premises; of triples as keys, see :class:`_Keys`.
    Way = tuple[str, Sequence[tuple[str, str, str]]]


def of(
    quads: bytes,
    places: Iterable[tuple[str, str, Mapping[Triple, int]]],
    derivations: Mapping[tuple[str, str, str], Sequence[Way]],
    skolem: str,
) -> bytes:
    """The text for a snapshot's canonical ``quads``.

    ``places``: (graph, path, triple → line) of each source file. ``derivations``: triple that follows → ways,
    the shortest first, of terms as SPARQL writes them, blank nodes as IRIs that begin with ``skolem``.
    """
    sources = list(places)
    known = rdf.quads_of(quads)
    written = _Keys(
        _colours(
            (triple.subject, triple.predicate, triple.object) for _, _, lines in sources for triple in lines
        )
    )
    frozen = _Keys(_colours((quad.subject, quad.predicate, quad.object) for quad in known))
    files = sorted({path for _, path, _ in sources})
    where: dict[tuple[str, tuple[str, str, str]], str] = {}
    for graph, path, lines in sorted(sources, key=lambda one: one[1]):
        for triple, line in lines.items():
            where.setdefault((graph, written.of(triple)), f"={files.index(path)} {line}")
    numbers: dict[tuple[str, str, str], int] = {}
    keys = [frozen.of(quad) for quad in known]
    for number, key in enumerate(keys):
        numbers.setdefault(key, number)
    labels = {colour: f"_:{label}" for label, colour in sorted(frozen.colours.items(), reverse=True)}
    ways = _Ways(
        numbers,
        {written.of_text(fact, skolem): several for fact, several in derivations.items()},
        written,
        skolem,
        len(known),
    )
    body = [
        ways.line(key) if _graph(quad) == vocab.ENTAILED_GRAPH else where.get((_graph(quad), key), "=")
        for quad, key in zip(known, keys, strict=True)
    ]
    body += ways.hidden(labels)
    return "\n".join([json.dumps({"files": files, "rules": ways.rules}), *body, ""]).encode()


class _Ways:
    """The lines of entailed triples; hidden ones get their numbers as they are met."""

    def __init__(
        self,
        numbers: dict[tuple[str, str, str], int],
        derivations: Mapping[tuple[str, str, str], Sequence[Way]],
        keys: _Keys,
        skolem: str,
        first: int,
    ) -> None:
        self.rules = sorted({rule for several in derivations.values() for rule, _ in several})
        self._rule = {rule: number for number, rule in enumerate(self.rules)}
        self._numbers = numbers
        self._derivations = derivations
        self._keys = keys
        self._skolem = skolem
        self._first = first
        self._met: list[tuple[str, str, str]] = []

    def line(self, key: tuple[str, str, str]) -> str:
        """The ways to one triple."""
        return ";".join(
            " ".join(map(str, (self._rule[rule], *self._premises(premises))))
            for rule, premises in self._derivations.get(key, ())
        )

    def hidden(self, labels: Mapping[str, str]) -> list[str]:
        """The lines of hidden triples; meeting one may bring more."""
        lines: list[str] = []
        while len(lines) < len(self._met):
            key = self._met[len(lines)]
            lines.append(f"{self.line(key)}\t{' '.join(labels.get(term, term) for term in key)}")
        return lines

    def _premises(self, premises: Sequence[tuple[str, str, str]]) -> list[int]:
        numbers = []
        for premise in premises:
            key = self._keys.of_text(premise, self._skolem)
            if key not in self._numbers:
                self._numbers[key] = self._first + len(self._met)
                self._met.append(key)
            numbers.append(self._numbers[key])
        return numbers


class _Keys:
    """Triples as tuples of text that are equal if the triples are.

    Blank nodes by what is said of them, literals as the engine's store keeps them.
    """

    def __init__(self, colours: Mapping[str, str]) -> None:
        self.colours = colours
        self._kept: dict[str, str] = {}

    def of(self, triple: Triple | Quad) -> tuple[str, str, str]:
        """The key of a triple."""
        return self._term(triple.subject), str(triple.predicate), self._term(triple.object)

    def of_text(self, fact: tuple[str, str, str], skolem: str) -> tuple[str, str, str]:
        """The key of a triple whose blank nodes are IRIs that begin with ``skolem``."""
        start = len(skolem) + 1
        subject, predicate, value = (
            self.colours.get(term[start:-1], term) if term.startswith(f"<{skolem}") else term for term in fact
        )
        return subject, predicate, value

    def _term(self, term: object) -> str:
        if isinstance(term, BlankNode):
            return self.colours[term.value]
        text = str(term)
        if not isinstance(term, Literal) or term.datatype.value == vocab.XSD + "string" or term.language:
            return text
        if text not in self._kept:
            store = Store()
            store.add(Quad(_ANY, _ANY, term))
            self._kept[text] = str(next(iter(store)).object)
        return self._kept[text]


_ANY = NamedNode("urn:r2p-kg:any")


def _colours(triples: Iterable[tuple[object, object, object]]) -> dict[str, str]:
    """Label of each blank node → a text that says what is known of it, the same under any labels.

    Colour refinement.

    Nodes of which exactly the same is said share a text: whatever holds of one holds of the other.
    """
    about: dict[str, list[tuple[str, str, object]]] = {}
    for subject, predicate, value in triples:
        if isinstance(subject, BlankNode):
            about.setdefault(subject.value, []).append(("s", str(predicate), value))
        if isinstance(value, BlankNode):
            about.setdefault(value.value, []).append(("o", str(predicate), subject))
    colours = dict.fromkeys(about, "")
    while True:
        finer = {node: _digest(colours[node], seen, colours) for node, seen in about.items()}
        if len(set(finer.values())) == len(set(colours.values())):
            return {node: f"_:{colour}" for node, colour in finer.items()}
        colours = finer


def _digest(own: str, seen: list[tuple[str, str, object]], colours: Mapping[str, str]) -> str:
    lines = sorted(
        f"{side} {predicate} {colours[other.value] if isinstance(other, BlankNode) else other}"
        for side, predicate, other in seen
    )
    return hashlib.sha256("\n".join([own, *lines]).encode()).hexdigest()


def _graph(quad: Quad) -> str:
    return "" if isinstance(quad.graph_name, DefaultGraph) else str(quad.graph_name)[1:-1]
