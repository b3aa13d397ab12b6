"""Write ``docs/conformance.md`` anew: ``R2P_W3C_TESTS=… python -m tests.w3c``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.w3c import cases, conformance, running


def main() -> int:
    """Run the suites and write the page; 2 where there are no suites."""
    root = cases.folder()
    if root is None:
        sys.stderr.write(
            f"{cases.VARIABLE} is unset; let it name a folder that holds the W3C's sparql folder\n"
        )
        return 2
    suites = cases.read(root)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = running.run(suites.cases, Path(folder))
    conformance.PAGE.write_text(
        conformance.page(outcomes, suites.others, conformance.protocols()), encoding="utf-8"
    )
    sys.stdout.write(conformance.table(conformance.rows(outcomes)))
    for outcome in outcomes:
        if outcome.status == running.FAILED and outcome.case.iri not in conformance.allowed():
            sys.stdout.write(f"unexpected: {outcome.case.iri}\n     {outcome.why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
