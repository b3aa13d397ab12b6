"""Whatever files, folders and terminals are called, a curator gets a snapshot, a finding or one sentence."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from r2p_kg import library
from r2p_kg.command import main
from r2p_kg.curate import build, reasoning
from r2p_kg.engine import pool
from r2p_kg.graph import explain
from r2p_kg.web import Settings, create_app
from tests import in_process
from tests.curated import FOREIGN, HEAD, PREFIXES, SCHEMA

if TYPE_CHECKING:
    from click.testing import Result

NAMES = ["Copy of x.ttl", 'a"<b>.ttl', "Ruanda é.ttl", "x.TTL", "100%.ttl", "a#b?.ttl"]


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = reasoning.Verdict(consistent=True, unsatisfiable=(), said="")
    monkeypatch.setattr(reasoning, "verdict", lambda *_: agreed)


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    texts = {"prefixes.ttl": PREFIXES, "schema/tools.ttl": SCHEMA, "schema/foreign.ttl": FOREIGN}
    for name, text in texts.items():
        path = tmp_path / "ontology" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "ontology" / "facts").mkdir()
    return tmp_path / "ontology"


def fact(name: str) -> str:
    return HEAD + f'id:{name} a r2p:Tool ; rdfs:label "{name}"@en .\n'


def run(ontology: Path, command: str, *options: str) -> Result:
    state = str(ontology.parent / "state")
    return CliRunner().invoke(main, [command, "--ontology", str(ontology), "--state", state, *options])


def started(ontology: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``r2p check`` as a process of its own."""
    script = "from r2p_kg.command import main; main()"
    whole = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment}
    command = [sys.executable, "-c", script, "check", "--ontology", str(ontology), *options]
    return subprocess.run(command, capture_output=True, text=True, env=whole, check=False, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_an_odd_name_is_built_and_explained_by_its_name(ontology: Path, name: str) -> None:
    (ontology / "facts" / name).write_text(fact("a"))
    first, second = run(ontology, "build"), run(ontology, "build")
    assert (0, 0) == (first.exit_code, second.exit_code), first.output
    assert "unchanged: " in second.output
    whole = build.last_good(ontology, ontology.parent / "state")
    assert whole is not None
    names = explain.Explainer(whole)
    found = names.explain(
        (explain.term("id:a", names.prefixes), explain.term("a", {}), f"<{build.vocab.NS}Tool>")
    )
    assert found is not None
    assert [f"facts/{name}"] == [place.path for place in found.places]


def test_each_graph_of_an_odd_name_has_its_page(ontology: Path) -> None:
    for number, name in enumerate(NAMES):
        (ontology / "facts" / name).write_text(fact(f"a{number}"))
    built = build.current(ontology, ontology.parent / "state")
    engine = pool.Pool(built.path, pool.PoolSettings(workers=1, spares=0))
    try:
        client = in_process.client(create_app(Settings(), built.snapshot, engine, library.Library(())))
        links = set()
        for number in range(len(NAMES)):
            page = client.get(f"/id/a{number}", headers={"Accept": "text/html"}).get_data(as_text=True)
            links |= set(re.findall(r'href="(/graph/facts/[^"]*)"', page))
        assert len(NAMES) == len(links)
        assert {200} == {client.get(html.unescape(link)).status_code for link in links}
    finally:
        engine.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_in_a_file_of_an_odd_name_is_a_finding_with_that_name(ontology: Path, name: str) -> None:
    (ontology / "facts" / name).write_text(fact("a") + "id:b a r2p:Toll .\n")
    checked = run(ontology, "check")
    assert 1 == checked.exit_code
    assert f"{name}:7: error: r2p:Toll is declared in no schema file" in checked.output


@pytest.mark.parametrize("name", [b"caf\xe9.ttl", b"a\x07.ttl", b"facts.ttl.txt", b"y.turtle"])
@pytest.mark.parametrize("command", ["build", "check"])
def test_a_file_that_cannot_be_taken_is_named_in_one_sentence(
    ontology: Path, name: bytes, command: str
) -> None:
    Path(os.fsdecode(os.fsencode(ontology / "facts") + b"/" + name)).write_text(fact("a"))
    result = run(ontology, command)
    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(f"r2p: {ontology}/facts/")
    assert 1 == len(result.stderr.splitlines())
    assert "rename it" in result.stderr


def test_what_is_no_file_is_named_in_one_sentence(ontology: Path) -> None:
    (ontology / "facts" / "x.ttl").symlink_to("nowhere")
    result = run(ontology, "check")
    assert (
        f"r2p: {ontology}/facts/x.ttl: is not a file, or a link that leads to none; take it away\n"
        == result.stderr
    )


def test_a_terminal_in_ascii_shows_escapes_and_programs_get_json(ontology: Path) -> None:
    (ontology / "facts" / "é.ttl").write_text(fact("a") + "id:b a r2p:Toll .\n", encoding="utf-8")
    for environment in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        shown = started(ontology, **environment)
        assert (1, "") == (shown.returncode, shown.stderr)
        assert "r2p:Toll is declared in no schema file" in shown.stdout
        answer = json.loads(started(ontology, "--format", "json", **environment).stdout)
        assert ["facts/é.ttl"] == [finding["path"] for finding in answer["findings"]]


def test_a_folder_whose_own_name_is_not_utf8_can_be_checked(ontology: Path) -> None:
    odd = ontology.rename(os.fsdecode(os.fsencode(ontology.parent) + b"/caf\xe9"))
    (odd / "facts" / "x.ttl").write_text(fact("a") + "id:b a r2p:Toll .\n")
    shown = started(odd)
    assert (1, "") == (shown.returncode, shown.stderr)
    assert "facts/x.ttl:7: error: r2p:Toll is declared in no schema file" in shown.stdout
    assert 1 == run(odd, "build").exit_code
    (odd / "facts" / "x.ttl").write_text(fact("a"))
    assert 0 == run(odd, "build").exit_code
