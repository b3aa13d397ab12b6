"""The worked example passes every check, and what its comments promise follows, or does not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from pyoxigraph import RdfFormat, Triple

from r2p_kg.curate import checks, reasoning, sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.graph import rdf

PATH = "examples/kenya-step-by-step.ttl"
TEXT = (ontology_folder() / PATH).read_text("utf-8")
PROMISE = re.compile(r"^# (=>|=/=>) (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def corpus() -> sources.Corpus:
    """The real graph with the example read as if it were a file of facts."""
    whole = sources.read(ontology_folder())
    (example,) = [source for source in whole.asides if source.path == PATH]
    told = replace(example, path="facts/example.ttl", graph=f"{example.graph}/example")
    return replace(whole, sources=tuple(sorted([*whole.sources, told], key=lambda source: source.path)))


def test_the_example_passes_every_check(corpus: sources.Corpus) -> None:
    assert [] == [
        str(finding)
        for finding in checks.run(corpus, ontology_folder())
        if finding.path == "facts/example.ttl"
    ]


def test_what_the_comments_promise_follows_and_what_they_deny_does_not(corpus: sources.Corpus) -> None:
    asserted = {triple for source in corpus.sources for triple in source.triples}
    known = asserted | set(reasoning.closure(asserted).entailed)
    head = "".join(line + "\n" for line in TEXT.splitlines() if line.startswith("@prefix"))
    promised: dict[str, set[Triple]] = {"=>": set(), "=/=>": set()}
    for arrow, said in PROMISE.findall(TEXT):
        promised[arrow] |= {quad.triple for quad in rdf.parse_text(head + said, RdfFormat.TURTLE)}
    assert (9, 5) == tuple(map(len, promised.values()))
    assert set() == promised["=>"] - known
    assert set() == promised["=/=>"] & known
    assert set() == promised["=>"] & asserted


def test_the_story_is_numbered_without_a_gap_and_is_a_marked_copy() -> None:
    steps = [int(number) for number in re.findall(r"^# (\d+)\. ", TEXT, re.MULTILINE)]
    assert list(range(1, 8)) == steps
    subjects = re.findall(r"^(id:\S+) a ", TEXT, re.MULTILINE)
    assert len(subjects) > 5
    assert [] == [subject for subject in subjects if not subject.startswith("id:example-kenya")]
