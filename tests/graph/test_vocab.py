"""Names typed in Python are those of the files."""

from __future__ import annotations

import pytest

from r2p_kg.curate import sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.graph import vocab


@pytest.mark.parametrize(
    ("path", "graph"),
    [
        ("facts/situations/x.ttl", "facts/situations/x"),
        ("facts/reference/x.ttl", "reference"),
        ("schema/x.ttl", "schema"),
        ("r2p.ttl", "schema"),
        ("attic.ttl", "schema"),
    ],
)
def test_the_graph_of_a_file_follows_from_its_path(path: str, graph: str) -> None:
    assert f"https://w3id.org/r2p-kg/graph/{graph}" == vocab.graph_of(path)


def test_namespaces_typed_in_python_are_those_that_the_prefix_file_declares() -> None:
    declared = sources.read(ontology_folder()).prefixes
    typed = {
        name.lower(): getattr(vocab, name)
        for name in ("RDF", "RDFS", "OWL", "XSD", "SKOS", "DCTERMS", "SH", "VANN", "PROV", "ID")
    }
    assert typed == {name: declared[name] for name in typed}
    assert vocab.NS == declared["r2p"]
