"""The W3C's update tests as values, and what our writer makes of each.

Read from the suites' own manifests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyoxigraph as ox

from r2p_kg.engine import writing
from r2p_kg.engine.changes import Update
from r2p_kg.errors import QueryError, QueryRefusedError, QuerySyntaxError
from r2p_kg.graph import rdf, vocab
from tests.w3c import cases
from tests.w3c.conformance import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

EVALUATION: Final = "update evaluation"
POSITIVE: Final = "update syntax, valid"
NEGATIVE: Final = "update syntax, invalid"

PASSED: Final = "passed"
REFUSED: Final = "refused"
FAILED: Final = "failed"

_MF: Final = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_UT: Final = "http://www.w3.org/2009/sparql/tests/test-update#"
_KINDS: Final = {
    "UpdateEvaluationTest": EVALUATION,
    "PositiveUpdateSyntaxTest": POSITIVE,
    "PositiveUpdateSyntaxTest11": POSITIVE,
    "NegativeUpdateSyntaxTest": NEGATIVE,
    "NegativeUpdateSyntaxTest11": NEGATIVE,
}


@dataclass(frozen=True)
class State:
    """A graph store as files: those of the default graph, and (name, file) of the named ones."""

    default: tuple[cases.Source, ...] = ()
    named: tuple[tuple[str, cases.Source], ...] = ()

    def quads(self) -> list[Any]:
        """All of it; blank nodes of different files are different.

        A file of the default graph may name graphs of its own (TriG).
        """
        named = [
            ox.Quad(quad.subject, quad.predicate, quad.object, ox.NamedNode(name))
            for name, file in self.named
            for quad in _parsed(file)
        ]
        return [quad for file in self.default for quad in _parsed(file)] + named


@dataclass(frozen=True)
class Case:
    """One test: the update, the state before it and after it; both are empty for a test of syntax."""

    suite: str
    kind: str
    iri: str
    text: str
    before: State = State()
    after: State = State()


def read(root: Path) -> tuple[Case, ...]:
    """Every update test of the suites, in the order of the manifests."""
    return tuple(
        case
        for suite, manifest in cases.MANIFESTS.items()
        for case in _manifest(root, cases.BASE + manifest, suite)
    )


def outcome(case: Case) -> str:
    """Passed, refused by policy before the engine sees it, or failed, with what came instead."""
    update = Update(cases.based(case.text, case.iri.partition("#")[0]))
    before = case.before.quads()
    try:
        after = rdf.canonical(writing.changed(before, update, {}))
    except QueryRefusedError:
        return REFUSED
    except QuerySyntaxError as error:
        return PASSED if case.kind == NEGATIVE else f"{FAILED}: {error}"
    except QueryError as error:
        return PASSED if case.kind == POSITIVE else f"{FAILED}: {error}"
    if case.kind == NEGATIVE:
        return f"{FAILED}: it was taken"
    return (
        PASSED
        if case.kind == POSITIVE or after == rdf.canonical(case.after.quads())
        else f"{FAILED}: {after.decode()}"
    )


def figures(outcomes: Mapping[Case, str]) -> list[Row]:
    """One row for each suite and kind, sorted."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for case, said in outcomes.items():
        found.setdefault((case.suite, case.kind), Counter())[said] += 1
    return [
        Row(suite, kind, counts[PASSED], counts.total(), 0, counts[REFUSED])
        for (suite, kind), counts in sorted(found.items())
    ]


def _parsed(file: cases.Source) -> list[Any]:
    return list(
        ox.parse(
            file.path.read_bytes(), rdf.SUFFIXES[file.path.suffix], base_iri=file.iri, rename_blank_nodes=True
        )
    )


def _manifest(root: Path, iri: str, suite: str) -> Iterator[Case]:
    found = cases.Triples(cases.source(root, iri))
    for manifest in found.subjects(vocab.RDF_TYPE, ox.NamedNode(_MF + "Manifest")):
        for other in found.listed(manifest, _MF + "include"):
            yield from _manifest(root, str(other.value), suite)  # type: ignore[union-attr]
        for entry in found.listed(manifest, _MF + "entries"):
            kind = next(
                (
                    _KINDS[name]
                    for one in found.iris(entry, vocab.RDF_TYPE)
                    if (name := one.partition("#")[2]) in _KINDS
                ),
                None,
            )
            if kind:
                yield _case(root, found, entry, suite, kind)


def _case(root: Path, found: cases.Triples, entry: Any, suite: str, kind: str) -> Case:
    action, result = found.one(entry, _MF + "action"), found.one(entry, _MF + "result")
    (request,) = found.iris(action, _UT + "request") or found.iris(entry, _MF + "action")
    text = cases.source(root, request).path.read_bytes().decode("utf-8", "replace")
    iri = f"{request}#{entry.value.partition('#')[2]}"
    return Case(suite, kind, iri, text, _state(root, found, action), _state(root, found, result))


def _state(root: Path, found: cases.Triples, node: Any) -> State:
    named = [
        (found.one(one, vocab.RDFS_LABEL), found.iris(one, _UT + "graph")[0])
        for one in found.all(node, _UT + "graphData")
    ]
    return State(
        tuple(cases.source(root, iri) for iri in found.iris(node, _UT + "data")),
        tuple((str(name.value), cases.source(root, iri)) for name, iri in named),  # type: ignore[union-attr]
    )
