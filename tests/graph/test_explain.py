"""Every entailed triple of the real graph is explained down to what was written, each statement with its file and line."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from pyoxigraph import RdfFormat

from r2p_kg.curate import build, reasoning, sources
from r2p_kg.errors import UsageError
from r2p_kg.graph import explain, rdf, snapshot, vocab

WORLD = Path(__file__).parent.parent / "world"
ID, NS = vocab.ID, vocab.NS


@cache
def frozen(facts: Path | None) -> tuple[sources.Corpus, snapshot.Snapshot]:
    """The corpus and its snapshot, without checks and Pellet."""
    corpus = sources.read(build.ontology_folder(), facts)
    closed = reasoning.closure(
        (triple for source in corpus.sources for triple in source.triples), explained=True
    )
    return corpus, build.freeze(corpus, closed)


def world() -> explain.Explainer:
    return explain.Explainer(frozen(WORLD)[1])


def fact(names: explain.Explainer, text: str) -> explain.Fact:
    subject, predicate, value = text.split(" ", 2)
    return (
        explain.term(subject, names.prefixes),
        explain.term(predicate, names.prefixes),
        explain.term(value, names.prefixes),
    )


def explained(text: str) -> explain.Explanation:
    names = world()
    found = names.explain(fact(names, text))
    assert found is not None
    return found


def test_every_triple_of_the_real_graph_is_explained_in_time_and_down_to_lines_where_it_is_written() -> None:
    corpus, whole = frozen(None)
    names = explain.Explainer(whole)
    lengths = {
        path: len((corpus.folder / path).read_text(encoding="utf-8").splitlines())
        for path in {source.path for source in (*corpus.sources, *corpus.asides)}
    }
    slowest, entailed = 0.0, 0
    for quad in rdf.quads_of(whole.quads):
        begun = time.perf_counter()
        found = names.explain((str(quad.subject), str(quad.predicate), str(quad.object)))
        slowest = max(slowest, time.perf_counter() - begun)
        assert found is not None
        is_entailed = getattr(quad.graph_name, "value", "") == vocab.ENTAILED_GRAPH
        entailed += is_entailed
        assert bool(found.ways) == is_entailed
        for step in found.steps():
            assert bool(step.ways) != bool(step.places)
            assert all(1 <= place.line <= lengths[place.path] for place in step.places)
    assert entailed > 20_000
    assert slowest < 0.2


def test_a_line_is_the_one_where_the_triple_stands() -> None:
    (place,) = explained("id:arvania-2020.response.embargo r2p:usedTool id:arms-embargo").places
    assert "facts/arvania-2020.ttl" == place.path
    assert (
        "r2p:usedTool id:arms-embargo"
        in (WORLD / "arvania-2020.ttl").read_text().splitlines()[place.line - 1]
    )
    assert vocab.GRAPH + "facts/arvania-2020" == place.graph


def test_what_follows_by_a_chain_is_told_with_its_rule_its_premises_and_the_passages_they_cite() -> None:
    found = explained("id:arvania-2020 r2p:metWith id:arms-embargo")
    way = found.ways[0]
    assert ("prp-spo2", 3) == (way.rule, len(way.premises))
    assert way.premises[0].ways[0].rule in {"prp-inv1", "prp-inv2"}
    responses = [step for step in found.steps() if "arvania-2020.response.embargo>" in step.fact[0]]
    assert [(ID + "blue-report.para-1",)] * 2 == [step.sources for step in responses]
    axiom = way.premises[-1]
    assert ("<" + NS + "metWith>", "schema/axioms.ttl") == (axiom.fact[0], axiom.places[0].path)


def test_several_ways_rest_on_different_statements_and_the_shortest_comes_first() -> None:
    found = explained("id:arvania-2020 r2p:metWith id:mediation")
    assert 2 == len(found.ways)
    ends = [
        frozenset(step.fact for premise in way.premises for step in premise.steps() if step.places)
        for way in found.ways
    ]
    assert not ends[0] <= ends[1]
    assert not ends[1] <= ends[0]
    lengths = [sum(1 for premise in way.premises for _ in premise.steps()) for way in found.ways]
    assert sorted(lengths) == lengths


def test_no_triple_stands_behind_itself() -> None:
    names = world()
    for quad in rdf.quads_of(frozen(WORLD)[1].quads):
        found = names.explain((str(quad.subject), str(quad.predicate), str(quad.object)))
        assert found is not None
        assert all(
            found.fact != step.fact
            for way in found.ways
            for premise in way.premises
            for step in premise.steps()
        )


def test_a_nameless_class_reads_like_a_phrase() -> None:
    text = "\n".join(explain.as_text(explained("id:arvania-2020 a r2p:SituationWithResponse"), world()))
    assert "id:arvania-2020 a (r2p:situationOfResponse some r2p:Response)" in text
    assert "[written: schema/axioms.ttl:" in text


def test_text_json_and_turtle_tell_the_same() -> None:
    found = explained("id:arvania-2020 r2p:metWith id:arms-embargo")
    lines = list(explain.as_text(found, world()))
    assert "id:arvania-2020 r2p:metWith id:arms-embargo" == lines[0]
    assert "  by prp-spo2 (a chain of properties) from" == lines[1]
    assert any("facts/arvania-2020.ttl" in line and "source: " in line for line in lines)
    content = json.loads(json.dumps(explain.as_json(found)))
    assert ("entailed", "prp-spo2") == (content["kind"], content["ways"][0]["rule"])
    assert ["entailed", "asserted", "asserted"] == [
        premise["kind"] for premise in content["ways"][0]["premises"]
    ]
    quads = rdf.parse_text(explain.as_rdf(found, world().prefixes), RdfFormat.TURTLE)
    statements = {quad.subject for quad in quads if str(quad.object) == f"<{vocab.RDF}Statement>"}
    assert (
        len(statements)
        == sum(1 for way in found.ways for premise in way.premises for _ in premise.steps()) + 1
    )


def test_what_the_graph_does_not_hold_has_no_explanation() -> None:
    names = world()
    assert names.explain(fact(names, "id:arvania-2020 r2p:metWith id:no-fly-zone")) is None


def test_a_literal_that_the_engine_would_change_is_found_as_it_is_written() -> None:
    (place,) = explained("id:arvania-2020.statistic.share r2p:value 0.95").places
    assert "r2p:value 0.95" in (WORLD / "arvania-2020.ttl").read_text().splitlines()[place.line - 1]


def test_data_without_origins_are_explained_by_their_graph() -> None:
    names = explain.Explainer(replace(frozen(WORLD)[1], origins=b""))
    found = names.explain(fact(names, "id:mediation a r2p:Tool"))
    assert found is not None
    assert [(vocab.GRAPH + "facts/things", "", 0)] == [
        (place.graph, place.path, place.line) for place in found.places
    ]
    assert "written: " + vocab.GRAPH in next(explain.as_text(found, names))


def test_an_edit_that_moves_lines_moves_the_places_and_not_the_digest(tmp_path: Path) -> None:
    moved = tmp_path / "facts"
    moved.mkdir()
    for path in WORLD.glob("*.ttl"):
        (moved / path.name).write_text("\n\n" + path.read_text())
    before, after = frozen(WORLD)[1], frozen(moved)[1]
    assert before.digest == after.digest
    assert before.origins != after.origins


def test_the_snapshot_file_keeps_the_origins(tmp_path: Path) -> None:
    whole = frozen(WORLD)[1]
    assert whole == snapshot.read(snapshot.write(whole, tmp_path))


def test_origins_do_not_depend_on_the_order_of_files() -> None:
    corpus, whole = frozen(WORLD)
    turned = replace(corpus, sources=corpus.sources[::-1])
    closed = reasoning.closure(
        (triple for source in turned.sources for triple in source.triples), explained=True
    )
    assert whole.origins == build.freeze(turned, closed).origins


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", f"<{vocab.RDF_TYPE}>"),
        ("id:mali-2012", f"<{ID}mali-2012>"),
        ("id:modality/stated", f"<{ID}modality/stated>"),
        ("<http://e/x>", "<http://e/x>"),
        ("https://e/x", "<https://e/x>"),
        ("_:c14n3", "_:c14n3"),
        ('"war"@EN', '"war"@en'),
        ("true", f'"true"^^<{vocab.XSD}boolean>'),
        ("7", f'"7"^^<{vocab.XSD}integer>'),
        ('"2011-02-17"^^xsd:date', f'"2011-02-17"^^<{vocab.XSD}date>'),
    ],
)
def test_terms_are_read_as_people_write_them(text: str, expected: str) -> None:
    assert expected == explain.term(text, {"id": ID, "xsd": vocab.XSD})


@pytest.mark.parametrize("text", ["", "war", "<a b>", '"x', "1 . <urn:x> <urn:y> 2", "1 , 2"])
def test_what_is_no_term_is_refused_with_the_prefixes_there_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no term; write prefix:name.*prefixes: id"):
        explain.term(text, {"id": ID})
