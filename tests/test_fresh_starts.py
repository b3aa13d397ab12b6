"""From the first second on every client is served, whatever dies meanwhile: three of the starts of the benchmark."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from r2p_kg.curate.build import Built

pytestmark = pytest.mark.served

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "fresh_starts.py"


@pytest.fixture(scope="module")
def fresh_starts() -> ModuleType:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("fresh_starts", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["fresh_starts"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["none", "zygote", "worker"])
def test_every_client_of_a_fresh_start_is_served(
    fresh_starts: Any, snapshot_of_the_checkout: Built, kind: str
) -> None:
    start = fresh_starts.measured(snapshot_of_the_checkout.path.parent, 2.0, 8, kind, timeout=20)
    assert {"200"} == set(start.answers)
    assert all(start.shares[client] > 0 for client in range(8))
