"""All that a query can name of some data: IRIs, which of them are deprecated, languages and prefixes."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.nearest import nearest
from r2p_kg.sparql.tokens import PLAIN_LOCAL
from r2p_kg.sparql.words import COMMON_PREFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: An IRI, or a literal with its language; literals are read whole, because they may hold what looks like an
#: IRI.
_TERM: Final = re.compile(rb'<([^>]*)>|"(?:[^"\\]++|\\.)*+"(?:@([A-Za-z0-9-]++))?', re.DOTALL)
#: What stands behind a subject that is deprecated. Quotes inside a literal are escaped: no text holds this.
_DEPRECATED: Final = re.compile(
    b"> <" + re.escape((COMMON_PREFIXES["owl"] + "deprecated").encode()) + rb'> "(?:true|1)"'
)

#: A triple whose object is a text: its property, and the language or the sign of a datatype behind the text.
_TEXT: Final = re.compile(
    rb'^(?:<[^>]*>|_:\S+) <([^>]*)> "(?:[^"\\]++|\\.)*+"(?:@([A-Za-z0-9-]++)|(\^\^))?', re.MULTILINE
)

#: With more IRIs than this a vocabulary is not kept: it would take too much memory.
_MOST: Final = 400_000

#: Terms that are compared with a misspelt one, letter by letter.
_COMPARED: Final = 12


@dataclass(frozen=True)
class KnownTerms:
    """What some data hold, made once by :meth:`of` (about five seconds for a million quads).

    terms: Every IRI; None if there are too many to keep.
    deprecated: Those that say so of themselves.
    languages: The tags of all literals, in lower case, as the engine keeps them.
    tags: Property → the language that most of its values have; only properties whose texts all have one.
    prefixes: Prefix → namespace.
    namespaces: Those of all terms.
    base: The IRI against which relative IRIs of a query are resolved.
    clean: Shapes of queries of which there is nothing to warn (:mod:`r2p_kg.sparql.lint.shapes`).
    """

    terms: frozenset[str] | None
    deprecated: frozenset[str]
    languages: frozenset[str]
    tags: Mapping[str, str]
    prefixes: Mapping[str, str]
    namespaces: frozenset[str]
    base: str
    _by_pair: Mapping[str, tuple[str, ...]] = field(repr=False)
    clean: set[str] = field(default_factory=set, repr=False, compare=False, kw_only=True)
    #: Terms by namespace, of the small ones: they are vocabularies, whose terms are misspelt most.
    _own: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of(cls, quads: bytes, prefixes: Mapping[str, str], base: str = "") -> KnownTerms:
        """The terms of data in N-Quads."""
        found = set(_TERM.findall(quads))
        terms = frozenset(iri.decode() for iri, _ in found if iri)
        languages = frozenset(tag.decode().lower() for _, tag in found if tag)
        deprecated = frozenset(_deprecated(quads))
        namespaces = frozenset(namespace(iri) for iri in terms)
        few = len(terms) <= _MOST
        return cls(
            terms=terms if few else None,
            deprecated=deprecated,
            languages=languages,
            tags=_tags(quads),
            prefixes=dict(prefixes),
            namespaces=namespaces,
            base=base,
            _by_pair=_index(terms) if few else {},
            _own=_small(terms) if few else {},
        )

    def short(self, iri: str) -> str:
        """The IRI as a prefixed name that every SPARQL parser takes, else in angle brackets."""
        starts = [(len(start), prefix) for prefix, start in self.prefixes.items() if iri.startswith(start)]
        length, prefix = max(starts, default=(0, ""))
        return f"{prefix}:{iri[length:]}" if starts and PLAIN_LOCAL.fullmatch(iri, length) else f"<{iri}>"

    def nearest(self, iri: str) -> str | None:
        """The term that was probably meant, of the IRI's own namespace before others."""
        for terms in (self._alike(iri), self._sharing_letters(iri)):
            by_name = {local(term): term for term in reversed(terms)}
            if near := nearest(local(iri), by_name):
                return by_name[near[0]]
        return None

    def _alike(self, iri: str) -> Sequence[str]:
        """The terms of the IRI's own namespace whose names are about as long."""
        length = len(iri)
        return [term for term in self._own.get(namespace(iri), ()) if abs(len(term) - length) <= _FORGOTTEN]

    def _sharing_letters(self, iri: str) -> Sequence[str]:
        """The terms that share most pairs of letters with the IRI's name, the best first."""
        name, mine = local(iri).lower(), namespace(iri)
        counts: dict[str, int] = defaultdict(int)
        # The rarest pairs of letters tell most, and their lists are short.
        for pair in sorted((pair for pair in _pairs(name) if pair in self._by_pair), key=self._rarity)[:5]:
            for term in self._by_pair[pair][:500]:
                counts[term] += 1
        most = max(counts.values(), default=0)
        close = [term for term, count in counts.items() if count >= most - 1]
        return heapq.nsmallest(
            _COMPARED,
            close,
            key=lambda term: (
                -counts[term],
                namespace(term) != mine,
                abs(len(local(term)) - len(name)),
                term,
            ),
        )

    def _rarity(self, pair: str) -> int:
        return len(self._by_pair[pair])


#: A namespace with more terms holds things, not words.
_WORDS: Final = 1000

#: Letters that one forgets or adds.
_FORGOTTEN: Final = 2


def _deprecated(quads: bytes) -> Iterator[str]:
    for match in _DEPRECATED.finditer(quads):
        line = quads.rfind(b"\n", 0, match.start()) + 1
        yield quads[line + 1 : match.start()].decode()


def _tags(quads: bytes) -> Mapping[str, str]:
    counts = Counter(_TEXT.findall(quads))
    untagged = {iri for iri, tag, typed in counts if not tag and not typed}
    found: dict[str, str] = {}
    for (iri, tag, _), _ in counts.most_common():
        if tag and iri not in untagged:
            found.setdefault(iri.decode(), tag.decode().lower().partition("--")[0])
    return found


def _small(terms: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for term in sorted(terms):
        found[namespace(term)].append(term)
    return {start: tuple(members) for start, members in found.items() if len(members) <= _WORDS}


def namespace(iri: str) -> str:
    """The IRI up to its last # or /."""
    return iri[: max(iri.rfind("#"), iri.rfind("/")) + 1]


def local(iri: str) -> str:
    """The IRI behind its last # or /."""
    return iri[max(iri.rfind("#"), iri.rfind("/")) + 1 :]


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
