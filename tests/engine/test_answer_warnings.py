"""Warnings come with every answer from the worker that gave it, whatever the service has to do besides."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from r2p_kg.engine import Budget, Dataset, zygote
from r2p_kg.engine.borrower import Borrower
from r2p_kg.engine.broker import start_broker
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.engine.remote import RemoteEngine
from r2p_kg.errors import AnswerTooLargeError
from r2p_kg.graph import snapshot, vocab
from r2p_kg.sparql.known_terms import KnownTerms
from r2p_kg.sparql.lint import lint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from r2p_kg.engine import Answer

JSON = "application/sparql-results+json"
QUADS = "".join(
    f'<http://e.x/s{number}> <http://e.x/label> "text {number}" <http://e.x/g> .\n' for number in range(300)
)
MISSPELT = "SELECT ?s { ?s <http://e.x/lable> ?o }"
CLEAN = "SELECT ?s { ?s <http://e.x/label> ?o } LIMIT 1"
#: Nothing joins its two patterns, and its answer is of some megabytes.
LARGE = "SELECT ?s ?a { ?s <http://e.x/label> ?o . ?a <http://e.x/label> ?b }"
SMALLER = f"{LARGE} LIMIT 2000"

FOUND = snapshot.Snapshot.of(QUADS.encode(), {"e": "http://e.x/"}, {})
KNOWN = KnownTerms.of(FOUND.quads, FOUND.prefixes, vocab.BASE)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot.write(FOUND, tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def pool(path: Path) -> Iterator[Pool]:
    made = Pool(path, PoolSettings(workers=1, spares=0))
    yield made
    made.close()


@pytest.mark.parametrize("query", [MISSPELT, CLEAN, LARGE, SMALLER])
def test_an_answer_brings_the_warnings_of_its_query(pool: Pool, query: str) -> None:
    expected = lint(query, KNOWN)
    assert (query != CLEAN) == bool(expected)
    assert expected == pool.ask(query, media_type=JSON).warnings


def test_the_first_answer_of_all_brings_them(path: Path) -> None:
    pool = Pool(path, PoolSettings(workers=1, spares=0))
    try:
        warning = pool.ask(MISSPELT, media_type=JSON).warnings[0]
    finally:
        pool.close()
    assert ("unknown-term", 1, 16) == (warning.code, warning.line, warning.column)
    assert "did you mean e:label?" in warning.message


def test_an_answer_and_its_warnings_are_not_mixed_up(pool: Pool) -> None:
    for query, rows in ((SMALLER, 2000), (LARGE, 90_000), (MISSPELT, 0), (CLEAN, 1)):
        answer = pool.ask(query, media_type="text/csv")
        assert rows + 1 == answer.body.count(b"\r\n")
        assert b"code" not in answer.body


def test_a_query_that_is_not_answered_is_an_error_and_no_warning(pool: Pool) -> None:
    with pytest.raises(AnswerTooLargeError):
        pool.ask(LARGE, media_type=JSON, budget=Budget(rows=10))


def test_a_front_gets_them_with_answers_of_every_size(path: Path) -> None:
    async def asked(address: Path) -> list[Answer]:
        borrower = Borrower(address)
        found = [
            await borrower.ask(
                query,
                digest=FOUND.digest,
                prefixes=FOUND.prefixes,
                media_type="text/csv",
                dataset=Dataset(),
                budget=Budget(),
            )
            for query in (MISSPELT, CLEAN, SMALLER, LARGE)
        ]
        borrower.close()
        return found

    with start_broker(path, PoolSettings(workers=1, spares=0)) as broker:
        answers = asyncio.run(asked(broker.socket))
    assert [lint(query, KNOWN) for query in (MISSPELT, CLEAN, SMALLER, LARGE)] == [
        answer.warnings for answer in answers
    ]
    assert [1, 2, 2001, 90_001] == [bytes(answer.body).count(b"\r\n") for answer in answers]


def test_what_another_process_makes_is_the_same_also_if_that_process_dies() -> None:
    here = os.getpid()

    def dying() -> KnownTerms:
        if os.getpid() != here:
            os._exit(1)
        return KNOWN

    with socket.socket() as control:
        assert KNOWN == zygote._beside(control, lambda: KNOWN)()
        assert KNOWN is zygote._beside(control, dying)()


def test_another_service_has_no_queries_that_could_be_ended_from_here() -> None:
    engine = RemoteEngine("http://127.0.0.1:1/sparql")
    assert {} == engine.stats()
    assert not engine.cancel("1")
