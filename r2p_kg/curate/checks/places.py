"""Where things were written, and what to call them in a message."""

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

#: Where findings stand that are about the graph as a whole.
HEAD = "r2p.ttl"

#: Longer literals are cut in messages.
_SHORT = 60


@dataclass(frozen=True)
class Places:
    """``triples``: triple → (path, line), the first in order of path.

    ``subjects``: subject → (path, line) of its type, else of its first triple.

    ``pairs``: (subject, predicate) → (path, line) of their first triple. ``uses``: term → (path, line) of its
    first occurrence as predicate or object. ``prefixes``: prefix → namespace.
    """

    triples: Mapping[Triple, tuple[str, int]]
    subjects: Mapping[Term, tuple[str, int]]
    pairs: Mapping[tuple[Term, Term], tuple[str, int]]
    uses: Mapping[Term, tuple[str, int]]
    prefixes: Prefixes

    @classmethod
    def of(cls, corpus: Corpus) -> Places:
        """The places of everything in a corpus."""
        triples: dict[Triple, tuple[str, int]] = {}
        first: dict[Term, tuple[str, int]] = {}
        typed: dict[Term, tuple[str, int]] = {}
        pairs: dict[tuple[Term, Term], tuple[str, int]] = {}
        uses: dict[Term, tuple[str, int]] = {}
        for source in corpus.sources:
            for triple, line in source.lines.items():
                place = (source.path, line)
                triples.setdefault(triple, place)
                first.setdefault(triple.subject, place)
                pairs.setdefault((triple.subject, triple.predicate), place)
                uses.setdefault(triple.predicate, place)
                uses.setdefault(triple.object, place)
                if triple.predicate.value == vocab.RDF_TYPE:
                    typed.setdefault(triple.subject, place)
        return cls(triples, first | typed, pairs, uses, Prefixes.of(corpus.prefixes))

    def of_subject(self, term: Term) -> tuple[str, int]:
        """Where a thing is declared, else where it is first used, else the head of the ontology."""
        return self.subjects.get(term) or self.uses.get(term) or (HEAD, 1)

    def find(self, focus: Term, predicate: Term | None, value: Term | None) -> tuple[str, int]:
        """The line of a triple, of any triple with that subject and predicate, else that where the subject is declared."""
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

    def name_written(self, text: str) -> str:
        """The same for a term in its SPARQL form."""
        if text.startswith("<urn:r2p-kg:blank:"):
            return "a nameless class"
        return self.name(NamedNode(text[1:-1])) if text.startswith("<") else text
