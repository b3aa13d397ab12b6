"""The W3C's query tests as values.

What is asked, of which data, and what must come back; read from the suites' own manifests.

The suites are not ours and not in the repository: R2P_W3C_TESTS names the folder that holds their ``sparql``
folder. Tests of updates, of protocols and of reasoning are counted and not read.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import pyoxigraph as ox

from r2p_kg.engine import policy
from r2p_kg.errors import QueryError
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE: Final = "R2P_W3C_TESTS"

#: The suites' files are addressed, and find each other, below this address.
BASE: Final = "https://w3c.github.io/rdf-tests/"

MANIFESTS: Final = {
    "1.0": "sparql/sparql10/manifest.ttl",
    "1.1": "sparql/sparql11/manifest-all.ttl",
    "1.2": "sparql/sparql12/manifest.ttl",
}

EVALUATION: Final = "query evaluation"
FEDERATED: Final = "query evaluation with SERVICE"
TABLES: Final = "CSV results"
POSITIVE: Final = "query syntax, valid"
NEGATIVE: Final = "query syntax, invalid"
REASONING: Final = "entailment"

_ASKED: Final = frozenset({EVALUATION, FEDERATED, TABLES, POSITIVE, NEGATIVE})

_MF: Final = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_QT: Final = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
_KINDS: Final = {
    _MF + "QueryEvaluationTest": EVALUATION,
    _MF + "CSVResultFormatTest": TABLES,
    _MF + "PositiveSyntaxTest": POSITIVE,
    _MF + "PositiveSyntaxTest11": POSITIVE,
    _MF + "NegativeSyntaxTest": NEGATIVE,
    _MF + "NegativeSyntaxTest11": NEGATIVE,
}

#: What else the manifests hold.
_OTHERS: Final = {
    "PositiveUpdateSyntaxTest": "update syntax, valid",
    "PositiveUpdateSyntaxTest11": "update syntax, valid",
    "NegativeUpdateSyntaxTest": "update syntax, invalid",
    "NegativeUpdateSyntaxTest11": "update syntax, invalid",
    "UpdateEvaluationTest": "update evaluation",
    "ProtocolTest": "protocol",
    "GraphStoreProtocolTest": "graph store protocol",
    "ServiceDescriptionTest": "service description",
}

#: Categories that are another matter: reasoning happens before this service answers, and federation is
#: refused by policy.
_ENTAILMENT: Final = "entailment"
_SERVICE: Final = "service"


@dataclass(frozen=True)
class Source:
    """A file of a suite and its address, which is also the name of the graph that it fills where it fills a named one."""

    iri: str
    path: Path


@dataclass(frozen=True)
class Data:
    """The RDF dataset of a test: the files of its default graph and those of its named graphs."""

    default: tuple[Source, ...] = ()
    named: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Case:
    """One test. ``text``: the query; ``base``: its address, against which its relative IRIs are resolved.

    ``result``: what must come back, None for a syntax test. ``lax``: duplicates may come back or not
    (REDUCED). ``own_dataset``: the query says FROM, so that the dataset of its own clauses holds.
    """

    suite: str
    category: str
    kind: str
    iri: str
    text: str
    base: str
    data: Data = Data()
    result: Source | None = None
    lax: bool = False
    own_dataset: bool = False


@dataclass(frozen=True)
class Suites:
    """``cases``: every query evaluation, result format and query syntax test, each once, in the order of the manifests.

    ``others``: how many tests of any other kind there are, by suite and kind.
    """

    cases: tuple[Case, ...]
    others: Counter[tuple[str, str]]


def folder() -> Path | None:
    """The folder of the suites, None where the variable is unset.

    Raises FileNotFoundError where it names a folder without them.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    found = Path(name)
    if not (found / "sparql").is_dir():
        message = f"{VARIABLE} is {name}, which holds no folder sparql; let it name a copy of the W3C's rdf-tests, or unset it"
        raise FileNotFoundError(message)
    return found


def read(root: Path) -> Suites:
    """All tests of the three suites.

    Raises ValueError where a manifest holds a kind of test that is not known here.
    """
    entries = {
        (suite, iri): (kind, case)
        for suite, manifest in MANIFESTS.items()
        for iri, kind, case in _manifest(root, BASE + manifest, suite)
    }
    others = Counter((suite, kind) for (suite, _), (kind, case) in entries.items() if case is None)
    return Suites(tuple(case for _, case in entries.values() if case), others)


def source(root: Path, iri: str) -> Source:
    """The file behind an address of the suites; raises ValueError for any other address."""
    if not iri.startswith(BASE):
        message = f"{iri} is no address below {BASE}"
        raise ValueError(message)
    return Source(iri, root / unquote(iri.removeprefix(BASE)))


class Triples:
    """A small graph read from a file of the suites, asked by subject and predicate."""

    def __init__(self, file: Source) -> None:
        self._objects: dict[
            tuple[object, str], list[ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple]
        ] = defaultdict(list)
        for quad in ox.parse(file.path.read_bytes(), rdf.SUFFIXES[file.path.suffix], base_iri=file.iri):
            self._objects[quad.subject, quad.predicate.value].append(quad.object)

    def all(
        self, subject: object, predicate: str
    ) -> tuple[ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple, ...]:
        """All objects, in document order."""
        return tuple(self._objects.get((subject, predicate), ()))

    def one(
        self, subject: object, predicate: str
    ) -> ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple | None:
        """The first object, None where there is none."""
        return next(iter(self.all(subject, predicate)), None)

    def iris(self, subject: object, predicate: str) -> tuple[str, ...]:
        """The objects that are IRIs."""
        return tuple(term.value for term in self.all(subject, predicate) if isinstance(term, ox.NamedNode))

    def listed(
        self, subject: object, predicate: str
    ) -> Iterator[ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple]:
        """The members of all lists that the subject points at."""
        for head in self.all(subject, predicate):
            node: object = head
            while (first := self.one(node, vocab.RDF + "first")) is not None:
                yield first
                node = self.one(node, vocab.RDF + "rest")

    def subjects(self, predicate: str, value: object) -> Iterator[object]:
        """The subjects that have this object."""
        return (
            subject
            for (subject, name), objects in self._objects.items()
            if name == predicate and value in objects
        )


def _manifest(root: Path, iri: str, suite: str) -> Iterator[tuple[str, str, Case | None]]:
    """IRI, kind and, where it is a test of queries, the test itself, for each entry of a manifest and of those that it includes."""
    file = source(root, iri)
    found = Triples(file)
    for manifest in found.subjects(vocab.RDF_TYPE, ox.NamedNode(_MF + "Manifest")):
        for other in found.listed(manifest, _MF + "include"):
            if isinstance(other, ox.NamedNode):
                yield from _manifest(root, other.value, suite)
        for entry in found.listed(manifest, _MF + "entries"):
            if isinstance(entry, ox.NamedNode):
                category = file.path.parent.name
                kind = _kind(found.iris(entry, vocab.RDF_TYPE), category)
                yield (
                    entry.value,
                    kind,
                    _case(root, found, entry, Case(suite, category, kind, entry.value, "", ""))
                    if kind in _ASKED
                    else None,
                )


def _kind(types: tuple[str, ...], category: str) -> str:
    kind = next((_KINDS[name] for name in types if name in _KINDS), None)
    if kind == EVALUATION and category in (_ENTAILMENT, _SERVICE):
        return REASONING if category == _ENTAILMENT else FEDERATED
    if kind is None:
        kind = next((other for name in types if (other := _OTHERS.get(name.partition("#")[2]))), None)
    if kind is None:
        message = f"no kind of test is known among {', '.join(types)}"
        raise ValueError(message)
    return kind


def _case(root: Path, found: Triples, entry: ox.NamedNode, case: Case) -> Case:
    return (_syntax if case.kind in (POSITIVE, NEGATIVE) else _evaluation)(root, found, entry, case)


def _syntax(root: Path, found: Triples, entry: ox.NamedNode, case: Case) -> Case:
    (action,) = found.iris(entry, _MF + "action")
    # A text that is no UTF-8 cannot be sent as a query; the nearest that can stands for it.
    text = source(root, action).path.read_bytes().decode("utf-8", "replace")
    return Case(case.suite, case.category, case.kind, case.iri, text, action)


def _evaluation(root: Path, found: Triples, entry: ox.NamedNode, case: Case) -> Case:
    action = found.one(entry, _MF + "action")
    (query,) = found.iris(action, _QT + "query")
    (result,) = found.iris(entry, _MF + "result")
    text = source(root, query).path.read_text(encoding="utf-8")
    graphs = graphs_named(text, query)
    return Case(
        case.suite,
        case.category,
        case.kind,
        case.iri,
        text,
        query,
        data=Data(
            tuple(source(root, iri) for iri in found.iris(action, _QT + "data")),
            tuple(
                source(root, iri) for iri in dict.fromkeys((*found.iris(action, _QT + "graphData"), *graphs))
            ),
        ),
        result=source(root, result),
        lax=_MF + "LaxCardinality" in found.iris(entry, _MF + "resultCardinality"),
        own_dataset=bool(graphs),
    )


def graphs_named(text: str, base: str) -> tuple[str, ...]:
    """The graphs of FROM and FROM NAMED; none where policy does not let the text pass at all."""
    try:
        found = policy.inspect(based(text, base))
    except QueryError:
        return ()
    return (*found.default, *found.named)


def based(text: str, base: str) -> str:
    """The query with its own address as base.

    An engine behind a service knows no other than the service's.
    """
    return f"BASE <{base}>\n{text}"
