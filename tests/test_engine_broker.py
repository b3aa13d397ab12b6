"""The broker: one pool for many front processes, which nothing that a client sends can stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from r2p_kg.engine import Budget, Dataset, wire
from r2p_kg.engine.broker import Broker, Client, start_broker
from r2p_kg.engine.pool import PoolSettings
from r2p_kg.errors import (
    AnswerTooLargeError,
    BusyError,
    NotAcceptableError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    SnapshotError,
)
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/sparql-results+json"
SMALL = "SELECT ?o { <a:a> <a:p> ?o }"
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?p ?x . ?b ?q ?y . ?c ?r ?z FILTER(STRLEN(STR(?x)) + STRLEN(STR(?y)) + STRLEN(STR(?z)) < 0) }"
QUADS = b'<a:a> <a:p> "one" <a:g> .\n' + b"".join(b'<a:s%d> <a:value> "%d" <a:g> .\n' % (number, number) for number in range(2000))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot.write(snapshot.Snapshot.of(QUADS, {"ex": "http://example.org/"}, {}), tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def broker(path: Path) -> Iterator[Broker]:
    with start_broker(path, PoolSettings(workers=2, spares=1, queue=8)) as running:
        yield running


@pytest.fixture
def client(broker: Broker) -> Iterator[Client]:
    made = broker.client()
    yield made
    made.close()


def soon(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """True as soon as the condition holds, False where it does not within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += family(int(child))
    return found


def test_a_front_process_gets_its_answer_through_the_broker(client: Client) -> None:
    answer = client.ask(SMALL, media_type=JSON)
    assert [{"o": {"type": "literal", "value": "one"}}] == json.loads(answer.body)["results"]["bindings"]
    assert ("select", JSON, 1) == (answer.kind, answer.media_type, answer.rows)
    assert 0 < answer.elapsed < 1


def test_errors_cross_the_socket_whole(client: Client) -> None:
    with pytest.raises(QuerySyntaxError) as syntax:
        client.ask("SELECT * {\n ?s ex:p ?o }", media_type=JSON)
    assert (2, 5, "Add the line PREFIX ex: <http://example.org/> at the top.") == (syntax.value.line, syntax.value.column, syntax.value.hint)
    with pytest.raises(QueryRefusedError) as refused:
        client.ask("SELECT * { SERVICE <http://x/> {} }", media_type=JSON)
    assert (1, 12) == (refused.value.line, refused.value.column)
    with pytest.raises(QueryRefusedError) as long:
        client.ask("SELECT * {} #" + "x" * 70_000, media_type=JSON)
    assert 413 == long.value.status
    with pytest.raises(QueryRefusedError):
        client.ask(SMALL, media_type=JSON, dataset=Dataset(named=("http://elsewhere/",)))
    with pytest.raises(NotAcceptableError):
        client.ask(SMALL, media_type="text/turtle")
    with pytest.raises(AnswerTooLargeError):
        client.ask("SELECT * { ?s ?p ?o }", media_type=JSON, budget=Budget(rows=10))
    with pytest.raises(QueryTimeoutError):
        client.ask(ENDLESS, media_type=JSON, budget=Budget(seconds=0.3))


def test_many_threads_share_a_client(client: Client) -> None:
    wrong: list[object] = []

    def work() -> None:
        for number in range(40):
            body = client.ask(f"SELECT ?s {{ ?s <a:value> '{number}' }}", media_type=JSON).body
            value = json.loads(body)["results"]["bindings"][0]["s"]["value"]
            if value != f"a:s{number}":
                wrong.append((number, value))
        client.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [] == wrong


GARBAGE = [
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\xff" * 4096,
    struct.pack("!IQ", 5, 0) + b"nojsn",
    struct.pack("!IQ", 2, 0) + b"[]",
    struct.pack("!IQ", 2, 0) + b"{}",
    struct.pack("!IQ", 12, 0) + b'{"do":"fly"}',
    struct.pack("!IQ", 12, 0) + b'{"do":"ask"}',
    struct.pack("!IQ", 20000, 0) + b"[" * 20000,
    struct.pack("!IQ", 2, 1 << 62) + b"{}",
    struct.pack("!IQ", 100, 100) + b'{"do"',
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_costs_no_more_than_its_connection(broker: Broker, client: Client, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(broker.socket))
        raw.sendall(garbage)
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    assert 1 == client.ask(SMALL, media_type=JSON).rows


@pytest.mark.parametrize("budget", [{"seconds": "x"}, {"rows": "x"}, {"bytes": None}, {"seconds": float("nan")}, {"colour": 1}, {"seconds": -1}])
def test_a_budget_of_wrong_types_is_an_error_and_costs_no_worker(broker: Broker, client: Client, budget: dict[str, object]) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(broker.socket))
        whole = {"seconds": 5, "rows": 10, "bytes": 10000} | budget
        wire.send(raw, {"do": "ask", "media_type": JSON, "dataset": {"default": [], "named": []}, "budget": whole}, SMALL.encode())
        reply, _ = wire.receive(raw, time.monotonic() + 10)
    assert "error" in reply
    for _ in range(4):
        assert 1 == client.ask(SMALL, media_type=JSON).rows
    assert soon(lambda: client.stats()["idle"] == 3)


def test_running_queries_are_listed_and_cancelled_from_another_process(broker: Broker, client: Client) -> None:
    outcome: list[QueryError] = []

    def work() -> None:
        mine = broker.client()
        with pytest.raises(QueryError) as caught:
            mine.ask(ENDLESS, media_type=JSON)
        outcome.append(caught.value)
        mine.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert soon(lambda: bool(client.stats()["running"]))
    assert client.cancel(client.stats()["running"][0]["id"])
    thread.join(5)
    assert "cancelled" in str(outcome[0])


def test_a_client_that_goes_away_takes_its_query_along(broker: Broker, client: Client) -> None:
    """Nobody waits for the answer any more, so nobody should pay for it."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(broker.socket))
        budget = {"seconds": 20, "rows": 10, "bytes": 10000}
        wire.send(raw, {"do": "ask", "media_type": JSON, "dataset": {"default": [], "named": []}, "budget": budget}, ENDLESS.encode())
        assert soon(lambda: bool(client.stats()["running"]))
    assert soon(lambda: not client.stats()["running"])


def test_a_swap_over_the_broker_serves_the_new_snapshot(path: Path, tmp_path: Path) -> None:
    fresh = snapshot.write(snapshot.Snapshot.of(b'<a:a> <a:p> "new" <a:g> .\n', {}, {}), tmp_path)
    with start_broker(path, PoolSettings(workers=1, spares=1)) as running:
        first = running.client()
        first.swap(fresh)
        digest = first.stats()["digest"]
        first.close()
        second = running.client()
        assert fresh.stem == digest
        for _ in range(4):
            assert b'"new"' in second.ask(SMALL, media_type=JSON).body
        with pytest.raises(SnapshotError):
            second.swap(tmp_path / "missing.zip")
        assert b'"new"' in second.ask(SMALL, media_type=JSON).body
        second.close()


def test_no_process_is_left_when_the_context_ends(path: Path) -> None:
    with start_broker(path, PoolSettings(workers=2, spares=1)) as running:
        everyone = family(running.pid)
        assert 5 == len(everyone)
    assert soon(lambda: not any(alive(pid) for pid in everyone))


def test_no_process_is_left_when_the_broker_is_killed(path: Path) -> None:
    with start_broker(path, PoolSettings(workers=1, spares=1)) as running:
        everyone = family(running.pid)
        os.kill(running.pid, signal.SIGKILL)
        assert soon(lambda: not any(alive(pid) for pid in everyone))
        with pytest.raises(BusyError, match="starting anew"):
            running.client().ask(SMALL, media_type=JSON)


def test_no_process_is_left_when_the_front_is_killed(path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from r2p_kg.engine.broker import start_broker
with start_broker(Path(sys.argv[1])) as broker:
    print(broker.pid, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as front:
        assert front.stdout is not None
        everyone = family(int(front.stdout.readline()))
        front.kill()
        front.wait(5)
        assert soon(lambda: not any(alive(pid) for pid in everyone))


def test_a_missing_snapshot_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="not a readable snapshot"), start_broker(tmp_path / "missing.zip"):
        pytest.fail("there is nothing to serve")


def test_a_broker_that_hangs_does_not_keep_those_who_ask(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r2p_kg.engine.broker._GRACE", 0.2)
    with start_broker(path, PoolSettings(workers=1, spares=0)) as running:
        asker = running.client()
        assert b"one" in asker.ask(SMALL, media_type=JSON).body
        os.kill(running.pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(BusyError, match="does not answer"):
            asker.ask(SMALL, media_type=JSON, budget=Budget(seconds=0.3))
        assert 0.4 < time.monotonic() - started < 2
        os.kill(running.pid, signal.SIGCONT)
        assert b"one" in asker.ask(SMALL, media_type=JSON).body
        asker.close()
