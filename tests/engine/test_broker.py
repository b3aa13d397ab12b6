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

from r2p_kg.engine import Budget, Dataset, frames
from r2p_kg.engine.broker import Broker, Client, start_broker
from r2p_kg.engine.pool import PoolSettings
from r2p_kg.errors import (
    AnswerTooLargeError,
    BusyError,
    NotAcceptableError,
    QueryCancelledError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    SnapshotError,
    WorkerDiedError,
)
from r2p_kg.graph import snapshot
from tests.engine import borrowing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engine.borrowing import Front

JSON = "application/sparql-results+json"
#: Some milliseconds.
SLOW = "SELECT (COUNT(*) AS ?n) { ?a <a:value> ?x FILTER(STRLEN(?x) < 3) ?b <a:value> ?y FILTER(STRLEN(?x) + STRLEN(?y) < 0) }"
SMALL = "SELECT ?o { <a:a> <a:p> ?o }"
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?p ?x . ?b ?q ?y . ?c ?r ?z FILTER(STRLEN(STR(?x)) + STRLEN(STR(?y)) + STRLEN(STR(?z)) < 0) }"
QUADS = b'<a:a> <a:p> "one" <a:g> .\n' + b"".join(
    b'<a:s%d> <a:value> "%d" <a:g> .\n' % (number, number) for number in range(2000)
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot.write(
        snapshot.Snapshot.of(QUADS, {"ex": "http://example.org/"}, {}), tmp_path_factory.mktemp("state")
    )


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


@pytest.fixture
def front(broker: Broker, path: Path) -> Iterator[Front]:
    with borrowing.front(broker.socket, path.stem) as made:
        yield made


def test_a_front_gets_its_answer_from_a_worker_on_loan(front: Front, client: Client) -> None:
    answer = front.ask(SMALL)
    assert [{"o": {"type": "literal", "value": "one"}}] == json.loads(answer.body)["results"]["bindings"]
    assert ("select", JSON, 1) == (answer.kind, answer.media_type, answer.rows)
    assert 0 < answer.elapsed < 1
    assert 1 <= client.stats()["lent"] <= 2


def test_errors_of_a_worker_come_whole(front: Front) -> None:
    with pytest.raises(QuerySyntaxError) as syntax:
        front.ask("SELECT * {\n ?s ex:p ?o }", prefixes={"ex": "http://example.org/"})
    assert (2, 5) == (syntax.value.line, syntax.value.column)
    assert "PREFIX ex: <http://example.org/>" in (syntax.value.hint or "")
    with pytest.raises(NotAcceptableError):
        front.ask(SMALL, media_type="text/turtle")
    with pytest.raises(AnswerTooLargeError):
        front.ask("SELECT * { ?s ?p ?o }", budget=Budget(rows=10))
    with pytest.raises(QueryTimeoutError) as late:
        front.ask(ENDLESS, 0.3)
    assert late.value.retry_after == 10
    with pytest.raises(QueryRefusedError, match="IRI"):
        front.ask(SMALL, dataset=Dataset(named=("no iri",)))


def test_many_questions_at_once_get_each_its_own_answer(front: Front) -> None:
    asked = [front.begin(f"SELECT ?s {{ ?s <a:value> '{number}' }}") for number in range(60)]
    values = [json.loads(one.result(20).body)["results"]["bindings"][0]["s"]["value"] for one in asked]
    assert [f"a:s{number}" for number in range(60)] == values


def test_warnings_come_with_the_answer_from_the_first_question_on(path: Path) -> None:
    with (
        start_broker(path, PoolSettings(workers=2, spares=0)) as running,
        borrowing.front(running.socket, path.stem) as asker,
    ):
        misspelt = "SELECT * { ?s <a:valeu> ?o }"
        asked = [asker.begin(misspelt) for _ in range(20)]
        codes = {tuple(warning.code for warning in one.result(20).warnings) for one in asked}
        assert {("unknown-term",)} == codes
        assert () == asker.ask(SMALL).warnings


def test_a_full_queue_refuses_and_those_who_wait_in_vain_are_told_so(broker: Broker, path: Path) -> None:
    with borrowing.front(broker.socket, path.stem, queue=2) as asker:
        endless = [asker.begin(f"{ENDLESS}#{number}", 1.0) for number in range(12)]
        errors = [one.exception(20) for one in endless]
        assert any(
            isinstance(error, BusyError) and "2 queries wait already" in str(error) for error in errors
        )
        assert all(isinstance(error, QueryTimeoutError | BusyError) for error in errors)
        assert 1 == asker.ask(SMALL).rows


def test_a_client_with_many_questions_keeps_no_other_from_its_turn(path: Path) -> None:
    with (
        start_broker(path, PoolSettings(workers=1, spares=0)) as running,
        borrowing.front(running.socket, path.stem) as asker,
    ):
        order: list[str] = []
        many = [asker.begin(f"{SLOW} # {number}", client="192.0.2.1") for number in range(8)]
        one = asker.begin(f"{SLOW} # one", client="192.0.2.2")
        for asked in many:
            asked.add_done_callback(lambda _: order.append("many"))
        one.add_done_callback(lambda _: order.append("one"))
        assert soon(lambda: len(order) == 9, 20)
        assert order.index("one") <= 2


def test_two_fronts_share_the_workers_whoever_came_first(path: Path) -> None:
    with (
        start_broker(path, PoolSettings(workers=1, spares=0)) as running,
        borrowing.front(running.socket, path.stem) as greedy,
        borrowing.front(running.socket, path.stem) as modest,
    ):
        order: list[str] = []
        asked = [greedy.begin(f"{SLOW} # {number}") for number in range(40)]
        for question in asked:
            question.add_done_callback(lambda _: order.append("greedy"))
        assert soon(lambda: len(order) > 2)
        modest.ask(SLOW)
        assert len(order) < 40
        for question in asked:
            question.result(20)


def test_the_next_query_of_a_client_whose_query_was_long_is_told_of_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        start_broker(path, PoolSettings(workers=2, spares=1)) as running,
        borrowing.front(running.socket, path.stem) as asker,
        contextlib.closing(running.client()) as client,
    ):
        asker.ask(SMALL)
        asker.begin(ENDLESS, 2.0, client="192.0.2.9")
        with pytest.raises(QueryTimeoutError):
            asker.ask(ENDLESS, 2.0, client="192.0.2.1")
        # From here on the broker hears of no other query.
        monkeypatch.setattr("r2p_kg.engine.borrower._TOLD", -1000.0)
        monkeypatch.setattr("r2p_kg.engine.borrower.LOOK", 1000.0)
        time.sleep(0.2)
        other = asker.begin(ENDLESS, 2.0, client="192.0.2.2")
        suspect = asker.begin(ENDLESS, 2.0, client="192.0.2.1")
        assert soon(lambda: any(one["client"] == "192.0.2.1" for one in client.stats()["running"]))
        assert [("192.0.2.1", True)] == [(one["client"], one["slow"]) for one in client.stats()["running"]]
        assert isinstance(suspect.exception(20), QueryTimeoutError)
        os.kill(client.stats()["broker"], signal.SIGTERM)
        assert isinstance(other.exception(20), QueryError)


def test_a_front_that_was_refused_a_worker_asks_for_one_again(tmp_path: Path) -> None:
    """At once, and not only if it has other questions than before."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "b"))
        listener.listen()
        listener.settimeout(5)
        with borrowing.front(tmp_path / "b", "d") as asker:
            broker, _ = listener.accept()
            with broker:
                assert {"do": "borrow"} == frames.receive(broker)[0]
                for seen in range(2):
                    asked = asker.begin(SMALL)
                    said, _ = frames.receive(broker)
                    assert ("want", ["d"], seen) == (said["do"], said["digests"], said["seen"])
                    refused = BusyError("no worker can be had", retry_after=2)
                    frames.send(broker, {"say": "refused", "digest": "d", "error": refused.fields()})
                    assert "no worker can be had" in str(asked.exception(5))


def test_a_question_is_asked_again_if_its_worker_is_killed_and_only_a_second_death_is_its_own(
    front: Front, client: Client
) -> None:
    asked = front.begin(ENDLESS)
    killed: set[int] = set()
    for _ in range(2):
        assert not asked.done()
        assert soon(lambda killed=killed: any(one["pid"] not in killed for one in client.stats()["running"]))
        fresh = {one["pid"] for one in client.stats()["running"]} - killed
        killed |= fresh
        for pid in fresh:
            os.kill(pid, signal.SIGKILL)
    assert isinstance(asked.exception(20), WorkerDiedError)
    assert 1 == front.ask(SMALL).rows


def test_a_zygote_that_is_killed_costs_no_question(front: Front, broker: Broker) -> None:
    stop = threading.Event()
    answered: list[int] = []
    wrong: list[object] = []

    def work(number: int) -> None:
        while not stop.is_set():
            try:
                front.ask(f"{SMALL} # {number} {len(answered)}")
                answered.append(number)
            except QueryError as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        before = family(broker.pid)[1]
        os.kill(before, signal.SIGKILL)
        count = len(answered)
        # Those that it took with it have been asked again by then.
        assert soon(lambda count=count: len(answered) > count + 50, 20)  # type: ignore[misc]
        assert family(broker.pid)[1] != before
    stop.set()
    for thread in threads:
        thread.join(30)
    assert [] == wrong


def test_a_broker_that_is_killed_and_started_again_costs_no_question(path: Path) -> None:
    with (
        start_broker(path, PoolSettings(workers=1, spares=0)) as running,
        borrowing.front(running.socket, path.stem) as asker,
    ):
        assert 1 == asker.ask(SMALL).rows
        endless = asker.begin(ENDLESS, 15.0)
        os.kill(running.pid, signal.SIGKILL)
        running.stop()
        running.start()
        assert 1 == asker.ask(f"{SMALL} # again").rows
        with contextlib.closing(running.client()) as client:
            assert soon(lambda: bool(client.stats()["running"]))
            assert client.cancel(client.stats()["running"][0]["id"])
        assert isinstance(endless.exception(20), QueryCancelledError)


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
def test_garbage_costs_no_more_than_its_connection(broker: Broker, front: Front, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(broker.socket))
        raw.sendall(garbage)
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    assert 1 == front.ask(SMALL).rows


SAID = [
    {"do": "want", "digests": 7, "clients": 1, "seen": 0},
    {"do": "back", "loan": 77, "sound": True},
    {"do": "begin", "loan": "x"},
    {"do": "fly", "loan": 1},
]


@pytest.mark.parametrize("said", SAID)
def test_a_front_that_says_nonsense_costs_no_more_than_its_line(
    broker: Broker, front: Front, said: dict[str, object]
) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(broker.socket))
        frames.send(raw, {"do": "borrow"})
        frames.send(raw, said)
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    assert 1 == front.ask(SMALL).rows


def test_running_queries_are_listed_and_cancelled_from_another_process(front: Front, client: Client) -> None:
    asked = front.begin(ENDLESS)
    assert soon(lambda: bool(client.stats()["running"]))
    assert client.cancel(client.stats()["running"][0]["id"])
    error = asked.exception(20)
    assert isinstance(error, QueryCancelledError)
    assert ("cancelled", "the query was cancelled by the operator") == (error.slug, str(error))
    assert not client.cancel("77777")


def test_a_front_that_goes_away_takes_its_queries_along(broker: Broker, path: Path, client: Client) -> None:
    """Nobody waits for the answer any more, so nobody should pay for it."""
    with borrowing.front(broker.socket, path.stem) as leaving:
        asked = leaving.begin(ENDLESS)
        assert soon(lambda: bool(client.stats()["running"]))
    assert isinstance(asked.exception(20), BusyError)
    assert soon(lambda: not client.stats()["running"])
    assert soon(lambda: client.stats()["lent"] == 0)


def test_a_swap_over_the_broker_serves_the_new_snapshot(path: Path, tmp_path: Path) -> None:
    fresh = snapshot.write(snapshot.Snapshot.of(b'<a:a> <a:p> "new" <a:g> .\n', {}, {}), tmp_path)
    with start_broker(path, PoolSettings(workers=1, spares=1)) as running:
        first = running.client()
        first.swap(fresh)
        digest = first.stats()["digest"]
        first.close()
        second = running.client()
        assert fresh.stem == digest
        with borrowing.front(running.socket, digest) as asker:
            for _ in range(4):
                assert b'"new"' in asker.ask(SMALL).body
            with pytest.raises(BusyError, match="replaced"):
                asker.ask(SMALL, digest=path.stem)
            with pytest.raises(SnapshotError):
                second.swap(tmp_path / "missing.zip")
            assert b'"new"' in asker.ask(SMALL).body
        second.close()


def test_no_process_is_left_when_the_context_ends(path: Path) -> None:
    with start_broker(path, PoolSettings(workers=2, spares=1)) as running:
        assert soon(lambda: len(family(running.pid)) == 5)
        everyone = family(running.pid)
    assert soon(lambda: not any(alive(pid) for pid in everyone))


def test_no_process_is_left_when_the_broker_is_killed(path: Path) -> None:
    with start_broker(path, PoolSettings(workers=1, spares=1)) as running:
        everyone = family(running.pid)
        os.kill(running.pid, signal.SIGKILL)
        assert soon(lambda: not any(alive(pid) for pid in everyone))
        with pytest.raises(BusyError, match="starting anew"):
            running.client().stats()


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
    with (
        pytest.raises(SnapshotError, match="not a readable snapshot"),
        start_broker(tmp_path / "missing.zip"),
    ):
        pytest.fail("there is nothing to serve")


def test_a_broker_that_hangs_does_not_keep_those_who_ask(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r2p_kg.engine.broker.client._GRACE", 0.2)
    with start_broker(path, PoolSettings(workers=1, spares=0)) as running:
        asker = running.client()
        assert path.stem == asker.stats()["digest"]
        os.kill(running.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{running.pid}/stat")
        assert soon(lambda: stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T")
        started = time.monotonic()
        with pytest.raises(BusyError, match="does not answer"):
            asker.stats()
        assert time.monotonic() - started < 2
        os.kill(running.pid, signal.SIGCONT)
        assert path.stem == asker.stats()["digest"]
        asker.close()


def test_a_folder_whose_name_is_long_is_reached(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with start_broker(path, PoolSettings(workers=1, spares=0)) as running:
        assert len(str(running.socket)) > 120
        with (
            contextlib.closing(running.client()) as client,
            borrowing.front(running.socket, path.stem) as asker,
        ):
            assert (path.stem, 1) == (client.stats()["digest"], asker.ask(SMALL).rows)
