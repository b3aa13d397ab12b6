"""The W3C's update suites through our own writer: all pass but what policy refuses."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pyoxigraph as ox
import pytest

from r2p_kg.sparql import updates
from r2p_kg.sparql.errors import SparqlRefusedError
from tests.w3c import cases, conformance, protocol_table, update_cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.w3c.conformance import Row
    from tests.w3c.update_cases import Case

TOTALS = {
    ("1.1", update_cases.EVALUATION): 94,
    ("1.1", update_cases.POSITIVE): 42,
    ("1.1", update_cases.NEGATIVE): 13,
    ("1.2", update_cases.EVALUATION): 3,
    ("1.2", update_cases.POSITIVE): 18,
    ("1.2", update_cases.NEGATIVE): 2,
}


@pytest.fixture(scope="module")
def outcomes(figures: list[Row]) -> Mapping[Case, str]:
    """What became of each test."""
    root = cases.folder()
    if root is None:
        pytest.skip(f"{cases.VARIABLE} is unset: no copy of the W3C's suites")
    found = {case: update_cases.outcome(case) for case in update_cases.read(root)}
    figures.extend(update_cases.figures(found))
    return found


def test_every_test_of_the_suites_is_collected(outcomes: Mapping[Case, str]) -> None:
    assert TOTALS == Counter((case.suite, case.kind) for case in outcomes)


def test_every_update_is_done_right_or_refused(outcomes: Mapping[Case, str]) -> None:
    assert {} == {
        case.iri: said
        for case, said in outcomes.items()
        if said not in {update_cases.PASSED, update_cases.REFUSED}
    }


def test_what_is_refused_would_load(outcomes: Mapping[Case, str]) -> None:
    refused = {case.iri for case, said in outcomes.items() if said == update_cases.REFUSED}
    assert {
        case.iri for case in outcomes if re.search(r"^[^#]*\bLOAD\b", case.text, re.MULTILINE | re.IGNORECASE)
    } == refused
    assert 11 == len(refused)


def test_every_valid_update_without_a_dataset_of_its_own_takes_the_one_of_the_protocol(
    outcomes: Mapping[Case, str],
) -> None:
    taken = Counter[bool]()
    for case, said in outcomes.items():
        if said != update_cases.PASSED or case.kind == update_cases.NEGATIVE:
            continue
        own = bool(re.search(r"\b(USING|WITH)\b", re.sub(r"#.*", "", case.text), re.IGNORECASE))
        try:
            text = updates.with_dataset(
                cases.based(case.text, case.iri), ("http://example.org/g",), ("http://example.org/h",)
            )
        except SparqlRefusedError:
            assert own, case.text
        else:
            assert not own, case.text
            assert not syntax_error(text), text
        taken[own] += 1
    assert Counter({False: 132, True: 18}) == taken


def syntax_error(text: str) -> str:
    """What the engine's parser says of an update, empty where it takes it; nothing of ours loads anything."""
    try:
        ox.Store().update(text)
    except SyntaxError as error:
        return str(error)
    except RuntimeError:
        return ""
    return ""


def test_the_table_of_the_page_says_what_was_counted(outcomes: Mapping[Case, str]) -> None:
    assert update_cases.figures(outcomes) == [
        row for row in conformance.protocols() if "update" in row.kind
    ], protocol_table.ANEW
