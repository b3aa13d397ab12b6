"""Every saved query is asked on the real graph and compared with an answer that was held against the sources.

``tests/answers/<id>.csv`` holds the rows at the query's default parameters; ``tests/world/answers/<id>.csv``
those on the invented world. Rows are compared in their order: every question that can have several rows says
in which order they come, and leaves no tie.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from r2p_kg import library
from r2p_kg.command.publishing import Publisher
from r2p_kg.curate import build
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.graph import snapshot
from r2p_kg.graph.snapshot import Snapshot
from r2p_kg.web import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.curate.build import Built
    from r2p_kg.library import SavedQuery

ROOT = Path(__file__).parent.parent
ANSWERS = ROOT / "tests" / "answers"
WORLD_ANSWERS = ROOT / "tests" / "world" / "answers"
LIBRARY = library.load(ROOT / "queries")
ID = "https://w3id.org/r2p-kg/id/"
NS = "https://w3id.org/r2p-kg/ns#"


#: The end of a query that orders its rows: nothing but keys, no LIMIT.
ORDERED = re.compile(r"\bORDER BY[^{}]*\Z")
#: The only form of a query that needs no order: one row, because everything is counted together.
AGGREGATE = re.compile(r"SELECT \(COUNT\(.*\)\s*WHERE", re.DOTALL)


def rows(text: str) -> list[tuple[str, ...]]:
    """The lines of a CSV answer in order, header included."""
    return [tuple(row) for row in csv.reader(io.StringIO(text))]


def expected(query_id: str, folder: Path = ANSWERS) -> list[tuple[str, ...]]:
    return rows((folder / f"{query_id}.csv").read_text("utf-8"))


def asked(
    pool: Pool, query: SavedQuery, prefixes: dict[str, str], further_keys: str = ""
) -> list[tuple[str, ...]]:
    """The answer at the default parameters, its rows ordered by ``further_keys`` after the query's own."""
    return rows(
        pool.ask(
            library.bind(query, {}, prefixes).rstrip() + further_keys, media_type="text/csv"
        ).body.decode()
    )


@pytest.fixture(scope="module")
def pool(snapshot_of_the_checkout: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The real graph as it is served, with the service's own description beside it."""
    publisher = Publisher(tmp_path_factory.mktemp("served"), ROOT / "queries", Settings())
    found = Pool(publisher.publish(snapshot_of_the_checkout.path), PoolSettings(workers=1, spares=1))
    yield found
    found.close()


def test_there_are_at_least_sixty_questions_and_each_has_its_expected_answer() -> None:
    assert len(LIBRARY.queries) >= 60
    assert {query.id for query in LIBRARY.queries} == {path.stem for path in ANSWERS.glob("*.csv")}


@pytest.mark.parametrize("query", LIBRARY.queries, ids=lambda query: query.id)
def test_a_question_is_answered_as_the_sources_say(
    pool: Pool, query: SavedQuery, snapshot_of_the_checkout: Built
) -> None:
    assert expected(query.id) == asked(pool, query, dict(snapshot_of_the_checkout.snapshot.prefixes))


@pytest.mark.parametrize("query", LIBRARY.queries, ids=lambda query: query.id)
def test_a_question_expects_rows_or_none_as_its_answer_has_them(query: SavedQuery) -> None:
    found = len(expected(query.id)) - 1
    assert query.expect == "boolean" or (query.expect == "rows") == (found > 0)


@pytest.mark.parametrize("query", LIBRARY.queries, ids=lambda query: query.id)
def test_the_order_of_an_answer_leaves_no_tie_and_no_row_comes_twice(
    pool: Pool, query: SavedQuery, snapshot_of_the_checkout: Built
) -> None:
    if AGGREGATE.search(query.text):
        assert len(expected(query.id)) == 2
        return
    assert ORDERED.search(query.text.rstrip())
    prefixes = dict(snapshot_of_the_checkout.snapshot.prefixes)
    up = asked(pool, query, prefixes, "".join(f" ?{column.name}" for column in query.returns))
    down = asked(pool, query, prefixes, "".join(f" DESC(?{column.name})" for column in query.returns))
    assert up == down
    assert len(up) == len(set(up))


#: (question, what stands in the quads, what a mistaken curator would write instead)
PLANTED = [
    pytest.param(
        "tools-in-a-situation",
        f"<{NS}authority> <{ID}s-res-1973-2011>",
        f"<{NS}authority> <{ID}s-res-1970-2011>",
        id="a swapped resolution",
    ),
    pytest.param(
        "crime-claims",
        f"<{ID}yemen-2015.crime-claim.war-crimes-concern> <{NS}modality> <{ID}modality/concern>",
        f"<{ID}yemen-2015.crime-claim.war-crimes-concern> <{NS}modality> <{ID}modality/stated>",
        id="a lost hedge",
    ),
    pytest.param(
        "all-responses",
        f"<{ID}guinea-2010.response.travel-bans> <{NS}usedIn> <{ID}guinea-2010>",
        f"<{ID}guinea-2010.response.travel-bans> <{NS}usedIn> <{ID}libya-2011>",
        id="a tool given to another situation",
    ),
    pytest.param(
        "crime-claims",
        f"<{ID}rwanda-1994.crime-claim.genocide-sg15> <{NS}cites> <{ID}un-sg-report-2015/para-34>",
        f"<{ID}rwanda-1994.crime-claim.genocide-sg15> <{NS}cites> <{ID}un-sg-report-2015/para-8>",
        id="a wrong paragraph",
    ),
    pytest.param(
        "figures-of-a-situation",
        f"<{ID}syria-conflict.statistic.killed> <{NS}comparator> <{ID}comparator/more-than>",
        f"<{ID}syria-conflict.statistic.killed> <{NS}comparator> <{ID}comparator/equal>",
        id="a lost bound",
    ),
    pytest.param(
        "outcomes-in-a-situation",
        f"<{ID}art14-introduction-libya.assessment.not-death-sentence> <{NS}negated>",
        f"<{ID}somewhere-else> <{NS}negated>",
        id="a lost denial",
    ),
    pytest.param(
        "tools-in-a-situation",
        f"<{NS}usedTool> <{ID}all-necessary-measures>",
        f"<{NS}usedTool> <{ID}no-fly-zone>",
        id="a tool supplied from elsewhere",
    ),
]


@pytest.mark.parametrize(("query_id", "right", "wrong"), PLANTED)
def test_a_planted_error_makes_an_answer_wrong(
    query_id: str, right: str, wrong: str, snapshot_of_the_checkout: Built, tmp_path: Path
) -> None:
    sound = snapshot_of_the_checkout.snapshot
    assert right.encode() in sound.quads
    spoilt = b"\n".join(sorted(sound.quads.replace(right.encode(), wrong.encode()).splitlines())) + b"\n"
    pool = Pool(
        snapshot.write(Snapshot.of(spoilt, sound.prefixes, sound.census), tmp_path),
        PoolSettings(workers=1, spares=0),
    )
    try:
        query = LIBRARY.get(query_id)
        assert query is not None
        assert expected(query_id) != asked(pool, query, dict(sound.prefixes))
    finally:
        pool.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pool, dict[str, str]]]:
    """The small invented world, which no curator's work can change."""
    found = build.assemble(
        build.ontology_folder(), facts=ROOT / "tests" / "world", memory=tmp_path_factory.mktemp("memory")
    ).snapshot
    assert found is not None
    engine = Pool(snapshot.write(found, tmp_path_factory.mktemp("world")), PoolSettings(workers=1, spares=0))
    yield engine, dict(found.prefixes)
    engine.close()


WORLD_QUESTIONS = sorted(path.stem for path in WORLD_ANSWERS.glob("*.csv"))


def test_ten_questions_have_a_golden_answer_on_the_invented_world() -> None:
    assert len(WORLD_QUESTIONS) >= 10


@pytest.mark.parametrize("query_id", WORLD_QUESTIONS)
def test_a_question_is_answered_on_the_invented_world(
    query_id: str, world: tuple[Pool, dict[str, str]]
) -> None:
    pool, prefixes = world
    query = LIBRARY.get(query_id)
    assert query is not None
    assert expected(query_id, WORLD_ANSWERS) == asked(pool, query, prefixes)
