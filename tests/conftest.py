"""What several test modules share: the snapshot of this checkout, built once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyoxigraph import DefaultGraph, Quad, Store

from r2p_kg.curate import build
from r2p_kg.graph import rdf

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built


@pytest.fixture(scope="session")
def snapshot_of_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The real graph as the curated files of this checkout give it, checked, reasoned and frozen."""
    return build.current(build.ontology_folder(), tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def whole_graph(snapshot_of_the_checkout: Built) -> Store:
    """All graphs of that snapshot in one, entailments included; nobody writes to it."""
    found = Store()
    quads = rdf.quads_of(snapshot_of_the_checkout.snapshot.quads)
    found.bulk_extend(Quad(quad.subject, quad.predicate, quad.object, DefaultGraph()) for quad in quads)
    return found
