"""The file and line of what was written, and what to call it in a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from r2p_kg.graph import vocab
from r2p_kg.graph.prefixes import Prefixes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from r2p_kg.curate.sources import Corpus

Term = NamedNode | BlankNode | Literal | Triple

#: The file for findings about the graph as a whole.
HEAD = "r2p.ttl"

#: Longer literals are cut in messages.
_SHORT = 60


@dataclass(frozen=True)
class Locations:
    """(path, line) of everything in a corpus, the first in order of path.

    Attributes:
        triples: of each triple.
        subjects: of each subject's type, else of its first triple.
        pairs: of the first triple with that subject and predicate.
        uses: of each term's first occurrence as predicate or object.
        prefixes: prefix → namespace.

    """

    triples: Mapping[Triple, tuple[str, int]]
    subjects: Mapping[Term, tuple[str, int]]
    pairs: Mapping[tuple[Term, Term], tuple[str, int]]
    uses: Mapping[Term, tuple[str, int]]
    prefixes: Prefixes

    @classmethod
    def in_corpus(cls, corpus: Corpus) -> Locations:
        """The locations of everything in a corpus."""
        triples: dict[Triple, tuple[str, int]] = {}
        first: dict[Term, tuple[str, int]] = {}
        typed: dict[Term, tuple[str, int]] = {}
        pairs: dict[tuple[Term, Term], tuple[str, int]] = {}
        uses: dict[Term, tuple[str, int]] = {}
        for source in corpus.sources:
            for triple, line in source.lines.items():
                location = (source.path, line)
                triples.setdefault(triple, location)
                first.setdefault(triple.subject, location)
                pairs.setdefault((triple.subject, triple.predicate), location)
                uses.setdefault(triple.predicate, location)
                uses.setdefault(triple.object, location)
                if triple.predicate.value == vocab.RDF_TYPE:
                    typed.setdefault(triple.subject, location)
        return cls(triples, first | typed, pairs, uses, Prefixes.of(corpus.prefixes))

    def of(self, triple: Triple) -> tuple[str, int]:
        """The line of a triple; if it was not written, of what comes nearest to it (see :meth:`find`)."""
        return self.find(triple.subject, triple.predicate, triple.object)

    def of_subject(self, term: Term) -> tuple[str, int]:
        """The line that declares a thing, else that of its first use, else the head of the ontology."""
        return self.subjects.get(term) or self.uses.get(term) or (HEAD, 1)

    def find(self, focus: Term, predicate: Term | None, value: Term | None) -> tuple[str, int]:
        """The line of a triple, else of one with that subject and predicate, else of the subject's type."""
        if isinstance(predicate, NamedNode) and isinstance(focus, NamedNode | BlankNode):
            exact = self.triples.get(Triple(focus, predicate, value)) if value is not None else None
            near = exact or self.pairs.get((focus, predicate))
            if near is not None:
                return near
        return self.of_subject(focus)

    def name(self, term: Term) -> str:
        """The term as a curator would write it."""
        if isinstance(term, NamedNode):
            return self.prefixes.shorten(term.value)
        if isinstance(term, Literal):
            return f'"{term.value}"' if len(term.value) <= _SHORT else f'"{term.value[:_SHORT]}…"'
        return "a blank node"

    def all_of(self, focus: Term, predicate: Term) -> list[tuple[str, int]]:
        """The lines of all triples with that subject and predicate."""
        return [
            location
            for triple, location in self.triples.items()
            if triple.predicate == predicate and triple.subject == focus
        ]

    def name_written(self, text: str) -> str:
        """The same for a term in its SPARQL form."""
        if text.startswith("<urn:r2p-kg:blank:"):
            return "a nameless class"
        if text.startswith("<"):
            return self.name(NamedNode(text[1:-1]))
        if text.endswith(">"):
            value, _, datatype = text.rpartition("^^<")
            return f"{value}^^{self.prefixes.shorten(datatype[:-1])}"
        return text
