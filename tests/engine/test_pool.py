"""The pool: whole answers or clean errors, killable workers, and a service that goes on."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyoxigraph as ox
import pytest

from r2p_kg.engine import Budget, Dataset, worker_protocol
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.errors import (
    AnswerTooLargeError,
    BusyError,
    NotAcceptableError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    SnapshotError,
    WorkerDiedError,
)
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from r2p_kg.engine.lending import Loan
    from r2p_kg.engine.processes import Worker
    from r2p_kg.errors import R2PError

JSON = "application/sparql-results+json"
TSV = "text/tab-separated-values"
QUADS = (
    '<a:a> <a:p> "one" <a:g1> .\n'
    '<a:a> <a:p> "one" <a:g2> .\n'
    '<a:b> <a:p> "}},{\\"x" <a:g2> .\n'
    + "".join(
        f'<a:n{number}> <a:value> "{number}"^^<http://www.w3.org/2001/XMLSchema#integer> <a:g3> .\n'
        for number in range(3000)
    )
).encode()

#: Hours of work that no optimiser can shorten, without much memory.
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?p ?x . ?b ?q ?y . ?c ?r ?z FILTER(STRLEN(STR(?x)) + STRLEN(STR(?y)) + STRLEN(STR(?z)) < 0) }"
SMALL = "SELECT ?o { <a:b> <a:p> ?o }"


def saved(folder: Path, quads: bytes) -> Path:
    return snapshot.write(snapshot.Snapshot.of(quads, {"ex": "http://example.org/"}, {}), folder)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("state"), QUADS)


@pytest.fixture(scope="module")
def pool(path: Path) -> Iterator[Pool]:
    made = Pool(path, PoolSettings(workers=2, spares=1, queue=2, memory=256 * 1024 * 1024))
    yield made
    made.close()


def rows(pool: Pool, query: str, dataset: Dataset | None = None) -> list[dict[str, str]]:
    body = json.loads(pool.ask(query, media_type=JSON, dataset=dataset).body)
    return [{name: term["value"] for name, term in row.items()} for row in body["results"]["bindings"]]


def soon(condition: Callable[[], bool], seconds: float = 3.0) -> bool:
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


def running(pool: Pool) -> list[dict[str, Any]]:
    return list(pool.stats()["running"])


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """A started thread, and the list that gets what the work returned or the QueryError that it raised."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(work())
        except QueryError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_a_select_is_answered_with_its_rows_counted(pool: Pool) -> None:
    answer = pool.ask(SMALL, media_type=JSON)
    assert ("select", JSON, 1) == (answer.kind, answer.media_type, answer.rows)
    assert [{"o": '}},{"x'}] == rows(pool, SMALL)


def test_the_default_graph_is_the_union_without_duplicates(pool: Pool) -> None:
    assert [{"o": "one"}] == rows(pool, "SELECT ?o { <a:a> <a:p> ?o }")
    assert [{"n": "3002"}] == rows(pool, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert ["a:g1", "a:g2"] == sorted(
        row["g"] for row in rows(pool, "SELECT ?g { GRAPH ?g { <a:a> ?p ?o } }")
    )


def test_from_takes_the_place_of_the_union(pool: Pool) -> None:
    assert [] == rows(pool, "SELECT * FROM <a:g1> { <a:b> ?p ?o }")
    assert ["a:a", "a:b"] == sorted(row["s"] for row in rows(pool, "SELECT ?s FROM <a:g2> { ?s ?p ?o }"))
    assert [] == rows(pool, "SELECT * FROM NAMED <a:g1> { ?s ?p ?o }")


def test_the_dataset_of_the_protocol_goes_before_that_of_the_query(pool: Pool) -> None:
    assert [{"s": "a:a"}] == rows(pool, "SELECT ?s FROM <a:g2> { ?s ?p ?o }", Dataset(default=("a:g1",)))
    assert [] == rows(pool, "SELECT ?g { GRAPH ?g { ?s ?p ?o } }", Dataset(default=("a:g1",)))
    assert [{"g": "a:g1"}] == rows(pool, "SELECT ?g { GRAPH ?g { ?s ?p ?o } }", Dataset(named=("a:g1",)))
    assert [] == rows(pool, "SELECT * { ?s ?p ?o }", Dataset(named=("a:g1",)))


@pytest.mark.parametrize("media_type", [JSON, "application/sparql-results+xml", "text/csv", TSV])
def test_every_result_format_carries_the_rows_and_their_count(pool: Pool, media_type: str) -> None:
    answer = pool.ask("SELECT ?s ?o { ?s <a:p> ?o . FILTER(?s = <a:b>) }", media_type=media_type)
    assert 1 == answer.rows
    if media_type == "text/csv":
        assert ["a:b", '}},{"x'] == list(csv.reader(io.StringIO(answer.body.decode())))[1]
    else:
        parsed = ox.parse_query_results(answer.body, format=ox.QueryResultsFormat.from_media_type(media_type))
        assert isinstance(parsed, ox.QuerySolutions)
        assert ['}},{"x'] == [row["o"].value for row in parsed]


@pytest.mark.parametrize(
    "media_type",
    [
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
    ],
)
@pytest.mark.parametrize(
    "query", ["CONSTRUCT { ?s ?p ?o } { ?s ?p ?o FILTER(?s = <a:a>) }", "DESCRIBE <a:a>"]
)
def test_every_graph_format_carries_the_triples(pool: Pool, query: str, media_type: str) -> None:
    answer = pool.ask(query, media_type=media_type)
    found = {
        str(quad.triple) for quad in ox.parse(answer.body, format=ox.RdfFormat.from_media_type(media_type))
    }
    assert ("graph", {'<a:a> <a:p> "one"'}) == (answer.kind, found)


def test_ask_is_answered_in_json_and_xml_and_not_in_csv(pool: Pool) -> None:
    assert json.loads(pool.ask("ASK { <a:a> ?p ?o }", media_type=JSON).body)["boolean"] is True
    assert (
        b"<boolean>false</boolean>"
        in pool.ask("ASK { <a:none> ?p ?o }", media_type="application/sparql-results+xml").body
    )
    with pytest.raises(NotAcceptableError):
        pool.ask("ASK {}", media_type="text/csv")


def test_a_format_of_another_kind_is_not_acceptable(pool: Pool) -> None:
    with pytest.raises(NotAcceptableError):
        pool.ask("SELECT * {}", media_type="text/turtle")
    with pytest.raises(NotAcceptableError):
        pool.ask("DESCRIBE <a:a>", media_type=JSON)


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ("SELECT * {\n ?s ?p }", 2, 5),
        ("SELECT * { ?s ex:p ?o }", 1, 15),
        ("SELECT * { ?s ?p 'open }", 1, None),
        ("SELECT * {", 1, 10),
        ("SELCT * {}", 1, 1),
    ],
)
def test_a_syntax_error_knows_its_line_and_column(
    pool: Pool, query: str, line: int, column: int | None
) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        pool.ask(query, media_type=JSON)
    assert line == caught.value.line
    assert column in (None, caught.value.column)


@pytest.mark.parametrize(
    ("query", "column", "said"),
    [
        ("SELECT ?s { ?s a ?t  ?s ?p }", 20, "a dot is missing after ?t"),
        ("SELECT ?s { ?s a ?t . ?s ?p }", 26, "an object is missing after ?p"),
        ("SELECT ?s { { ?s } }", 15, "a predicate and an object are missing after ?s"),
        ("SELECT ?x { BIND(1 AS ?x) BIND(2 AS ?x) }", 37, "?x already has a value"),
        ("SELECT ?s { VALUES ?s { <a:a> } BIND(2 AS ?s) }", 43, "?s already has a value"),
    ],
)
def test_what_the_engine_notices_only_at_the_end_is_told_where_it_stands(
    pool: Pool, query: str, column: int, said: str
) -> None:
    with pytest.raises(QuerySyntaxError, match=re.escape(said)) as caught:
        pool.ask(query, media_type=JSON)
    assert (1, column) == (caught.value.line, caught.value.column)


def test_a_missing_prefix_of_the_snapshot_is_spelt_out(pool: Pool) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        pool.ask("SELECT * { ?s ex:p ?o }", media_type=JSON)
    assert "PREFIX ex: <http://example.org/>" in (caught.value.hint or "")


def test_policy_stands_before_evaluation(pool: Pool) -> None:
    for query in ("SELECT * { SERVICE <http://x/> {} }", "DROP ALL", "SELECT * FROM <http://elsewhere/> {}"):
        with pytest.raises(QueryRefusedError):
            pool.ask(query, media_type=JSON)
    with pytest.raises(QueryRefusedError):
        pool.ask(SMALL, media_type=JSON, dataset=Dataset(default=("http://elsewhere/",)))


def test_an_answer_over_the_rows_or_bytes_is_an_error_and_never_cut(pool: Pool) -> None:
    query = "SELECT ?s { ?s <a:value> ?o }"
    for media_type in (JSON, "application/sparql-results+xml", "text/csv", TSV):
        assert 3000 == pool.ask(query, media_type=media_type, budget=Budget(rows=3000)).rows
        with pytest.raises(AnswerTooLargeError, match="rows"):
            pool.ask(query, media_type=media_type, budget=Budget(rows=2999))
        with pytest.raises(AnswerTooLargeError, match="bytes"):
            pool.ask(query, media_type=media_type, budget=Budget(bytes=1000))
    with pytest.raises(AnswerTooLargeError, match="bytes"):
        pool.ask("CONSTRUCT WHERE { ?s <a:value> ?o }", media_type="text/turtle", budget=Budget(bytes=1000))


@pytest.mark.parametrize(
    "query",
    [
        SMALL,
        "SELECT ?s { ?s <a:value> ?o }",
        "SELECT * {}",
        "SELECT * { <a:none> ?p ?o }",
        "SELECT ?x ?y { VALUES (?x ?y) { ('a' UNDEF) (UNDEF UNDEF) ('},{' 1) } }",
    ],
)
def test_the_count_of_rows_is_the_same_in_every_format(pool: Pool, query: str) -> None:
    expected = len(json.loads(pool.ask(query, media_type=JSON).body)["results"]["bindings"])
    for media_type in (JSON, "application/sparql-results+xml", "text/csv", TSV):
        assert expected == pool.ask(query, media_type=media_type).rows, media_type


def test_a_query_is_killed_at_its_deadline_and_the_next_is_answered_at_once(pool: Pool) -> None:
    rows(pool, SMALL)
    thread, outcome = in_thread(lambda: pool.ask(ENDLESS, media_type=JSON, budget=Budget(seconds=0.6)))
    started = time.monotonic()
    assert soon(lambda: bool(running(pool)))
    pid = running(pool)[0]["pid"]
    thread.join(10)
    assert 0.5 < time.monotonic() - started < 1.1
    assert isinstance(outcome[0], QueryTimeoutError)
    assert "0.6 seconds" in str(outcome[0])
    assert soon(lambda: not alive(pid))
    started = time.monotonic()
    rows(pool, SMALL)
    assert time.monotonic() - started < 0.3


def test_a_running_query_is_listed_and_can_be_cancelled(pool: Pool) -> None:
    thread, outcome = in_thread(lambda: pool.ask(ENDLESS, media_type=JSON))
    assert soon(lambda: bool(running(pool)))
    one = running(pool)[0]
    assert ENDLESS == one["query"]
    assert pool.cancel(one["id"])
    thread.join(5)
    assert isinstance(outcome[0], QueryError)
    assert "cancelled" in str(outcome[0])
    assert soon(lambda: not alive(one["pid"]))
    assert not pool.cancel(one["id"])


def test_a_query_over_its_memory_gives_a_clean_error(pool: Pool) -> None:
    doubling = " ".join(f"BIND(CONCAT(?a{place},?a{place}) AS ?a{place + 1})" for place in range(33))
    with pytest.raises((WorkerDiedError, AnswerTooLargeError)):
        pool.ask(f'SELECT (STRLEN(?a33) AS ?n) {{ BIND("x" AS ?a0) {doubling} }}', media_type=JSON)
    with pytest.raises((WorkerDiedError, AnswerTooLargeError)):
        pool.ask("SELECT * { ?a ?p ?x . ?b ?q ?y } ORDER BY ?x ?y", media_type=JSON)
    assert 1 == len(rows(pool, SMALL))


def test_a_query_is_asked_again_of_another_worker_if_the_first_one_dies(pool: Pool) -> None:
    """Whoever kills a worker may have meant something else."""
    thread, outcome = in_thread(lambda: pool.ask(ENDLESS, media_type=JSON, budget=Budget(seconds=1.5)))
    assert soon(lambda: bool(running(pool)))
    first = running(pool)[0]["pid"]
    os.kill(first, signal.SIGKILL)
    assert soon(lambda: any(one["pid"] != first for one in running(pool)))
    thread.join(5)
    assert isinstance(outcome[0], QueryTimeoutError)


def test_a_query_that_brings_down_a_second_worker_is_blamed_and_the_service_goes_on(pool: Pool) -> None:
    thread, outcome = in_thread(lambda: pool.ask(ENDLESS, media_type=JSON))
    killed: set[int] = set()
    for _ in range(2):
        assert soon(lambda killed=killed: any(one["pid"] not in killed for one in running(pool)))  # type: ignore[misc]
        killed |= {one["pid"] for one in running(pool)}
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSEGV)
    thread.join(5)
    assert isinstance(outcome[0], WorkerDiedError)
    assert 1 == len(rows(pool, SMALL))


def test_an_idle_worker_that_was_killed_from_outside_costs_no_query(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=1, spares=0))
    try:
        assert soon(lambda: len(children(zygote(made))) == 1)
        (child,) = children(zygote(made))
        os.kill(child, signal.SIGKILL)
        assert soon(lambda: not alive(child))
        assert 1 == len(rows(made, SMALL))
    finally:
        made.close()


def test_a_zygote_that_was_killed_from_outside_costs_no_query(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=1, spares=1))
    try:
        parent = zygote(made)
        family = children(parent)
        os.kill(parent, signal.SIGKILL)
        assert soon(lambda: not any(alive(pid) for pid in family))
        for _ in range(4):
            assert 1 == len(rows(made, SMALL))
        assert soon(lambda: made.stats()["idle"] == 2), "the spare is back"
    finally:
        made.close()


def test_many_kills_leave_as_many_workers_as_before(pool: Pool) -> None:
    threads = [
        in_thread(lambda: pool.ask(ENDLESS, media_type=JSON, budget=Budget(seconds=0.3)))[0] for _ in range(4)
    ]
    for thread in threads:
        thread.join(10)
    assert soon(lambda: len(children(zygote(pool))) == 3)
    assert soon(lambda: pool.stats()["idle"] == 3)


def test_a_full_queue_says_when_to_come_back(pool: Pool) -> None:
    threads = [
        in_thread(lambda: pool.ask(ENDLESS, media_type=JSON, budget=Budget(seconds=1.5))) for _ in range(4)
    ]
    assert soon(lambda: len(running(pool)) == 2 and pool.stats()["waiting"] == 2)
    with pytest.raises(BusyError) as caught:
        pool.ask(SMALL, media_type=JSON)
    assert caught.value.retry_after >= 1
    for thread, _ in threads:
        thread.join(10)
    assert 1 == len(rows(pool, SMALL))


def test_a_worker_cannot_reach_the_network(pool: Pool) -> None:
    """The query goes to a worker past policy; a socket that listens must see nothing."""
    if not pool.stats()["network_denied_by_kernel"]:
        pytest.skip("the kernel offers no seccomp filter")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        port = listener.getsockname()[1]
        query = f"SELECT * {{ SERVICE <http://127.0.0.1:{port}/sparql> {{ ?s ?p ?o }} }}"
        question = worker_protocol.question(query, JSON, Dataset(), Budget())
        told = pool._asked(question, query, 20, time.monotonic() + 20)
        with pytest.raises(QueryError):
            worker_protocol.read(told, JSON, query=query, prefixes={})
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_swap_serves_the_new_snapshot_while_a_query_of_the_old_one_goes_on(
    path: Path, tmp_path: Path
) -> None:
    made = Pool(path, PoolSettings(workers=2, spares=1))
    try:
        thread, outcome = in_thread(lambda: made.ask(ENDLESS, media_type=JSON, budget=Budget(seconds=2)))
        assert soon(lambda: bool(running(made)))
        old = running(made)[0]["pid"]
        swapping, _ = in_thread(lambda: made.swap(saved(tmp_path, b'<a:b> <a:p> "new" <a:g> .\n')))
        swapping.join(10)
        # The thread that swapped is gone; what it started must live on.
        for _ in range(4):
            assert [{"o": "new"}] == rows(made, SMALL)
        assert alive(old)
        thread.join(10)
        assert isinstance(outcome[0], QueryTimeoutError)
        assert soon(lambda: not alive(old))
        with pytest.raises(SnapshotError):
            made.swap(tmp_path / "missing.zip")
        assert [{"o": "new"}] == rows(made, SMALL)
    finally:
        made.close()


def test_a_closed_pool_leaves_no_process(path: Path) -> None:
    made = Pool(path)
    parent = zygote(made)
    assert soon(lambda: len(children(parent)) == 3)
    family = [parent, *children(parent)]
    made.close()
    assert soon(lambda: not any(alive(pid) for pid in family))


def test_a_pool_that_is_closed_while_known_terms_are_made_leaves_no_process(tmp_path: Path) -> None:
    """They are made in a process beside the zygote, and are more than a pipe holds."""
    many = b"".join(b"<http://x.example/thing/%d> <a:p> <a:o> <a:g> .\n" % number for number in range(20_000))
    made = Pool(saved(tmp_path, many), PoolSettings(workers=1, spares=0))
    family = [zygote(made), *children(zygote(made))]
    closing, _ = in_thread(made.close)
    closing.join(10)
    assert not closing.is_alive()
    assert soon(lambda: not any(alive(pid) for pid in family))


def test_a_query_that_comes_while_the_pool_closes_starts_no_process(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=1, spares=0))
    parent = zygote(made)
    made.close()
    with pytest.raises(BusyError, match="stopping"):
        rows(made, SMALL)
    assert parent == zygote(made)
    assert not alive(parent)


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no archive")
    with pytest.raises(SnapshotError, match="not a readable snapshot"):
        Pool(broken)


def zygote(pool: Pool) -> int:
    return pool._workers._zygote.process.pid


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [child for child in map(int, text.split()) if alive(child)]


class Borrowing:
    """A front that writes down what it hears."""

    def __init__(self) -> None:
        self.loans: list[tuple[Loan, Worker]] = []
        self.heard: list[str] = []

    def lent(self, loan: Loan, worker: Worker) -> None:
        self.loans.append((loan, worker))

    def recall(self, *, now: bool) -> None:
        self.heard.append(f"recall {now}")

    def slow(self, loan: Loan) -> None:
        self.heard.append(f"slow {loan.id}")

    def owes(self, client: str, seconds: float) -> None:
        self.heard.append(f"owes {client} {seconds:.0f}")

    def refused(self, digest: str, error: R2PError) -> None:
        self.heard.append(f"refused {digest} {error}")


def scheduling(worker: Worker) -> tuple[int, int]:
    """Priority and policy of a process, as the kernel has them."""
    return os.getpriority(os.PRIO_PROCESS, worker.pid), os.sched_getscheduler(worker.pid)


def test_a_long_query_gets_little_of_the_processor_and_an_endless_one_what_others_leave(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=2, spares=0))
    front = Borrowing()
    try:
        name = made.join(front)
        made.want(name, [made.digest] * 2, 1, 0)
        assert soon(lambda: len(front.loans) == 2)
        loan, worker = front.loans[0]
        assert (0, os.SCHED_OTHER) == scheduling(worker)
        worker.connection.sendall(worker_protocol.question(ENDLESS, JSON, Dataset(), Budget()))
        made.begin(loan, ENDLESS, "", time.monotonic(), time.monotonic() + 60)
        assert soon(lambda: scheduling(worker) == (10, os.SCHED_OTHER), 20)
        assert soon(lambda: scheduling(worker) == (19, os.SCHED_IDLE), 50)
        assert [f"slow {loan.id}"] == front.heard
        made.leave(name)
    finally:
        made.close()


def test_a_long_query_that_nobody_else_waits_for_keeps_its_priority(path: Path) -> None:
    """Such are those that a reload tries, beside a service that is busy."""
    made = Pool(path, PoolSettings(workers=1, spares=0))
    front = Borrowing()
    try:
        name = made.join(front)
        made.want(name, [made.digest], 1, 0)
        assert soon(lambda: bool(front.loans))
        loan, worker = front.loans[0]
        worker.connection.sendall(worker_protocol.question(ENDLESS, JSON, Dataset(), Budget()))
        made.begin(loan, ENDLESS, "", time.monotonic(), time.monotonic() + 60)
        assert soon(lambda: worker.worked > 0.6, 20)
        assert (0, os.SCHED_OTHER) == scheduling(worker)
        made.leave(name)
    finally:
        made.close()


def test_time_in_which_a_query_waits_for_the_processor_makes_it_no_long_one(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=2, spares=0))
    front = Borrowing()
    try:
        name = made.join(front)
        made.want(name, [made.digest] * 2, 1, 0)
        assert soon(lambda: len(front.loans) == 2)
        loan, worker = front.loans[0]
        os.kill(worker.pid, signal.SIGSTOP)
        made.begin(loan, SMALL, "", time.monotonic() - 5, time.monotonic() + 60)
        time.sleep(0.4)
        assert loan.placed
        assert [] == front.heard
        made.leave(name)
    finally:
        made.close()


def test_every_front_is_told_of_a_client_that_has_used_its_allowance(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=1, spares=0, allowance=1, refill=0.5))
    front, other = Borrowing(), Borrowing()
    try:
        name = made.join(front)
        made.join(other)
        made.want(name, [made.digest], 1, 0)
        assert soon(lambda: bool(front.loans))
        loan, _ = front.loans[0]
        now = time.monotonic()
        made.begin(loan, ENDLESS, "192.0.2.1", now - 3, now + 60)
        made.back(loan, sound=False)
        assert ["owes 192.0.2.1 4"] == front.heard == other.heard
    finally:
        made.close()


def test_a_front_over_a_snapshot_that_is_no_longer_kept_is_told_so(path: Path) -> None:
    made = Pool(path, PoolSettings(workers=1, spares=0))
    front = Borrowing()
    try:
        made.want(made.join(front), ["gone"], 1, 0)
        assert soon(lambda: bool(front.heard))
        assert "refused gone the data were replaced" in front.heard[0]
        assert 1 == len(rows(made, SMALL)), "the place is free again"
    finally:
        made.close()
