"""What README.md shows is so.

Its query gives its answer, its commands are those that CI runs, its links lead somewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from r2p_kg import library
from r2p_kg.engine.pool import Pool, PoolSettings

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_query_of_the_readme_gives_the_answer_of_the_readme(snapshot_of_the_checkout: Built) -> None:
    (query,) = re.findall(r"--data-urlencode 'query=\n(.*?)'\n```", README, re.DOTALL)
    (answer,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    pool = Pool(snapshot_of_the_checkout.path, PoolSettings(workers=1, spares=0))
    try:
        assert answer == pool.ask(query, media_type="text/csv").body.decode().replace("\r\n", "\n")
    finally:
        pool.close()


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
