"""An exported file holds schema and facts, in the format of its suffix, and loads where docs/owlready2.md says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rdflib
from click.testing import CliRunner
from pyoxigraph import DefaultGraph, NamedNode, Quad, RdfFormat, parse
from rdflib.namespace import OWL, RDF

from r2p_kg.command import main
from r2p_kg.curate import build, export
from r2p_kg.errors import UsageError
from r2p_kg.graph import rdf, vocab

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built

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


@pytest.mark.parametrize("suffix", export.MEDIA_TYPES)
def test_every_format_says_what_was_written(
    suffix: str, snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    kind = export.MEDIA_TYPES[suffix]
    form = RdfFormat.from_media_type(kind)
    assert form is not None
    found = list(parse(export.text(snapshot_of_the_checkout.snapshot, kind), form))
    named = {
        (str(quad.subject), str(quad.predicate), str(quad.object))
        for quad in found
        if "_:" not in (str(quad.subject)[:2], str(quad.object)[:2])
    }
    expected = {
        (str(quad.subject), str(quad.predicate), str(quad.object))
        for quad in asserted
        if "_:" not in (str(quad.subject)[:2], str(quad.object)[:2])
    }
    assert expected == named
    assert len({quad.triple for quad in asserted}) == len({quad.triple for quad in found})
    graphs = {quad.graph_name for quad in asserted}
    assert len(graphs) > 50
    assert (graphs if form.supports_datasets else {DefaultGraph()}) == {quad.graph_name for quad in found}


def test_what_was_concluded_comes_only_when_asked_for(snapshot_of_the_checkout: Built) -> None:
    used = f" <{vocab.NS}toolUsed> <{vocab.ID}".encode()
    assert used not in export.text(snapshot_of_the_checkout.snapshot, "application/n-triples")
    assert used in export.text(snapshot_of_the_checkout.snapshot, "application/n-triples", entailed=True)
    assert b"NodeShape" not in export.text(
        snapshot_of_the_checkout.snapshot, "application/n-triples", entailed=True
    )


def test_rdf_xml_is_one_ontology_for_other_parsers_too(
    snapshot_of_the_checkout: Built, asserted: list[Quad]
) -> None:
    graph = rdflib.Graph().parse(
        data=export.text(snapshot_of_the_checkout.snapshot, "application/rdf+xml"), format="xml"
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
    with pytest.raises(UsageError, match=r"unknown suffix '\.docx'; end the name in one of \.rdf, \.owl"):
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
