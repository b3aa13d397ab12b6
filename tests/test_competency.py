"""Questions across documents by concept, written by a reader of the texts who had not seen the graph.

``tests/competency/questions.toml`` holds each question with the passages that answer it; ``<id>.rq`` beside it is
how the graph is asked: by concepts, things and typed properties, never by words in a text.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyoxigraph import NamedNode, QuerySolutions

if TYPE_CHECKING:
    from pyoxigraph import Store

    from r2p_kg.curate.build import Built

HERE = Path(__file__).parent / "competency"
QUESTIONS: list[dict[str, Any]] = tomllib.loads((HERE / "questions.toml").read_text("utf-8"))["question"]

#: What finds words instead of concepts, and what would name the passages that are to be found.
BY_WORDS = re.compile(r"\b(regex|contains|strstarts|strends|lcase|ucase|replace|substr)\b", re.IGNORECASE)
PASSAGE = re.compile(r"\b(sg15|wp08|art14):|/(para|fn|summary|bullet)-")

#: Passages that the queries find beyond what the reader named, all together; it may fall.
BEYOND = 19


def paragraph(passage: str) -> str:
    """A passage as the reader names it: ``sg15:para-74`` for a bullet of that paragraph, ``sg15:summary``."""
    document, _, name = passage.removeprefix("https://w3id.org/r2p-kg/id/").partition("/")
    short = {"un-sg-report-2015": "sg15", "wilton-park-2008": "wp08", "article-2014": "art14"}[document]
    return f"{short}:{re.sub(r'-bullet-.*', '', re.sub(r'^summary-.*', 'summary', name))}"


def found(whole_graph: Store, question: str, prefixes: dict[str, str]) -> set[str]:
    """The paragraphs of a question's answer, its column ``passage``."""
    answer = whole_graph.query((HERE / f"{question}.rq").read_text("utf-8"), prefixes=prefixes)
    assert isinstance(answer, QuerySolutions)
    passages = [row["passage"] for row in answer]
    assert all(isinstance(passage, NamedNode) for passage in passages)
    return {paragraph(passage.value) for passage in passages if isinstance(passage, NamedNode)}


def places(question: dict[str, Any], *names: str) -> set[str]:
    return {entry["at"] for name in names for entry in question[name]}


def test_there_are_sixty_questions_and_more_of_which_most_need_two_documents() -> None:
    assert len(QUESTIONS) >= 60
    documents = [{at.partition(":")[0] for at in places(question, "answer")} for question in QUESTIONS]
    assert sum(len(one) > 1 for one in documents) >= 45
    assert {question["id"] for question in QUESTIONS} == {path.stem for path in HERE.glob("*.rq")}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_a_question_reaches_every_passage_that_answers_it_without_looking_for_words(
    question: dict[str, Any], whole_graph: Store, snapshot_of_the_checkout: Built
) -> None:
    text = (HERE / f"{question['id']}.rq").read_text("utf-8")
    assert not BY_WORDS.search(text)
    assert not PASSAGE.search(text)
    reached = found(whole_graph, question["id"], dict(snapshot_of_the_checkout.snapshot.prefixes))
    assert set() == places(question, "answer") - reached


def test_the_questions_find_little_beyond_what_the_reader_named(
    whole_graph: Store, snapshot_of_the_checkout: Built
) -> None:
    prefixes = dict(snapshot_of_the_checkout.snapshot.prefixes)
    beyond = sum(
        len(found(whole_graph, question["id"], prefixes) - places(question, "answer", "optional"))
        for question in QUESTIONS
    )
    assert beyond <= BEYOND
