"""An exported file holds schema and facts, in the format of its suffix, and loads where docs/owlready2.md says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rdflib
from click.testing import CliRunner
from pyoxigraph import DefaultGraph, NamedNode, Quad
from rdflib.namespace import OWL, RDF

from r2p_kg.command import main
from r2p_kg.curate import build, export
from r2p_kg.errors import UsageError
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterable

    from r2p_kg.curate.build import Built
    from r2p_kg.graph.media import Format

DOC = (Path(__file__).parents[2] / "docs" / "owlready2.md").read_text("utf-8")


@pytest.fixture(scope="module")
def asserted(snapshot_of_the_checkout: Built) -> list[Quad]:
    """What was written by hand, shapes left out."""
    others = {NamedNode(vocab.ENTAILED_GRAPH), NamedNode(vocab.SHAPES_GRAPH)}
    return [
        quad
        for quad in rdf.quads_of(snapshot_of_the_checkout.snapshot.quads)
        if quad.graph_name not in others
    ]


def form(suffix: str) -> Format:
    return export.format_of(Path(f"graph{suffix}"))


def test_a_file_is_written_in_every_format_of_a_graph() -> None:
    assert {".jsonld", ".nq", ".nt", ".owl", ".rdf", ".trig", ".ttl"} <= set(export.SUFFIXES)
    assert {".jsonld", ".nq", ".nquads", ".trig"} == set(export.GRAPH_SUFFIXES)


def without_blank_nodes(quads: Iterable[Quad]) -> set[tuple[str, str, str]]:
    facts = {(str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads}
    return {fact for fact in facts if not fact[0].startswith("_:") and not fact[2].startswith("_:")}


@pytest.mark.parametrize("suffix", export.SUFFIXES)
def test_every_format_says_what_was_written_and_in_the_default_graph(
    suffix: str, tmp_path: Path, snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    path = tmp_path / f"graph{suffix}"
    export.write(snapshot_of_the_checkout.snapshot, path)
    found = rdf.read_file(path)
    assert without_blank_nodes(asserted) == without_blank_nodes(found)
    assert len({quad.triple for quad in asserted}) == len({quad.triple for quad in found})
    assert {DefaultGraph()} == {quad.graph_name for quad in found}


@pytest.mark.parametrize("media_type", sorted({form(suffix).media_type for suffix in export.SUFFIXES}))
@pytest.mark.filterwarnings(
    "ignore:(ConjunctiveGraph|Dataset).* is deprecated"
)  # by parsers of rdflib itself
def test_a_graph_of_rdflib_has_every_triple(
    media_type: str, tmp_path: Path, snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    path = tmp_path / f"graph{next(one for one in export.SUFFIXES if form(one).media_type == media_type)}"
    export.write(snapshot_of_the_checkout.snapshot, path)
    assert len({quad.triple for quad in asserted}) == len(rdflib.Graph().parse(path))


@pytest.mark.parametrize("suffix", export.GRAPH_SUFFIXES)
def test_named_graphs_are_kept_if_they_are_asked_for(
    suffix: str, tmp_path: Path, snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    path = tmp_path / f"graph{suffix}"
    export.write(snapshot_of_the_checkout.snapshot, path, named_graphs=True)
    graphs = {quad.graph_name for quad in asserted}
    assert len(graphs) > 50
    assert graphs == {quad.graph_name for quad in rdf.read_file(path)}


def test_json_ld_is_short_and_names_its_prefixes(snapshot_of_the_checkout: Built) -> None:
    content = json.loads(export.text(snapshot_of_the_checkout.snapshot, form(".jsonld")))
    assert vocab.NS == content["@context"]["r2p"]
    assert "r2p:Situation" in {
        node.get("@type") for node in content["@graph"] if isinstance(node.get("@type"), str)
    }


def test_named_graphs_in_a_format_without_them_are_refused_before_anything_is_built() -> None:
    with pytest.raises(
        UsageError, match=r"Turtle has no named graphs; end the name in one of \.jsonld, \.trig"
    ):
        export.format_of(Path("graph.ttl"), named_graphs=True)


def test_what_was_concluded_comes_only_when_asked_for(snapshot_of_the_checkout: Built) -> None:
    used = f" <{vocab.NS}metWith> <{vocab.ID}".encode()
    whole = snapshot_of_the_checkout.snapshot
    assert used not in export.text(whole, form(".nt"))
    assert used in export.text(whole, form(".nt"), entailed=True)
    assert b"NodeShape" not in export.text(whole, form(".nt"), entailed=True)


def test_rdf_xml_is_one_ontology_for_other_parsers_too(
    snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    graph = rdflib.Graph().parse(
        data=export.text(snapshot_of_the_checkout.snapshot, form(".rdf")), format="xml"
    )
    assert [rdflib.URIRef(vocab.BASE + "ns")] == list(graph.subjects(RDF.type, OWL.Ontology))
    assert len({quad.triple for quad in asserted}) == len(graph)


def test_the_command_writes_the_file_and_says_so(tmp_path: Path, snapshot_of_the_checkout: Built) -> None:
    state = snapshot_of_the_checkout.path.parent.parent
    path = tmp_path / "r2p-kg.nt"
    ran = CliRunner().invoke(
        main, ["export", str(path), "--ontology", str(build.ontology_folder()), "--state", str(state)]
    )
    assert 0 == ran.exit_code, ran.output
    assert f"wrote {path}: {path.stat().st_size:,} bytes of application/n-triples" in ran.output
    assert [path] == list(tmp_path.iterdir())


def test_an_unknown_suffix_and_a_missing_folder_are_refused_and_leave_nothing(
    tmp_path: Path, snapshot_of_the_checkout: Built
) -> None:
    with pytest.raises(UsageError, match=r"unknown suffix '\.docx'; end the name in one of \.ttl, \.turtle"):
        export.write(snapshot_of_the_checkout.snapshot, tmp_path / "graph.docx")
    with pytest.raises(UsageError, match="cannot be written"):
        export.write(snapshot_of_the_checkout.snapshot, tmp_path / "none" / "graph.nt")
    assert [] == list(tmp_path.iterdir())


def test_the_example_for_owlready2_prints_what_the_page_shows(
    tmp_path: Path, snapshot_of_the_checkout: Built
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", DOC, re.DOTALL)
    export.write(snapshot_of_the_checkout.snapshot, tmp_path / "r2p-kg.owl")
    ran = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ("", shown) == (ran.stderr, ran.stdout)


def test_owlready2_has_every_class_and_every_disjointness(
    tmp_path: Path, snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    from owlready2 import World  # noqa: PLC0415 - it looks for Java on import, and only this test needs it

    export.write(snapshot_of_the_checkout.snapshot, tmp_path / "r2p-kg.owl")
    ontology = World().get_ontology((tmp_path / "r2p-kg.owl").as_uri()).load()
    classes = {
        quad.subject.value
        for quad in asserted
        if quad.object == NamedNode(str(OWL.Class)) and isinstance(quad.subject, NamedNode)
    }
    assert len(classes) > 50
    assert classes == {one.iri for one in ontology.classes()}
    assert len([quad for quad in asserted if quad.object == NamedNode(str(OWL.AllDisjointClasses))]) == len(
        list(ontology.disjoint_classes())
    )
