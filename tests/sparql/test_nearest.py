"""Did you mean: the names that a misspelt one resembles."""

from __future__ import annotations

import pytest

from r2p_kg.sparql.nearest import nearest
from tests.growth import LINEAR, growth

WORDS = ["Situation", "Statement", "says", "label", "altLabel", "OPTIONAL", "FILTER"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Situaton", ["Situation"]),
        ("situation", ["Situation"]),
        ("OPTONAL", ["OPTIONAL"]),
        ("filetr", ["FILTER"]),
        ("lable", ["label"]),
        ("qqq", []),
        ("so", []),
        ("", []),
    ],
)
def test_the_name_that_was_meant_is_found_and_no_other(name: str, expected: list[str]) -> None:
    assert expected == nearest(name, WORDS)


def test_two_letters_in_the_wrong_order_are_found_in_a_short_name() -> None:
    assert ["r2p"] == nearest("rp2", ["r2p", "rdf"])


def test_of_names_that_differ_in_capitals_the_one_that_begins_like_the_misspelt_one_comes() -> None:
    assert ["label"] == nearest("lable", ["Label", "label"])
    assert ["Label"] == nearest("Lable", ["label", "Label"])


def test_several_names_come_in_the_order_of_their_likeness() -> None:
    assert ["labels", "label"] == nearest("labelss", ["label", "labels", "x"], 2)


def test_a_long_name_takes_time_in_proportion_to_its_length() -> None:
    assert growth(lambda name: nearest(name, [name[::-1]]), lambda size: "ab" * size, 5000) < LINEAR
