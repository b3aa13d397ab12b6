"""The suites run once for all tests of this folder, and their figures stand in pytest's closing lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.w3c import cases, conformance, running

if TYPE_CHECKING:
    from tests.w3c.cases import Suites
    from tests.w3c.conformance import Row
    from tests.w3c.running import Outcome

_FIGURES = pytest.StashKey[list["Row"]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if found := config.stash.get(_FIGURES, []):
        terminalreporter.write_sep("=", "W3C suites")
        terminalreporter.write(conformance.table(found))


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[Row]:
    """Rows that are printed at the end; a test module adds its own."""
    return request.config.stash.setdefault(_FIGURES, [])


@pytest.fixture(scope="session")
def suites() -> Suites:
    """All tests of the suites; skips where they are not at hand."""
    root = cases.folder()
    if root is None:
        pytest.skip(f"{cases.VARIABLE} is unset: no copy of the W3C's suites")
    return cases.read(root)


@pytest.fixture(scope="session")
def outcomes(
    suites: Suites, figures: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, ...]:
    """What became of each test."""
    with pytest.MonkeyPatch.context() as patch:
        # Two hundred short-lived processes that measure coverage are twice as slow, and killed while they
        # write what they measured.
        patch.delenv("COVERAGE_PROCESS_START", raising=False)
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        found = running.run(suites.cases, tmp_path_factory.mktemp("w3c"))
    figures.extend(conformance.rows(found))
    return found
