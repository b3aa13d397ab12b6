"""``docs/conformance.md``: how our service does in the W3C's suites, as a page made of rows."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.w3c import running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.w3c.running import Outcome

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"

_ALLOWED: Final = Path(__file__).with_name("allowed.tsv")
_PROTOCOLS: Final = Path(__file__).with_name("protocols.tsv")
_HEADINGS: Final = ("suite", "kind", "tests", "passed", "of these by value", "refused by policy", "failed")


@dataclass(frozen=True)
class Row:
    """What became of the tests of one kind.

    ``passed`` includes those ``by_value``; the rest beyond ``refused`` failed.
    """

    suite: str
    kind: str
    passed: int
    total: int
    by_value: int = 0
    refused: int = 0

    @property
    def failed(self) -> int:
        """Neither passed nor refused by policy."""
        return self.total - self.passed - self.refused


def rows(outcomes: Iterable[Outcome]) -> tuple[Row, ...]:
    """One row for each suite and kind, sorted."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for outcome in outcomes:
        counts.setdefault((outcome.case.suite, outcome.case.kind), Counter())[outcome.status] += 1
    return tuple(
        Row(
            suite,
            kind,
            found[running.PASSED] + found[running.BY_VALUE],
            found.total(),
            found[running.BY_VALUE],
            found[running.REFUSED],
        )
        for (suite, kind), found in sorted(counts.items())
    )


def allowed() -> Mapping[str, str]:
    """The tests that fail and may, each with its reason."""
    with _ALLOWED.open(encoding="utf-8", newline="") as stream:
        return {line["test"]: line["reason"] for line in csv.DictReader(stream, dialect="excel-tab")}


def protocols() -> tuple[Row, ...]:
    """The rows of the protocol suites, from a table with the columns suite, kind, passed, total, by value and refused; empty without it.

    The tests that talk to a server assert that it is what they count.
    """
    if not _PROTOCOLS.exists():
        return ()
    with _PROTOCOLS.open(encoding="utf-8", newline="") as stream:
        return tuple(
            Row(
                line["suite"],
                line["kind"],
                int(line["passed"]),
                int(line["total"]),
                int(line["by value"]),
                int(line["refused"]),
            )
            for line in csv.DictReader(stream, dialect="excel-tab")
        )


def table(found: Sequence[Row]) -> str:
    """The rows as a Markdown table, with their sum."""
    total = Row(
        "all",
        "",
        sum(row.passed for row in found),
        sum(row.total for row in found),
        sum(row.by_value for row in found),
        sum(row.refused for row in found),
    )
    lines = [
        (row.suite, row.kind, row.total, row.passed, row.by_value, row.refused, row.failed)
        for row in (*found, total)
    ]
    marks = ["---", "---", *["---:"] * (len(_HEADINGS) - 2)]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in (_HEADINGS, marks, *lines))


def page(outcomes: Sequence[Outcome], others: Mapping[tuple[str, str], int], protocol: Sequence[Row]) -> str:
    """The whole page.

    ``others``: tests of the suites' other kinds, by suite and kind, which are named as not run unless a row
    of ``protocol`` counts them.
    """
    return "".join(_parts(outcomes, others, protocol))


def _parts(
    outcomes: Sequence[Outcome], others: Mapping[tuple[str, str], int], protocol: Sequence[Row]
) -> Iterator[str]:
    yield _HEAD
    yield table(rows(outcomes))
    yield _REFUSED
    yield from _refused(outcomes)
    yield _FAILED
    reasons = allowed()
    for outcome in outcomes:
        if outcome.status == running.FAILED:
            yield f"| {outcome.case.suite} | {_link(outcome)} | {reasons.get(outcome.case.iri, 'unknown')} |\n"
    yield _PROTOCOL
    yield table(protocol) if protocol else "Not counted on this page yet.\n"
    yield _NOT_RUN
    covered = {(row.suite, row.kind) for row in protocol}
    yield from (
        f"| {suite} | {kind} | {count} |\n"
        for (suite, kind), count in sorted(others.items())
        if (suite, kind) not in covered
    )


def _refused(outcomes: Iterable[Outcome]) -> Iterator[str]:
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status == running.REFUSED:
            groups.setdefault(
                (outcome.case.suite, outcome.case.kind, outcome.why.partition(";")[0].partition(":")[0]), []
            ).append(outcome)
    for (suite, kind, why), found in sorted(groups.items()):
        yield f"| {suite} | {kind} | {why} | {', '.join(map(_link, found))} |\n"


def _link(outcome: Outcome) -> str:
    """The test by category and name, as a link to its query."""
    return f"[{outcome.case.category} / {outcome.case.iri.partition('#')[2]}]({outcome.case.base})"


_HEAD: Final = """# Conformance

How the service does in the W3C's test suites for SPARQL (1.0, 1.1 and 1.2, rdf-tests). Printed by `python -m tests.w3c`, which needs a copy of
the suites in the folder that `R2P_W3C_TESTS` names; with it, a test fails when this page is not what is printed.

## Queries

Each test is asked of the pool that serves `/sparql`: the test's data are frozen into a snapshot, a worker process evaluates, policy
and limits stand before it, and the answer is read back from the format of the expected result.

- **Passed**: equal term by term, blank nodes up to renaming, in sequence where the test gives one. **By value**: equal once numbers, truth
  values and times are brought to one spelling, because the engine's store keeps values and not spellings.
- A test of **syntax** passes where the service answers a valid query, and where it calls an invalid one a syntax error.
- **Refused by policy**: the service says no before its engine sees the text, and names the reason. Such a test counts as neither passed nor
  failed; the engine's parser alone takes what is valid and refuses what is not in every one of them.
- The service's own default graph is the union of its graphs. Where a test has named graphs, its dataset is given as the protocol does
  with `default-graph-uri` and `named-graph-uri`; where its query says `FROM`, the query's own clauses hold. Each query is sent with its
  own address as `BASE`, because a service knows no base but its own. A syntax test with `FROM` finds a graph of that name served.

"""

_REFUSED: Final = """
### Refused by policy

This service sends no requests of its own, and `/sparql` answers queries, not updates. The updates among these tests are filed under the
syntax of queries by the suite, and are invalid as either.

| suite | kind | why | tests |
| --- | --- | --- | --- |
"""

_FAILED: Final = """
### Failed

All of these are the engine's own; a test fails when one of them passes, or when another one fails.

| suite | test | what happens |
| --- | --- | --- |
"""

_PROTOCOL: Final = """
## Protocols and updates

The protocols are asked over a socket of a server that holds the suite's data and takes writes. Updates are applied by the code of the writer's
process; those with `LOAD`, valid or not, are refused by policy.

"""

_NOT_RUN: Final = """
## Not run

Reasoning is done when the graph is built, not when it is asked, so that tests of entailment do not apply.

| suite | kind | tests |
| --- | --- | ---: |
"""
