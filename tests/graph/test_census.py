"""The census counts what is there, and says how far each document is curated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from r2p_kg.curate import build, reasoning, sources
from r2p_kg.graph import census, rdf

if TYPE_CHECKING:
    from r2p_kg.graph.snapshot import Snapshot

WORLD = Path(__file__).parent.parent / "world"


def frozen() -> Snapshot:
    corpus = sources.read(build.ontology_folder(), WORLD)
    return build.freeze(
        corpus, reasoning.closure(triple for source in corpus.sources for triple in source.triples)
    )


def test_the_snapshot_carries_the_census_of_its_own_quads() -> None:
    snapshot = frozen()
    assert snapshot.census == census.census(rdf.quads_of(snapshot.quads))


def test_statements_are_counted_by_kind_under_their_labels() -> None:
    counts = frozen().census
    assert (3, 1, 3, 3) == tuple(
        counts[f"statements: {kind}"] for kind in ("response", "proposal", "crime claim", "statistic")
    )
    assert (2, 2, 9) == (counts["class: State"], counts["class: source document"], counts["class: actor"])


def test_asserted_and_entailed_add_up_to_all_quads() -> None:
    snapshot = frozen()
    assert (
        snapshot.quads.count(b"\n")
        == snapshot.census["triples asserted"] + snapshot.census["triples entailed"]
    )


def test_each_document_says_how_many_of_its_passages_are_open() -> None:
    quads = rdf.quads_of(frozen().quads)
    blue, green = census.coverage(quads)
    assert ("Blue report on protection, 2021", 5, 4, 1, 0) == (
        blue.label,
        blue.passages,
        blue.cited,
        blue.excused,
        blue.open,
    )
    assert ("Green article on Arvania, 2022", 2, 2, 0, 0) == (
        green.label,
        green.passages,
        green.cited,
        green.excused,
        green.open,
    )
    assert 28 == blue.statements + green.statements
    bare = [quad for quad in quads if not quad.predicate.value.endswith("#noStatementReason")]
    assert [1, 0] == [one.open for one in census.coverage(bare)]


def test_an_empty_graph_has_a_census_of_noughts() -> None:
    assert {0} == set(census.census([]).values())
    assert () == census.coverage([])


def test_each_passage_is_listed_with_its_statements_or_its_reason() -> None:
    readings = census.readings(rdf.quads_of(frozen().quads))
    assert 7 == len(readings)
    assert sorted(readings, key=lambda one: (one.document, one.position)) == list(readings)
    assert all(bool(one.statements) != bool(one.reason) for one in readings)
    assert all(sentence for one in readings for _, sentence in one.statements)
