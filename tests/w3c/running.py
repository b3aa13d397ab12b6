"""The suites asked of our own pool.

A real snapshot for each dataset, real workers, policy before evaluation as in the service.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyoxigraph as ox

from r2p_kg.engine import Budget, Dataset
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.errors import NotAcceptableError, QueryError, QueryRefusedError, QuerySyntaxError
from r2p_kg.graph import rdf, snapshot
from tests.w3c import cases, results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from r2p_kg.engine import Answer
    from tests.w3c.cases import Case, Data

#: The service's own default graph is the union of all graphs. Where a test tells the default graph from its
#: named ones, this graph holds the default one, and the dataset is given by the parameters of the protocol
#: (SPARQL 1.1 Protocol, section 2.1.4).
DEFAULT: Final = "urn:x-w3c:default-graph"

PASSED: Final = "passed"
BY_VALUE: Final = "by value"
REFUSED: Final = "refused"
FAILED: Final = "failed"

_BUDGET: Final = Budget(seconds=20)
_SETTINGS: Final = PoolSettings(workers=1, spares=0)
_AT_ONCE: Final = 2


@dataclass(frozen=True)
class Outcome:
    """How a test ended, and why where it did not pass.

    ``by value``: equal but for the lexical forms of numbers, truth values and times. ``refused``: policy does
    not let the query pass, and the engine's parser, asked without policy, does what the test wants.
    """

    case: Case
    status: str
    why: str = ""


def run(found: Sequence[Case], folder: Path) -> tuple[Outcome, ...]:
    """The outcome of every case, in their order.

    Snapshots are written into ``folder``, one pool of processes serves each.
    """
    groups: dict[Data | None, list[Case]] = {}
    for case in found:
        groups.setdefault(case.data if case.result else None, []).append(case)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        parts = threads.map(
            lambda data: tuple(
                _group(quads_of(data) if data else tuple(_served(groups[None])), groups[data], folder)
            ),
            groups,
        )
        outcomes = {(one.case.suite, one.case.iri): one for part in parts for one in part}
    return tuple(outcomes[case.suite, case.iri] for case in found)


def quads_of(data: Data) -> tuple[ox.Quad, ...]:
    """The dataset as the snapshot holds it.

    Blank nodes of different files are different, and TriG files bring named graphs of their own.
    """
    quads = [
        ox.Quad(quad.subject, quad.predicate, quad.object, ox.NamedNode(graph) if graph else quad.graph_name)
        for graph, file in [
            *(("", file) for file in data.default),
            *((file.iri, file) for file in data.named),
        ]
        for quad in ox.parse(
            file.path.read_bytes(), rdf.SUFFIXES[file.path.suffix], base_iri=file.iri, rename_blank_nodes=True
        )
    ]
    if all(isinstance(quad.graph_name, ox.DefaultGraph) for quad in quads):
        return tuple(quads)
    default = ox.NamedNode(DEFAULT)
    return tuple(
        ox.Quad(quad.subject, quad.predicate, quad.object, default)
        if isinstance(quad.graph_name, ox.DefaultGraph)
        else quad
        for quad in quads
    )


def _served(syntax: Sequence[Case]) -> Iterator[ox.Quad]:
    """A quad in each graph that a syntax test names after FROM.

    Such a test has no data, and policy refuses graphs that are not served.
    """
    any_name = ox.NamedNode("urn:x-w3c:any")
    for case in syntax:
        yield from (
            ox.Quad(any_name, any_name, any_name, ox.NamedNode(iri))
            for iri in cases.graphs_named(case.text, case.base)
        )


def _group(quads: Sequence[ox.Quad], group: Sequence[Case], folder: Path) -> Iterator[Outcome]:
    served = frozenset(quad.graph_name.value for quad in quads if isinstance(quad.graph_name, ox.NamedNode))
    path = snapshot.write(snapshot.Snapshot.of(rdf.canonical(quads), {}, {}), folder)
    with contextlib.closing(Pool(path, _SETTINGS)) as pool:
        for case in group:
            yield _evaluated(pool, case, served) if case.result else _parsed(pool, case)


def _evaluated(pool: Pool, case: Case, served: frozenset[str]) -> Outcome:
    if case.result is None:
        raise ValueError(case.iri)
    # A graph without triples does not exist in the service, nor in the engine's store.
    dataset = (
        Dataset()
        if case.own_dataset
        else Dataset((DEFAULT,) if DEFAULT in served else (), tuple(sorted(served - {DEFAULT})))
    )
    try:
        answer = _ask(pool, case, dataset)
    except QueryRefusedError as error:
        return _refused(case, error)
    except QueryError as error:
        return Outcome(case, FAILED, f"{type(error).__name__}: {error}")
    wanted, got = results.expected(case.result), results.given(answer.body, answer.media_type, answer.kind)
    degree = results.same(wanted, got, lax=case.lax)
    if degree is None:
        return Outcome(case, FAILED, f"expected {wanted}\n     got {got}")
    return Outcome(case, PASSED if degree == "term" else BY_VALUE)


def _parsed(pool: Pool, case: Case) -> Outcome:
    """A syntax test passes where the pool answers a valid query, and where it says of an invalid one that it has a syntax error.

    A function that nobody defines stops an evaluation after the parser has taken the query, which is all that
    such a test wants.
    """
    said = ""
    try:
        _ask(pool, case, Dataset())
    except QuerySyntaxError as error:
        said = str(error)
    except QueryRefusedError as error:
        return _refused(case, error)
    except QueryError as error:
        if "custom function" not in str(error):
            return Outcome(case, FAILED, f"{type(error).__name__}: {error}")
    if bool(said) == (case.kind == cases.NEGATIVE):
        return Outcome(case, PASSED)
    return Outcome(case, FAILED, said or "accepted, and it is not valid")


def _refused(case: Case, error: QueryRefusedError) -> Outcome:
    """Policy has refused the query.

    Right where the engine's parser takes what is valid and refuses what is not.
    """
    if accepted_by_parser(case) == (case.kind != cases.NEGATIVE):
        return Outcome(case, REFUSED, str(error))
    return Outcome(case, FAILED, f"refused by policy, and the engine's parser errs as well: {error}")


def accepted_by_parser(case: Case) -> bool:
    """True where the engine's parser takes the text.

    Nothing is evaluated, since a variable is given a value that the query does not have.
    """
    try:
        ox.Store().query(
            case.text, base_iri=case.base, substitutions={ox.Variable("only_parsed"): ox.Literal("")}
        )
    except SyntaxError:
        return False
    except RuntimeError:
        return True  # the engine complains of the variable, after parsing
    message = f"{case.iri} was evaluated, not only parsed"
    raise AssertionError(message)


def _ask(pool: Pool, case: Case, dataset: Dataset) -> Answer:
    """The answer in the format of the expected result.

    RDF files of results stand for JSON, or for triples where the query makes a graph.
    """
    text = cases.based(case.text, case.base)
    media_type = results.FORMATS.get(case.result.path.suffix, results.JSON) if case.result else results.JSON
    try:
        return pool.ask(text, media_type=media_type, dataset=dataset, budget=_BUDGET)
    except NotAcceptableError:
        return pool.ask(text, media_type=results.TRIPLES, dataset=dataset, budget=_BUDGET)
