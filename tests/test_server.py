"""The whole service: it starts, answers, stops and leaves nothing behind.

What is wrong at the start is one sentence.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from r2p_kg.command import reload, serve
from r2p_kg.curate import build
from r2p_kg.curate.findings import Finding, FindingsError
from r2p_kg.errors import UsageError
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).parent.parent / "server.py"
ONE = "<http://example.org/a> <http://example.org/p> <http://example.org/b> .\n"
DATA = ONE + "".join(
    f'<http://example.org/n{number}> <http://example.org/q> "{number}" .\n' for number in range(300)
)
OTHER = "SELECT ?o WHERE { ?other <http://example.org/p> ?o }"
QUERY = "SELECT ?o WHERE { ?s <http://example.org/p> ?o }"
OPENER = build_opener(ProxyHandler({}))

pytestmark = pytest.mark.served


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> set[int]:
    """The processes that one started itself."""
    return processes().get(pid, set())


def processes() -> dict[int, set[int]]:
    """Parent → children, by the kernel's list."""
    parents: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8")
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), set()).add(int(entry.name))
    return parents


def descendants(pid: int) -> set[int]:
    """Every process below one."""
    parents = processes()
    found: set[int] = set()
    todo = [pid]
    while todo:
        below = parents.get(todo.pop(), set())
        found |= below
        todo += below
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; what is dead and not yet collected does not count."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found


def fronts(pid: int, broker: int, seconds: float = 60) -> set[int]:
    """The two front processes, as soon as both are there; the service is ready as soon as one of them is."""
    deadline = time.monotonic() + seconds
    while len(found := alive(children(pid)) - {broker}) != 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 2 == len(found)
    return found


def gone(pids: set[int], seconds: float = 10) -> bool:
    """True as soon as none of them runs."""
    deadline = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pids)


@contextmanager
def started(*arguments: str, temporary: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The service on a free port, ready, and its address; killed at the end if it has not stopped by then."""
    port = free_port()
    command = [sys.executable, str(SERVER), "--port", str(port), "--workers", "2", *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    below: set[int] = set()
    try:
        line = process.stdout.readline()
        assert f"ready at http://127.0.0.1:{port}/\n" == line, process.stderr.read()
        below = descendants(process.pid)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        for pid in alive({process.pid} | below):
            with suppress(ProcessLookupError):  # it may end between the two lines
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


def get(url: str, **query: str) -> Any:
    """The JSON that an address gives, whatever its status."""
    try:
        with OPENER.open(Request(f"{url}?{urlencode(query)}" if query else url), timeout=20) as reply:  # noqa: S310 - loopback
            return json.loads(reply.read())
    except HTTPError as error:
        with error:
            return json.loads(error.read())


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "data.nt"
    path.write_text(DATA, "utf-8")
    return str(path)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A folder for everything temporary; short, because a Unix socket's path is."""
    folder = tmp_path / "t"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_over_http_and_a_stop_signal_leaves_no_process_and_no_file(
    data: str, temporary: Path, stop: signal.Signals
) -> None:
    with started("--data", data, temporary=temporary) as (process, url):
        rows = get(f"{url}/sparql", query=QUERY)["results"]["bindings"]
        assert [{"o": {"type": "uri", "value": "http://example.org/b"}}] == rows
        assert not get(f"{url}/status")["checked"]
        below = descendants(process.pid)
        assert len(below) >= 4
        process.send_signal(stop)
        assert 0 == process.wait(15)
        assert gone(below)
    assert [] == [path for path in temporary.iterdir() if path.name.startswith("r2p-")]


def test_where_it_is_killed_everything_below_it_ends_too(data: str, temporary: Path) -> None:
    with started("--data", data, temporary=temporary) as (process, _):
        below = descendants(process.pid)
        process.kill()
        process.wait(10)
        assert gone(below)


def test_a_runaway_query_is_stopped_at_its_deadline_and_the_next_is_answered(
    data: str, temporary: Path
) -> None:
    product = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n1 ?o }"
    with started("--data", data, "--timeout", "1", temporary=temporary) as (process, url):
        before = descendants(process.pid)
        began = time.monotonic()
        problem = get(f"{url}/sparql", query=product)
        elapsed = time.monotonic() - began
        assert (503, "https://w3id.org/r2p-kg/problem/timeout") == (problem["status"], problem["type"])
        # An error within a second of the deadline: the promise, and no measure of this machine.
        assert 1 <= elapsed < 2
        assert 1 == len(get(f"{url}/sparql", query=QUERY)["results"]["bindings"])
        assert 1 == len(before - alive(before))


def test_a_front_process_that_dies_is_replaced(data: str, temporary: Path) -> None:
    with started("--data", data, temporary=temporary) as (process, url):
        broker = get(f"{url}/status")["engine"]["broker"]
        victim = min(fronts(process.pid, broker))
        os.kill(victim, signal.SIGKILL)
        assert gone({victim})
        assert victim not in fronts(process.pid, broker)
        for _ in range(20):
            assert 1 == len(get(f"{url}/sparql", query=QUERY)["results"]["bindings"])


def test_a_broker_that_is_killed_is_replaced(data: str, temporary: Path) -> None:
    with started("--data", data, temporary=temporary) as (_, url):
        assert 1 == len(get(f"{url}/sparql", query=QUERY)["results"]["bindings"])
        first = get(f"{url}/status")["engine"]["broker"]
        below = descendants(first) | {first}
        os.kill(first, signal.SIGKILL)
        assert gone(below)
        # Until the new one is ready a query waits or is told to come back; none is lost without a word.
        deadline = time.monotonic() + 20
        answer = get(f"{url}/sparql", query=OTHER)
        while "results" not in answer and time.monotonic() < deadline:
            assert answer["type"].endswith("/busy")
            time.sleep(0.1)
            answer = get(f"{url}/sparql", query=OTHER)
        assert 1 == len(answer["results"]["bindings"])
        assert get(f"{url}/status")["engine"]["broker"] not in below


def refused(*arguments: str, **environment: str) -> str:
    """What ``r2p serve`` says when it does not start; it must be exit code 2 and no traceback."""
    found = subprocess.run(
        [sys.executable, str(SERVER), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert 2 == found.returncode, found.stderr
    assert "Traceback" not in found.stderr
    return found.stderr


def test_a_hangup_while_it_starts_is_remembered_and_no_end(data: str, temporary: Path) -> None:
    port = free_port()
    command = [sys.executable, str(SERVER), "--port", str(port), "--workers", "1", "--data", data]
    with (temporary / "errors.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        assert process.stdout is not None
        try:
            # As soon as the command has begun; what Python does before is not ours.
            deadline = time.monotonic() + 60
            while not list(temporary.glob("r2p-*")) and time.monotonic() < deadline:
                time.sleep(0.01)
            stop = threading.Event()
            signals = threading.Thread(target=hang_up, args=(process.pid, stop))
            signals.start()
            line = process.stdout.readline()
            stop.set()
            signals.join()
            assert f"ready at http://127.0.0.1:{port}/\n" == line
            assert 1 == len(get(f"http://127.0.0.1:{port}/sparql", query=QUERY)["results"]["bindings"])
            process.terminate()
            assert 0 == process.wait(20)
        finally:
            process.kill()
            process.wait(10)
            process.stdout.close()
        errors.seek(0)
        assert "are not read again" in errors.read()
    assert [] == list(temporary.glob("r2p-*"))


def hang_up(pid: int, stop: threading.Event) -> None:
    """SIGHUP, again and again."""
    while not stop.wait(0.05):
        os.kill(pid, signal.SIGHUP)


def test_a_stop_signal_while_the_data_are_read_leaves_no_file(tmp_path: Path, temporary: Path) -> None:
    large = tmp_path / "large.nt"
    large.write_text("".join(f'<a:s{n}> <a:p> "{n}" .\n' for n in range(300_000)), "utf-8")
    command = [sys.executable, str(SERVER), "--port", str(free_port()), "--data", str(large)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        deadline = time.monotonic() + 60
        while not list(temporary.glob("r2p-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.terminate()
        assert 0 == process.wait(20)
    assert [] == list(temporary.glob("r2p-*"))


def test_it_listens_at_a_name(data: str, temporary: Path) -> None:
    port = free_port()
    command = [sys.executable, str(SERVER), "--host", "localhost", "--port", str(port), "--data", data]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        assert f"ready at http://localhost:{port}/\n" == process.stdout.readline()
        assert 1 == len(get(f"http://localhost:{port}/sparql", query=QUERY)["results"]["bindings"])
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.mark.parametrize("host", ["no.such.name.invalid", "a..b", "300.1.1.1", "x" * 300])
def test_a_host_that_is_none_is_one_sentence(host: str) -> None:
    with pytest.raises(UsageError, match=r"cannot listen at .*; choose another with --host or --port"):
        serve.check_port(host, 8000)


def test_a_long_folder_for_temporary_files_is_used_and_a_wrong_one_named(data: str, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    with started("--data", data, temporary=long) as (_, url):
        assert 1 == len(get(f"{url}/sparql", query=QUERY)["results"]["bindings"])
    for wrong in (tmp_path / "none", Path(data)):
        said = refused("--port", str(free_port()), "--data", data, TMPDIR=str(wrong))
        assert said.startswith(f"r2p: TMPDIR: files cannot be made in {wrong} (")


def test_a_port_in_use_is_one_sentence_also_where_it_is_shared(data: str) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        said = refused("--port", port, "--data", data)
        assert (
            f"r2p: cannot listen at 127.0.0.1 port {port}: Address already in use; choose another with --host or --port\n"
            == said
        )


def test_data_that_cannot_be_read_are_named_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "bad.ttl").write_text("<a:b> <a:b> <a:b> .\n<a:b> <a:b> .\n", "utf-8")
    assert re.search(
        r"bad\.ttl:2:\d+: ", refused("--port", str(free_port()), "--data", str(tmp_path / "bad.ttl"))
    )
    assert "none.ttl" in refused("--port", str(free_port()), "--data", str(tmp_path / "none.ttl"))


def test_a_missing_ontology_folder_is_one_sentence(tmp_path: Path) -> None:
    said = refused(
        "--port", str(free_port()), "--ontology", str(tmp_path / "none"), "--state", str(tmp_path / "state")
    )
    assert 1 == said.count("\n")
    assert "--ontology" in said


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot listen at 203\.0\.113\.1 port 80"):
        serve.check_port("203.0.113.1", 80)


def test_a_bad_edit_leaves_the_last_good_snapshot_serving_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding("error", "syntax", "", "facts/x.ttl", 7, "a dot is missing", "write one")

    def failing(*_: object) -> None:
        raise FindingsError([finding])

    good = snapshot.write(snapshot.Snapshot.of(b"", {}, {}), tmp_path)
    monkeypatch.setattr(build, "current", failing)
    monkeypatch.setattr(build, "last_good_path", lambda *_: good)
    path, notices = reload.build(reload.Folders(tmp_path, tmp_path, tmp_path))
    assert good == path
    assert "the last good snapshot is served" in notices[0]
    assert "facts/x.ttl:7" in notices[1]
    good.write_bytes(b"damaged")
    with pytest.raises(FindingsError):
        reload.build(reload.Folders(tmp_path, tmp_path, tmp_path))
    monkeypatch.setattr(build, "last_good_path", lambda *_: None)
    with pytest.raises(FindingsError):
        reload.build(reload.Folders(tmp_path, tmp_path, tmp_path))
