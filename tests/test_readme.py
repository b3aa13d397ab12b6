"""What README.md shows is so.

Its query gives its answer, its commands are those that CI runs, its links lead somewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from r2p_kg import library
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.graph import vocab
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.curate.build import Built

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def pool(snapshot_of_the_checkout: Built) -> Iterator[Pool]:
    pool = Pool(snapshot_of_the_checkout.path, PoolSettings(workers=1, spares=0))
    yield pool
    pool.close()


def test_the_query_of_the_readme_gives_the_answer_of_the_readme(pool: Pool) -> None:
    (query,) = re.findall(r"--data-urlencode 'query=\n(.*?)'\n```", README, re.DOTALL)
    (answer,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    assert answer == pool.ask(query, media_type="text/csv").body.decode().replace("\r\n", "\n")


def test_the_query_that_finds_a_thing_by_its_label_finds_it(pool: Pool) -> None:
    (query,) = re.findall(r"```sparql\n(.*?)```", README, re.DOTALL)
    found = pool.ask(query, media_type="text/csv").body.decode()
    assert "https://w3id.org/r2p-kg/id/panel-of-the-wise,Panel of the Wise" in found.splitlines()


def test_every_address_of_the_readme_is_one_of_the_service(
    pool: Pool, snapshot_of_the_checkout: Built
) -> None:
    saved = library.load(ROOT / "queries")
    client = in_process.client(create_app(Settings(), snapshot_of_the_checkout.snapshot, pool, saved))
    words = re.findall(r"`(/[^`\s]*)`|http://127\.0\.0\.1:8000(/[^\s>\")]*)", README)
    addresses = {first or second for first, second in words}
    assert len(addresses) > 10
    # 400: an address that takes a query or the name of a graph.
    assert {200, 400} == {client.get(one).status_code for one in addresses}


def test_names_in_the_readme_are_names_in_the_graph(snapshot_of_the_checkout: Built) -> None:
    names = re.findall(r"`([a-z0-9-]+-\d{4}(?:/[a-z0-9-]+)?)`", README)
    assert len(names) > 1
    quads = snapshot_of_the_checkout.snapshot.quads
    assert [] == [name for name in names if f"<{vocab.ID}{name}> ".encode() not in quads]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    commands = re.findall(r"^python3\.11 -m venv .*$", README, re.MULTILINE)
    assert ["r2p serve", "pytest"] == [command.rpartition(".venv/bin/")[2] for command in commands]
    assert r"s/^\(python3\.11 -m venv .*pytest\)$/\1/p" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_file_that_the_readme_links_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_the_question_asked_by_the_python_example_is_a_saved_one() -> None:
    (asked,) = re.findall(r'\.question\("([^"]+)"', README)
    assert library.load(ROOT / "queries").get(asked) is not None
