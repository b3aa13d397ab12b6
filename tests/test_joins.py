"""Statements of different documents meet in the concepts that they speak of, and go on doing so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built

#: What there was on the day on which topics got their subjects. A number that falls is a better one: write it here.
MOST = {
    "topics of one statement": 1246,
    "topics of one document": 1682,
    "topics without a subject": 0,
}


def test_topics_that_join_nothing_do_not_grow(snapshot_of_the_checkout: Built) -> None:
    census = snapshot_of_the_checkout.snapshot.census
    assert {name for name, most in MOST.items() if census[name] > most} == set()


def test_a_quarter_of_the_subjects_and_more_are_of_two_documents(snapshot_of_the_checkout: Built) -> None:
    census = snapshot_of_the_checkout.snapshot.census
    assert census["subjects of two documents or more"] * 4 >= census["class: subject"]


def test_no_subject_is_that_of_one_statement_in_twenty(snapshot_of_the_checkout: Built) -> None:
    """A concept under which everything falls tells nothing apart."""
    census = snapshot_of_the_checkout.snapshot.census
    assert census["statements of the commonest subject"] * 20 <= census["class: statement"]
