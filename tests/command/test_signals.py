"""Signals to ``r2p serve`` at any moment of its start: SIGHUP is remembered, a stop signal leaves nothing behind."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import ProxyHandler, build_opener

import pytest

from r2p_kg.command import serve, signals
from r2p_kg.curate import build
from r2p_kg.curate.reasoning import consistency
from r2p_kg.errors import UsageError
from tests import served
from tests.curated import FOREIGN, HEAD, PREFIXES, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

OPENER: Final = build_opener(ProxyHandler({}))


class Start:
    """A service over a small ontology that is starting."""

    def __init__(self, folder: Path) -> None:
        self.port = served.free_port()
        self.temporary = folder / "t"
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        self._errors = folder / "errors.txt"
        places = (f"--{name}={folder / name}" for name in ("ontology", "state", "queries"))
        numbers = ("--port", str(self.port), "--workers", "1", "--query-workers", "1")
        with self._errors.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(served.SERVER), *numbers, *places],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(self.temporary)},
            )

    @property
    def said(self) -> str:
        """What it has written to standard error."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def begun(self) -> bool:
        """True as soon as the command itself runs: it has a handler for SIGTERM (proc_pid_status(5))."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> signal.SIGTERM - 1 & 1)

    @property
    def ready(self) -> bool:
        """True as soon as it answers."""
        try:
            with OPENER.open(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                return True
        except OSError:
            return False

    def until(self, what: str, *, meanwhile: signal.Signals | None = None) -> None:
        """Wait until this property is true; ``meanwhile``, send a signal again and again."""
        deadline = time.monotonic() + 60
        while not getattr(self, what):
            assert self.process.poll() is None, (self.process.returncode, self.said)
            assert time.monotonic() < deadline, self.said
            if meanwhile is not None:
                self.process.send_signal(meanwhile)
            time.sleep(0.02)

    @property
    def reloaded(self) -> bool:
        """True as soon as it has reloaded."""
        return "reloaded: " in self.said

    def stop(self, number: signal.Signals) -> int:
        """The exit code after a stop signal."""
        self.process.send_signal(number)
        return self.process.wait(30)

    @property
    def left(self) -> list[str]:
        """The processes of its session and the temporary files that are still there."""
        deadline = time.monotonic() + 10
        while (processes := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return processes + [str(path) for path in self.temporary.rglob("*")]

    def _processes(self) -> list[str]:
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = entry.read_text("utf-8").rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                found.append(entry.parent.name)
        return found


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    made = Start(folder)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait(10)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ontology that is built; Pellet, which takes seconds, has judged it."""
    folder = tmp_path_factory.mktemp("w")
    facts = HEAD + 'id:b a r2p:Tool ; rdfs:label "b"@en .\n'
    texts = {"prefixes": PREFIXES, "schema/tools": SCHEMA, "schema/foreign": FOREIGN, "facts/b": facts}
    for name, text in texts.items():
        path = folder / "ontology" / f"{name}.ttl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "queries").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            consistency,
            "_ask",
            lambda *_: consistency.Verdict(consistent=True, unsatisfiable=(), said=""),
        )
        build.current(folder / "ontology", folder / "state")
    return folder


def forget(world: Path) -> None:
    """The snapshot is to be built anew."""
    for name in ("snapshots", "ontologies"):
        shutil.rmtree(world / "state" / name, ignore_errors=True)


@pytest.mark.served
@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_sighup_at_every_moment_of_a_start_is_remembered_and_stops_nothing(
    world: Path, *, cold: bool
) -> None:
    if cold:
        forget(world)
    with starting(world) as start:
        start.until("begun")
        start.until("ready", meanwhile=signal.SIGHUP)
        start.until("reloaded")
        assert start.ready
        assert 0 == start.stop(signal.SIGTERM)
        assert [] == start.left
        assert "Traceback" not in start.said


@pytest.mark.served
def test_one_sighup_while_it_starts_is_one_reload_once_it_serves(world: Path) -> None:
    with starting(world) as start:
        start.until("begun")
        start.process.send_signal(signal.SIGHUP)
        start.until("reloaded")
        start.until("ready")
        assert 1 == start.said.count("reloaded: ")
        assert 0 == start.stop(signal.SIGTERM)


@pytest.mark.served
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_a_stop_signal_at_any_moment_of_a_start_leaves_nothing(
    world: Path, number: signal.Signals, *, cold: bool
) -> None:
    for moment in (0.0, 0.15, 0.3, 0.5, 0.8, 1.2, 1.6):
        if cold:
            forget(world)
        with starting(world) as start:
            start.until("begun")
            time.sleep(moment)
            assert 0 == start.stop(number), (moment, start.said)
            assert [] == start.left, moment
            assert "" == start.said, moment
    assert [] == [path.name for path in (world / "state").rglob(".partial-*")]


@pytest.mark.served
def test_the_whole_group_may_hear_of_sighup_and_the_service_goes_on(world: Path) -> None:
    with starting(world) as start:
        start.until("ready")
        os.killpg(start.process.pid, signal.SIGHUP)
        start.until("reloaded")
        assert start.ready
        assert 0 == start.stop(signal.SIGTERM)
        assert [] == start.left


def test_signals_end_an_attended_context_once_and_with_it_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    started: list[subprocess.Popen[bytes]] = []

    def stopped_twice() -> None:
        with signals.attended() as heard:
            started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
            signal.raise_signal(signal.SIGHUP)
            assert not heard.reloads.empty()
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        stopped_twice()
    assert 0 == ended.value.code
    assert -signal.SIGKILL == started[0].wait(10)
    assert [] == list(tmp_path.iterdir())
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP))
    assert str(tmp_path) == os.environ["TMPDIR"]


def test_a_second_stop_signal_does_not_interrupt_the_first() -> None:
    tidied = False
    with signals.attended(), suppress(SystemExit):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            tidied = True
    assert tidied


def test_a_program_that_takes_the_place_hears_of_a_reload_that_is_still_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pending: list[bool] = []

    def execve(*_: object) -> None:
        pending.append(signal.SIGHUP in signal.sigpending())
        signal.sigtimedwait({signal.SIGHUP}, 0)  # else it would end this process later
        raise BlockingIOError

    monkeypatch.setattr(os, "execve", execve)
    resting = threading.Event()
    threading.Thread(target=resting.wait, daemon=True).start()  # it blocks no signal, and could take one
    with signals.attended() as heard:
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(BlockingIOError):
            heard.begin_anew([sys.executable], {})
    resting.set()
    assert [True] == pending


def test_the_signals_of_a_front_process_that_loads_are_its_parents_but_for_sigterm() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [(number, signal.getsignal(number)) for number in numbers]
    try:
        serve._until_granian_listens()
        assert [signal.SIG_DFL, signal.SIG_IGN, signal.SIG_IGN] == [signal.getsignal(one) for one in numbers]
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def test_a_stop_signal_that_somebody_swallows_still_ends_it() -> None:
    with signals.attended() as heard:
        heard.check()
        with suppress(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(SystemExit):
            heard.check()


@pytest.mark.parametrize("folder", ["missing", "file", "/proc"])
def test_a_temporary_folder_that_cannot_be_used_is_named(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    monkeypatch.setenv("TMPDIR", folder)
    with pytest.raises(UsageError, match=f"^TMPDIR: files cannot be made in {folder} "), signals.attended():
        pass


def test_a_full_temporary_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UsageError, match="No space left on device"), signals.attended():
        pass
    assert [] == list(tmp_path.iterdir())
