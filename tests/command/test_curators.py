"""The curators' commands say what is wrong, where and what to do, and end with the right code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from r2p_kg.command import app, main
from r2p_kg.curate import reasoning

if TYPE_CHECKING:
    from click.testing import Result

PREFIXES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<https://w3id.org/r2p-kg/ns> sh:declare
    [ sh:prefix "id" ; sh:namespace "https://w3id.org/r2p-kg/id/"^^xsd:anyURI ] ,
    [ sh:prefix "owl" ; sh:namespace "http://www.w3.org/2002/07/owl#"^^xsd:anyURI ] ,
    [ sh:prefix "r2p" ; sh:namespace "https://w3id.org/r2p-kg/ns#"^^xsd:anyURI ] ,
    [ sh:prefix "sh" ; sh:namespace "http://www.w3.org/ns/shacl#"^^xsd:anyURI ] ,
    [ sh:prefix "xsd" ; sh:namespace "http://www.w3.org/2001/XMLSchema#"^^xsd:anyURI ] .
"""
HEAD = """@prefix id: <https://w3id.org/r2p-kg/id/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix r2p: <https://w3id.org/r2p-kg/ns#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
"""
SCHEMA = (
    HEAD
    + "r2p:Tool a owl:Class .\nr2p:size a owl:DatatypeProperty .\n"
    + "".join(f"sh:{name} a owl:AnnotationProperty .\n" for name in ("declare", "namespace", "prefix"))
)


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        reasoning, "verdict", lambda *_: reasoning.Verdict(consistent=True, unsatisfiable=(), said="")
    )


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    folder = tmp_path / "ontology"
    for name, text in {"prefixes": PREFIXES, "schema": SCHEMA, "facts": HEAD + "id:a a r2p:Tool .\n"}.items():
        path = folder / (f"{name}.ttl" if name == "prefixes" else f"{name}/x.ttl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(ontology: Path, command: str, *options: str) -> Result:
    return CliRunner().invoke(
        main, [command, "--ontology", str(ontology), "--state", str(ontology.parent / "state"), *options]
    )


def add(ontology: Path, text: str) -> None:
    with (ontology / "facts" / "x.ttl").open("a") as file:
        file.write(text)


def test_check_of_good_files_ends_with_0_and_builds_nothing(ontology: Path) -> None:
    result = run(ontology, "check")
    assert (0, "nothing to mend\n", "") == (result.exit_code, result.stdout, result.stderr)
    assert not (ontology.parent / "state" / "snapshots").exists()


def test_check_lists_path_line_message_and_repair_and_ends_with_1(ontology: Path) -> None:
    add(ontology, "id:b a r2p:Toll .\n")
    result = run(ontology, "check")
    finding, summary = result.stdout.splitlines()
    path = Path(os.path.relpath(ontology)) / "facts" / "x.ttl"
    repair = "mend the spelling (did you mean r2p:Tool?), or declare it in schema/ with label and definition"
    expected = f"{path}:6: error: r2p:Toll is declared in no schema file — {repair} [undeclared-term]"
    assert (1, expected, "1 error, 0 warnings, 0 notes") == (result.exit_code, finding, summary)


def test_a_syntax_error_says_that_the_other_checks_wait(ontology: Path) -> None:
    add(ontology, "id:b a r2p:Toll\n")
    assert ["the other checks wait until every file can be parsed", "1 error, 0 warnings, 0 notes"] == run(
        ontology, "check"
    ).stdout.splitlines()[1:]


def test_a_warning_is_listed_and_ends_with_0(ontology: Path) -> None:
    add(ontology, "id:a r2p:size 1.50 .\n")
    result = run(ontology, "check")
    assert 0 == result.exit_code
    assert "x.ttl:6: warning:" in result.stdout
    assert "0 errors, 1 warning, 0 notes (1 not listed: --all)" in run(ontology, "check", "--errors").stdout


def test_check_as_json_is_json_and_nothing_else(ontology: Path) -> None:
    add(ontology, "id:b a r2p:Toll .\n")
    result = run(ontology, "check", "--format", "json")
    answer = json.loads(result.stdout)
    assert (1, {"error": 1, "warning": 0, "info": 0}) == (result.exit_code, answer["counts"])
    expected = {"severity", "check", "focus", "path", "line", "message", "repair"}
    assert [expected] == [set(finding) for finding in answer["findings"]]
    assert ("facts/x.ttl", 6) == (answer["findings"][0]["path"], answer["findings"][0]["line"])


def test_build_prints_digest_and_file_and_does_nothing_the_second_time(ontology: Path) -> None:
    first, second = run(ontology, "build"), run(ontology, "build")
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert first.stdout.startswith("nothing to mend\nbuilt: ")
    assert second.stdout == first.stdout.replace("built: ", "unchanged: ")
    file = Path(first.stdout.splitlines()[-1].removeprefix("file   "))
    assert file.is_file()
    assert f"{file}\n" == run(ontology, "build", "--quiet").stdout


def test_build_of_bad_files_lists_them_and_ends_with_1_and_one_sentence(ontology: Path) -> None:
    run(ontology, "build")
    kept = list((ontology.parent / "state" / "snapshots").iterdir())
    add(ontology, "id:b a r2p:Toll\n")
    result = run(ontology, "build")
    assert (1, "r2p: 1 error in the curated files; nothing was built\n") == (result.exit_code, result.stderr)
    assert f"{Path(os.path.relpath(ontology)) / 'facts' / 'x.ttl'}:7: error: " in result.stdout
    assert kept == list((ontology.parent / "state" / "snapshots").iterdir())


def test_census_counts_and_knows_json(ontology: Path) -> None:
    assert "       21  triples asserted" in run(ontology, "census").stdout
    answer = json.loads(run(ontology, "census", "--format", "json").stdout)
    assert 21 == answer["counts"]["triples asserted"]
    assert (64, []) == (len(answer["digest"]), answer["documents"])


def test_help_does_not_wait_for_the_pipelines_libraries() -> None:
    heavy = "{'rdflib', 'pyshacl', 'owlready2', 'flask', 'rich'}"
    script = (
        "import sys; from r2p_kg.command import main\ntry: main(['--help'])\n"
        f"except SystemExit: print(sorted({heavy} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.endswith("[]\n")


def test_the_progress_bar_goes_to_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with app.progress(("one", "two")) as notice:
        notice("one", "1,000 triples")
    assert ("", "") == capsys.readouterr()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with app.progress(("one", "two")) as notice:
        notice("two", "1,000 triples")
    out, err = capsys.readouterr()
    assert "" == out
    assert "1,000 triples" in err
