"""What several test modules share: the snapshot of this checkout, built once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from r2p_kg.curate import build

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built


@pytest.fixture(scope="session")
def snapshot_of_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The real graph as the curated files of this checkout give it, checked, reasoned and frozen."""
    return build.current(build.ontology_folder(), tmp_path_factory.mktemp("state"))
