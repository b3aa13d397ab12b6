"""Every option that can be wrong is answered by one sentence that names it, before anything else is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest
from click.testing import CliRunner

from r2p_kg.command import main, serve
from r2p_kg.limits import declared

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Made in the working directory of each test.
FILES: Final = {
    "file.ttl": b"",
    "data.docx": b"",
    "empty": b" \n",
    "latin": "caf\u00e9".encode("latin-1"),
    "folder/x": b"",
}
#: Option → values that are wrong, each in its own way.
WRONG: Final = {
    "--host": ("192.0.2.1", "192.0.2.1.5.6", " "),
    "--port": ("0", "65536", "x"),
    "--workers": ("0", "x"),
    "--query-workers": ("0", "257"),
    "--ontology": ("nowhere", "file.ttl", "folder"),
    "--state": ("file.ttl", "/proc/nowhere"),
    "--queries": ("nowhere", "file.ttl"),
    "--data": ("nowhere.ttl", "folder", "data.docx"),
    "--proxy": ("x", "10.0.0.0/8", "localhost"),
    "--write-token-file": ("nowhere", "folder", "empty", "latin"),
    "--operator-token-file": ("nowhere", "folder", "empty", "latin"),
    "--public-url": (
        "x.example",
        "ftp://x.example",
        "https://",
        "https://x.example/?a=b",
        "https://x.example/#a",
        "https://x.example:x/",
        "https://x y/",
        "https://me:secret@x.example/",
        "https://[x/",
        "",
    ),
    "--format": ("hologram", ""),
    "--endpoint": ("x.example", "file:///etc/passwd", "http://", "http://x y/sparql"),
}
#: Their values are texts whose mistakes have a place of their own, or they are questions of yes and no.
FREE: Final = {"-e", "--help", "--version"}


def numbers() -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each limit that is an option: too little, too much, no number, not a finite one."""
    for _, default, bound in declared():
        if bound.option:
            least, most = bound.minimum / bound.scale, bound.maximum / bound.scale
            yield (
                bound.option,
                (str(int(least) - 1), str(int(most) + 1), "x", "nan", "inf")
                + (("1.5",) if isinstance(default, int) else ()),
            )


EVERY: Final = {**WRONG, **dict(numbers())}


def options() -> list[tuple[str, str]]:
    """Each command with each of its options that takes a value."""
    return [
        (name, parameter.opts[0])
        for name, command in main.commands.items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.is_flag
    ]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # A mistake that is not seen would build, serve, and take over this process.
    monkeypatch.setenv("R2P_BUILT", "1")
    monkeypatch.setattr(serve, "run", lambda *_, **__: None)
    monkeypatch.setenv("R2P_STATE", str(tmp_path / "state"))
    for name, content in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)


#: A check is as good without a place for Pellet's verdicts.
RIGHT: Final = {("check", "--state", "/proc/nowhere")}
CASES: Final = [
    (command, option, value)
    for command, option in options()
    if option not in FREE
    for value in EVERY.get(option, ())
    if (command, option, value) not in RIGHT
]
ARGUMENTS: Final = {
    "ask": ("tools-in-a-situation",),
    "explain": ("id:a", "a", "id:b"),
    "export": ("graph.ttl",),
    "query": ("-e", "ASK {}"),
}


@pytest.mark.parametrize(("command", "option", "value"), CASES)
def test_a_wrong_value_is_one_sentence_that_names_the_option(command: str, option: str, value: str) -> None:
    result = CliRunner().invoke(main, [command, *ARGUMENTS.get(command, ()), option, value])
    assert (2, "") == (result.exit_code, result.stdout)
    assert isinstance(result.exception, SystemExit)
    assert option in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_every_option_that_takes_a_value_has_wrong_ones_here() -> None:
    known = {option for _, option in options()} - FREE
    assert known == set(EVERY)
    assert len(CASES) > 150


def test_an_unknown_option_or_command_is_one_sentence() -> None:
    for arguments in (["check", "--nonsense"], ["serv"], ["query", "a", "b"], ["explain", "id:a"]):
        result = CliRunner().invoke(main, arguments)
        assert (2, "") == (result.exit_code, result.stdout), arguments
        assert ["r2p: "] == [line[:5] for line in result.stderr.splitlines()], arguments
