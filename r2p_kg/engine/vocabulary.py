"""All that a query can name of a snapshot: IRIs, which of them are deprecated, languages and prefixes."""

from __future__ import annotations

import difflib
import heapq
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from r2p_kg.graph.snapshot import Snapshot

#: An IRI, or a literal with its language; literals are read whole, because they may hold what looks like an IRI.
_TERM: Final = re.compile(rb'<([^>]*)>|"(?:[^"\\]++|\\.)*+"(?:@([A-Za-z0-9-]++))?', re.DOTALL)
#: Behind the subject. A quote inside a literal is escaped, so that no text holds this.
_DEPRECATED: Final = re.compile(b"> <" + re.escape((vocab.OWL + "deprecated").encode()) + rb'> "(?:true|1)"')

#: With more IRIs than this a vocabulary is not kept: it would take too much memory.
_MOST: Final = 400_000

#: Terms that are compared with a misspelt one, letter by letter.
_COMPARED: Final = 12


@dataclass(frozen=True)
class Vocabulary:
    """``terms``: every IRI of the snapshot; None where they are too many to keep. ``deprecated``: those that say so of themselves.

    ``languages``: tags of its literals in lower case, as the engine keeps them. ``prefixes``: prefix → namespace.
    ``namespaces``: of all terms. Made once for a snapshot by :meth:`of` (about a second for a million quads), read by many threads.
    """

    terms: frozenset[str] | None
    deprecated: frozenset[str]
    languages: frozenset[str]
    prefixes: Mapping[str, str]
    namespaces: frozenset[str]
    _pairs: Mapping[str, tuple[str, ...]] = field(repr=False)
    #: Terms by namespace, of the small ones: they are vocabularies, whose terms are misspelt most.
    _own: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Vocabulary:
        """The vocabulary of a snapshot."""
        found = set(_TERM.findall(snapshot.quads))
        terms = frozenset(iri.decode() for iri, _ in found if iri)
        languages = frozenset(tag.decode().lower() for _, tag in found if tag)
        deprecated = frozenset(_deprecated(snapshot.quads))
        namespaces = frozenset(namespace(iri) for iri in terms)
        if len(terms) > _MOST:
            return cls(None, deprecated, languages, dict(snapshot.prefixes), namespaces, {}, {})
        return cls(terms, deprecated, languages, dict(snapshot.prefixes), namespaces, _index(terms), _small(terms))

    def short(self, iri: str) -> str:
        """The IRI as a prefixed name where a prefix fits, else in angle brackets."""
        fitting = [(len(start), prefix) for prefix, start in self.prefixes.items() if iri.startswith(start) and re.fullmatch(r"[\w-]+", iri[len(start) :])]
        return f"{max(fitting)[1]}:{iri[max(fitting)[0] :]}" if fitting else f"<{iri}>"

    def nearest(self, iri: str) -> str | None:
        """The term that the IRI is a misspelling of, as far as one can tell: its own namespace first, then the same name elsewhere."""
        if own := _closest(local(iri), self._own.get(namespace(iri), ())):
            return own
        name = local(iri).lower()
        counts: dict[str, int] = defaultdict(int)
        # The rarest pairs of letters tell most, and their lists are short.
        for pair in sorted((pair for pair in _pairs(name) if pair in self._pairs), key=lambda pair: len(self._pairs[pair]))[:5]:
            for term in self._pairs[pair][:500]:
                counts[term] += 1
        mine = namespace(iri)
        most = max(counts.values(), default=0)
        close = [term for term, count in counts.items() if count >= most - 1]
        likely = heapq.nsmallest(_COMPARED, close, key=lambda term: (-counts[term], namespace(term) != mine, abs(len(local(term)) - len(name)), term))
        scores = {term: _likeness(name, local(term).lower()) + (0.1 if namespace(term) == mine else 0) for term in likely}
        best = max(scores, key=lambda term: (scores[term], term), default=None)
        return best if best is not None and scores[best] >= _LIKE else None


#: Words of this likeness (difflib), and in the same namespace of a little less, are taken for each other.
_LIKE: Final = 0.85


#: A namespace with more terms holds things, not words.
_WORDS: Final = 1000


def _deprecated(quads: bytes) -> Iterator[str]:
    for match in _DEPRECATED.finditer(quads):
        yield quads[quads.rfind(b"\n", 0, match.start()) + 2 : match.start()].decode()


def _small(terms: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for term in sorted(terms):
        found[namespace(term)].append(term)
    return {start: tuple(members) for start, members in found.items() if len(members) <= _WORDS}


def _closest(name: str, terms: Iterable[str]) -> str | None:
    """The term that is called most like it, one with the same case of the first letter before others; None where none is like it."""
    near = {local(term): term for term in terms if abs(len(local(term)) - len(name)) <= 2}  # noqa: PLR2004 - letters that one forgets or adds
    by_lower = {called.lower(): called for called in sorted(near, key=lambda called: called[:1].isupper() == name[:1].isupper())}
    found = difflib.get_close_matches(name.lower(), by_lower, 1, _LIKE)
    return near[by_lower[found[0]]] if found else None


def namespace(iri: str) -> str:
    """The IRI up to its last # or /."""
    return iri[: max(iri.rfind("#"), iri.rfind("/")) + 1]


def local(iri: str) -> str:
    """The IRI behind its last # or /."""
    return iri[max(iri.rfind("#"), iri.rfind("/")) + 1 :]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _pairs(name: str) -> set[str]:
    bounded = f"^{name[:60]}$"
    return {bounded[place : place + 2] for place in range(len(bounded) - 1)}


def _index(terms: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each pair of letters with the terms whose local names hold it."""
    found: dict[str, list[str]] = defaultdict(list)
    for term in sorted(terms):
        for pair in _pairs(local(term).lower()):
            found[pair].append(term)
    return {pair: tuple(holding) for pair, holding in found.items()}
