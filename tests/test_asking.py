"""Every query that docs/asking.md shows answers on the real graph, and none looks for words in a text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import QuerySolutions

if TYPE_CHECKING:
    from pyoxigraph import Store

    from r2p_kg.curate.build import Built

DOC = (Path(__file__).parent.parent / "docs" / "asking.md").read_text("utf-8")
QUERIES = re.findall(r"```sparql\n(.*?)\n```", DOC, re.DOTALL)

#: What finds words instead of concepts.
BY_WORDS = re.compile(r"\b(regex|contains|strstarts|strends|lcase|ucase)\b", re.IGNORECASE)


def test_there_are_questions_to_try() -> None:
    assert len(QUERIES) >= 10


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_guide_has_rows_and_looks_for_no_words(
    query: str, whole_graph: Store, snapshot_of_the_checkout: Built
) -> None:
    assert not BY_WORDS.search(query)
    found = whole_graph.query(query, prefixes=dict(snapshot_of_the_checkout.snapshot.prefixes))
    assert isinstance(found, QuerySolutions)
    assert next(found, None) is not None
