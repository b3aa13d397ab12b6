"""Where ``r2p serve`` listens and keeps its files: every option and variable that names a place."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import ProxyHandler, build_opener

import pytest

from r2p_kg.command import serve
from r2p_kg.engine import frames
from r2p_kg.errors import UsageError
from tests import served

if TYPE_CHECKING:
    from collections.abc import Callable

OPENER: Final = build_opener(ProxyHandler({}))

#: Each variable that a start reads, with a value that cannot be used, and the sentence that names it.
VARIABLES: Final = {
    "TMPDIR": ("missing", "r2p: TMPDIR: files cannot be made in missing (No such file or directory)"),
    "R2P_STATE": ("file.nt", "r2p: file.nt: cannot be used to keep snapshots"),
    "R2P_WRITE_TOKEN": (
        "secret",
        "r2p: a token for writing (--write-token-file or R2P_WRITE_TOKEN) needs --data",
    ),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a file of data in it, and a folder for temporary files."""
    monkeypatch.chdir(tmp_path)
    Path("file.nt").write_text("<http://e.x/a> <http://e.x/p> <http://e.x/b> .\n", "utf-8")
    Path("t").mkdir()
    return tmp_path


def ended(*arguments: str, **environment: str) -> str:
    """What a start that cannot be says, which is one line; the exit code is 2."""
    command = [sys.executable, str(served.SERVER), "--port", str(served.free_port()), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )
    assert (2, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    return done.stderr


@pytest.mark.served
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_that_cannot_be_used_is_named_in_one_sentence(variable: str) -> None:
    value, said = VARIABLES[variable]
    assert ended(**{variable: value}).startswith(said)


@pytest.mark.served
def test_variables_that_say_nothing_to_us_do_no_harm(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PROMETHEUS_MULTIPROC_DIR": "nowhere", "R2P_BUILT": "1", "R2P_STATE": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("R2P_OPERATOR_TOKEN", "secret")
    with served.started("--data", "file.nt", "--workers", "1", temporary=here / "t") as url:
        assert b"r2p_pool_workers" in OPENER.open(f"{url}/metrics").read()
    assert not (here / "nowhere").exists()


def test_unix_sockets_live_in_folders_of_any_length(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / ("x" * 150) / ("y" * 150)):
        folder.mkdir(parents=True, exist_ok=True)
        with frames.reachable(folder / "socket") as path, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            with frames.reachable(folder / "socket") as again, socket.socket(socket.AF_UNIX) as line:
                line.connect(again)
        assert (folder / "socket").is_socket()


@pytest.mark.served
@pytest.mark.parametrize("host", ["localhost", "::1", "0.0.0.0", "::"])  # noqa: S104
def test_it_listens_where_it_is_told(here: Path, host: str) -> None:
    port = served.free_port()
    command = [sys.executable, str(served.SERVER), "--port", str(port), "--host", host, "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--data", "file.nt"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(here / "t")},
    )
    try:
        assert process.stdout is not None
        said = {"::1": "[::1]", "::": "[::]"}.get(host, host)
        assert f"ready at http://{said}:{port}/\n" == process.stdout.readline()
    finally:
        process.terminate()
        assert 0 == process.wait(30)
        process.stdout.close()


def resolver(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    """What the system says that a name stands for."""

    def found(_host: str, port: int, **_more: object) -> list[tuple[object, ...]]:
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                0,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]

    return found


def test_of_the_addresses_of_a_name_the_first_that_can_be_listened_at_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = served.free_port()
    monkeypatch.setattr(socket, "getaddrinfo", resolver("::1", "192.0.2.1", "127.0.0.1"))
    assert "127.0.0.1" == serve.check_port("name", port)
    monkeypatch.setattr(socket, "getaddrinfo", resolver("192.0.2.1"))
    with pytest.raises(UsageError, match=r"^cannot listen at name port .*choose another with --host"):
        serve.check_port("name", port)


@pytest.mark.parametrize("host", ["", " ", "nowhere.invalid", "a" * 70, "192.0.2.1.5.6", "a\0b"])
def test_a_host_that_is_no_name_is_told_with_its_option(host: str) -> None:
    with pytest.raises(UsageError, match=r"^cannot listen at .*--host"):
        serve.check_port(host, 8000)


def test_an_address_with_a_zone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = (socket.AF_INET6, 1, 0, "", ("::1%lo", 0, 0, 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [zone])
    with pytest.raises(UsageError, match=r"^cannot listen at fe80::1%lo port 0: an address with a zone"):
        serve.check_port("fe80::1%lo", 0)
