"""What README.md shows is so.

Its query gives its answer, its commands are those that CI runs, its links lead somewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from r2p_kg import library
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.errors import BusyError
from r2p_kg.graph import vocab
from r2p_kg.web import Settings, create_app

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


class Silent:
    """An engine that answers nothing."""

    def ask(self, *_: object, **__: object) -> NoReturn:
        """Refuse."""
        message = "nothing is answered here"
        raise BusyError(message)

    def close(self) -> None:
        """Do nothing."""


def test_the_query_of_the_readme_gives_the_answer_of_the_readme(snapshot_of_the_checkout: Built) -> None:
    (query,) = re.findall(r"--data-urlencode 'query=\n(.*?)'\n```", README, re.DOTALL)
    (answer,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    pool = Pool(snapshot_of_the_checkout.path, PoolSettings(workers=1, spares=0))
    try:
        assert answer == pool.ask(query, media_type="text/csv").body.decode().replace("\r\n", "\n")
    finally:
        pool.close()


def test_the_query_that_finds_a_thing_by_its_label_finds_it(snapshot_of_the_checkout: Built) -> None:
    (query,) = re.findall(r"```sparql\n(.*?)```", README, re.DOTALL)
    pool = Pool(snapshot_of_the_checkout.path, PoolSettings(workers=1, spares=0))
    try:
        found = pool.ask(query, media_type="text/csv").body.decode()
    finally:
        pool.close()
    assert "https://w3id.org/r2p-kg/id/panel-of-the-wise,Panel of the Wise" in found.splitlines()


def test_every_address_of_the_readme_is_one_of_the_service(snapshot_of_the_checkout: Built) -> None:
    client = create_app(
        Settings(), snapshot_of_the_checkout.snapshot, Silent(), library.load(ROOT / "queries")
    ).test_client()
    words = re.findall(r"`(/[^`\s]*)`|http://127\.0\.0\.1:8000(/[^\s>\")]*)", README)
    addresses = {first or second for first, second in words}
    assert len(addresses) > 10
    assert set() == {one for one in addresses if client.get(one).status_code == 404}


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
