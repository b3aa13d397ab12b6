"""The W3C's query suites through our own pool.

Every test is as the table of allowed failures says, and the page tells it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pyoxigraph as ox
import pytest

from r2p_kg.sparql.engine_text import engine_text
from tests.w3c import cases, conformance, running

if TYPE_CHECKING:
    from tests.w3c.cases import Suites
    from tests.w3c.running import Outcome

#: By suite and kind: how many tests there are, and how many of them the engine, asked without our pool, was
#: measured to do right.
FLOORS = {
    ("1.0", cases.EVALUATION): (283, 268),
    ("1.0", cases.POSITIVE): (149, 149),
    ("1.0", cases.NEGATIVE): (50, 49),
    # One more of 233 was right in that measurement, which counted a test with SERVICE among these.
    ("1.1", cases.EVALUATION): (232, 221),
    ("1.1", cases.FEDERATED): (7, 1),
    ("1.1", cases.TABLES): (3, 3),
    ("1.1", cases.POSITIVE): (66, 66),
    ("1.1", cases.NEGATIVE): (48, 48),
    ("1.2", cases.EVALUATION): (63, 61),
    ("1.2", cases.POSITIVE): (102, 102),
    ("1.2", cases.NEGATIVE): (81, 78),
}

OTHERS = {
    ("1.1", "entailment"): 70,
    ("1.1", "graph store protocol"): 13,
    ("1.1", "protocol"): 34,
    ("1.1", "service description"): 3,
    ("1.1", "update evaluation"): 94,
    ("1.1", "update syntax, invalid"): 13,
    ("1.1", "update syntax, valid"): 42,
    ("1.2", "update evaluation"): 3,
    ("1.2", "update syntax, invalid"): 2,
    ("1.2", "update syntax, valid"): 18,
}


def test_every_test_of_the_manifests_is_collected(suites: Suites) -> None:
    assert {key: total for key, (total, _) in FLOORS.items()} == Counter(
        (case.suite, case.kind) for case in suites.cases
    )
    assert OTHERS == suites.others


def test_a_star_has_the_columns_that_the_engine_gives_it(suites: Suites) -> None:
    rewritten = 0
    for case in suites.cases:
        text = cases.based(case.text, case.iri)
        written = engine_text(text)
        if not written.edits:
            continue
        try:
            expected = {one.value for one in ox.Store().query(text).variables}  # type: ignore[union-attr]
        except SyntaxError:
            with pytest.raises(SyntaxError):
                ox.Store().query(written.text)
            continue
        except RuntimeError:  # a function of its own
            continue
        rewritten += 1
        assert expected == {one.value for one in ox.Store().query(written.text).variables}, text  # type: ignore[union-attr]
    assert rewritten > 250


def test_what_fails_is_allowed_to(outcomes: tuple[Outcome, ...]) -> None:
    unlisted = [
        f"{one.case.iri}\n{one.why}"
        for one in outcomes
        if one.status == running.FAILED and one.case.iri not in conformance.allowed()
    ]
    assert not unlisted, "\n\n".join(unlisted)


def test_what_is_allowed_to_fail_does(outcomes: tuple[Outcome, ...]) -> None:
    """A test that passes now leaves the table."""
    assert [] == sorted(
        conformance.allowed().keys() - {one.case.iri for one in outcomes if one.status == running.FAILED}
    )


def test_at_most_thirty_tests_are_allowed_to_fail_each_for_a_reason() -> None:
    assert len(conformance.allowed()) <= 30
    assert all(len(reason.split()) > 5 for reason in conformance.allowed().values())


def test_policy_refuses_what_calls_another_service_or_is_an_update_and_nothing_else(
    outcomes: tuple[Outcome, ...],
) -> None:
    wanted = {
        one.case.iri
        for one in outcomes
        if one.case.base.endswith(".ru")
        or re.search(r"^[^#\n]*\bSERVICE\b", one.case.text, re.MULTILINE | re.IGNORECASE)
    }
    assert wanted == {one.case.iri for one in outcomes if one.status == running.REFUSED}


@pytest.mark.parametrize(("suite", "kind"), FLOORS)
def test_the_pool_is_nowhere_worse_than_its_engine(
    outcomes: tuple[Outcome, ...], suite: str, kind: str
) -> None:
    found = next(row for row in conformance.rows(outcomes) if (row.suite, row.kind) == (suite, kind))
    total, floor = FLOORS[suite, kind]
    assert total == found.total
    assert floor <= found.passed + found.refused


def test_the_page_is_what_is_measured(outcomes: tuple[Outcome, ...], suites: Suites) -> None:
    assert conformance.page(outcomes, suites.others, conformance.protocols()) == conformance.PAGE.read_text(
        encoding="utf-8"
    ), "run python -m tests.w3c"
