"""Write ``protocols.tsv`` anew, what the page of conformance says of protocols and updates.

``R2P_W3C_TESTS=… python -m tests.w3c.protocol_table``.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.served import started
from tests.w3c import cases, protocol_cases, protocol_running, update_cases
from tests.w3c.protocol_running import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.w3c.conformance import Row

TABLE: Final = Path(__file__).with_name("protocols.tsv")
ANEW: Final = (
    "write the table with python -m tests.w3c.protocol_table, then the page with python -m tests.w3c"
)

_BEARER: Final = "of forty characters, made up for this test"


@contextmanager
def served(folder: Path) -> Iterator[Endpoint]:
    """The whole service over the data of the protocol tests, with writes on; ``folder`` takes its files."""
    graphs = dict(graph for case in protocol_cases.load(protocol_cases.PROTOCOL) for graph in case.graphs)
    data, token = folder / "data.trig", folder / "token"
    data.write_text(
        "\n".join(f"<{name}> {{ {path.read_text('utf-8')} }}" for name, path in sorted(graphs.items())),
        "utf-8",
    )
    token.write_text(f"{_BEARER}\n", "utf-8")
    with started(
        "--data", str(data), "--write-token-file", str(token), "--workers", "2", temporary=folder
    ) as url:
        yield Endpoint(url, _BEARER)


def write(rows: Sequence[Row]) -> None:
    """Make these the rows of the table."""
    with TABLE.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, dialect="excel-tab", lineterminator="\n")
        lines.writerow(("suite", "kind", "passed", "total", "by value", "refused"))
        lines.writerows(
            (row.suite, row.kind, row.passed, row.total, row.by_value, row.refused) for row in rows
        )


def main() -> int:
    """Run the tests and write the table; 2 where there are no suites."""
    root = cases.folder()
    if root is None:
        sys.stderr.write(
            f"{cases.VARIABLE} is unset; let it name a folder that holds the W3C's sparql folder\n"
        )
        return 2
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as endpoint:
        found = protocol_running.verdicts(endpoint)
    updates = {case: update_cases.outcome(case) for case in update_cases.read(root)}
    write([*protocol_running.figures(found), *update_cases.figures(updates)])
    for name, faults in found.items():
        sys.stdout.writelines(f"{name}: {fault}\n" for fault in faults)
    return 0


if __name__ == "__main__":
    sys.exit(main())
