"""Every example in a help text runs as written, and every command that a document names can be given."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from r2p_kg import library
from r2p_kg.command import main
from r2p_kg.curate import build, reasoning
from tests.curated import FOREIGN, HEAD, PREFIXES, SCHEMA
from tests.fuzzing import Talk, request
from tests.served import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.curate.build import Built

ROOT: Final = Path(__file__).parent.parent.parent
#: The files that the examples name.
FILES: Final = {
    "my.rq": "SELECT ?s ?o { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?o } LIMIT 3",
    "my.ttl": "<a:s> <http://www.w3.org/2000/01/rdf-schema#label> 'o' .",
    "more.nq": "<a:s> <a:p> <a:o> <a:g> .",
    "token": "a token that nobody guesses",
    "my-ontology/prefixes.ttl": PREFIXES,
    "my-ontology/schema/x.ttl": SCHEMA + FOREIGN.removeprefix(HEAD),
    "my-ontology/facts/x.ttl": HEAD + "id:a a r2p:Tool .\n",
}


def examples() -> list[str]:
    """Every line below "Examples:" in the help of every command."""
    found = []
    for name, command in main.commands.items():
        _, mark, after = (command.help or "").partition("Examples:\n")
        lines = [line.strip() for line in after.splitlines() if line.strip()]
        assert mark, name
        assert lines, name
        assert all(line.startswith(f"r2p {name}") for line in lines), name
        found += lines
    return found


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot_of_the_checkout: Built) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("R2P_STATE", str(snapshot_of_the_checkout.path.parent.parent))
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content, "utf-8")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "my.ttl").write_text(FILES["my.ttl"], "utf-8")
    with started("--data", str(folder / "my.ttl"), "--workers", "1", temporary=folder) as url:
        yield url


@pytest.mark.served
@pytest.mark.parametrize(
    "line", [line for line in examples() if not line.startswith(("r2p serve", "r2p build", "r2p check"))]
)
def test_an_example_of_a_question_gives_an_answer(line: str, service: str) -> None:
    command, _, target = line.replace("http://127.0.0.1:8000", service).partition(" > ")
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert (0, None) == (result.exit_code, result.exception), result.output
    assert len(result.stdout.splitlines()) > 0
    assert re.fullmatch(r"[\w-]*(\.\w+)?", target)


@pytest.mark.parametrize("line", [line for line in examples() if line.startswith(("r2p build", "r2p check"))])
def test_an_example_of_a_curator_finds_nothing_wrong(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The checkout's own files are checked by other tests, and take ten seconds each time.
    monkeypatch.setattr(build, "ontology_folder", lambda: Path("my-ontology"))
    monkeypatch.setenv("R2P_STATE", "my-state")
    sure = reasoning.Verdict(consistent=True, unsatisfiable=(), said="")
    monkeypatch.setattr(reasoning, "verdict", lambda *_: sure)
    result = CliRunner().invoke(main, shlex.split(line.partition(" > ")[0])[1:])
    assert (0, None) == (result.exit_code, result.exception), result.output
    assert len(result.stdout.splitlines()) > 0


def status(url: str) -> int:
    """The status of ``/readyz``."""
    talk = Talk(url)
    try:
        return talk.send(request("GET", "/readyz", [("Host", b"localhost")])).status
    finally:
        talk.close()


@pytest.mark.served
@pytest.mark.parametrize("line", [line for line in examples() if line.startswith("r2p serve")])
def test_an_example_of_the_service_serves(line: str, tmp_path: Path) -> None:
    arguments = shlex.split(re.sub(r" --port \d+", "", line))[2:]
    with started(*arguments, temporary=tmp_path) as url:
        assert 200 == status(url)


def documented() -> list[tuple[str, str]]:
    """(document, command with its words) of every ``r2p`` command in code of a document."""
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "ontology").glob("*.md")]
    found = []
    for document in documents:
        text = document.read_text("utf-8")
        for code in re.findall(r"^```.*?\n(.*?)^```|(`[^`\n]+`)", text, re.MULTILINE | re.DOTALL):
            commands = re.findall(r"(?:(?<![\w/-])|bin/)r2p ([a-z-][^`\n|>#]*)", "".join(code), re.MULTILINE)
            found += [(document.name, words.strip()) for words in commands]
    return found


def test_every_command_in_a_document_is_one_with_options_of_its_own() -> None:
    saved = library.load(library.queries_folder())
    lines = documented()
    assert len(lines) > 20
    for document, line in lines:
        name, *words = shlex.split(line)
        if name == "--help":
            continue
        assert name in main.commands, (document, line)
        known = {option for parameter in main.commands[name].params for option in parameter.opts}
        used = {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert used <= known, (document, line)
        if name == "ask" and words and words[0].islower():
            assert saved.get(words[0]) is not None, (document, line)
