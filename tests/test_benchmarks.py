"""The benchmark of the service.

Its graph, its load and its tables are what they claim, and it runs whole with our service alone.

No time is asserted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.serving import client, graph, machine, questions, report, services
from benchmarks.serving.hazards import Attack
from benchmarks.serving.load import Generator, Load
from benchmarks.serving.run import Results

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}
ROOT = Path(__file__).parent.parent


@contextmanager
def recorder(status: int = 200) -> Iterator[tuple[client.Endpoint, list[str]]]:
    """A server that answers everything with one status, and the queries that it was asked, in order."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query)["query"][0])
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Nothing: a test prints no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield client.Endpoint(server.server_port, "/sparql"), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def load(rate: float, p99: float = 2.0, lost: int = 0) -> Load:
    """One second of load."""
    return Load(round(rate), 1.0, 1.0, p99, p99, 0, {**GOOD, "read": lost})


def test_the_graph_is_the_same_each_time_and_has_ten_responses_for_each_situation(tmp_path: Path) -> None:
    one, other = tmp_path / "one.nt", tmp_path / "other.nt"
    assert graph.write(one, 3_000) == graph.write(other, 3_000)
    assert one.read_bytes() == other.read_bytes()
    lines = one.read_text("utf-8").splitlines()
    assert len(lines) == len(set(lines))
    for number in (0, 29):
        assert 10 == sum(f"#forSituation> <{graph.BASE}situation/{number}> ." in line for line in lines)


GENERATORS = [
    pytest.param(False, id="python"),
    pytest.param(
        True, id="wrk", marks=pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
    ),
]


@pytest.mark.parametrize("by_wrk", GENERATORS)
def test_both_generators_ask_the_queries_of_a_question_and_never_the_same_twice(
    tmp_path: Path, *, by_wrk: bool
) -> None:
    generator = Generator(shutil.which("wrk") if by_wrk else None, tmp_path)
    for question in questions.all_questions(20)[:5]:
        with recorder() as (endpoint, asked):
            found = generator.run(endpoint, question, clients=2, seconds=0.1, start=500)
        assert found.requests > 0
        assert GOOD == found.errors
        # wrk makes one request that it does not send, to see whether the script works.
        assert set(asked) <= {question.render(501 + number) for number in range(len(asked) + 1)}, (
            question.name
        )
        assert question.varies == (len(asked) == len(set(asked)))


@pytest.mark.parametrize("by_wrk", GENERATORS)
def test_an_answer_that_is_an_error_counts_as_lost(tmp_path: Path, *, by_wrk: bool) -> None:
    generator = Generator(shutil.which("wrk") if by_wrk else None, tmp_path)
    with recorder(503) as (endpoint, _):
        found = generator.run(endpoint, questions.all_questions(20)[0], clients=1, seconds=0.1, start=0)
    assert 0.0 == found.rate
    assert found.requests == found.lost > 0


def test_rows_are_equal_whichever_way_a_service_writes_them() -> None:
    integer = "http://www.w3.org/2001/XMLSchema#integer"
    one = [
        {
            "n": {"type": "literal", "value": "1", "datatype": integer},
            "l": {"type": "literal", "value": "x", "xml:lang": "en-GB"},
        },
        {},
    ]
    other = [
        {},
        {
            "l": {"type": "literal", "value": "x", "xml:lang": "en-gb"},
            "n": {"type": "typed-literal", "value": "1", "datatype": integer},
        },
    ]
    different = [
        {},
        {"l": {"type": "literal", "value": "x"}, "n": {"type": "literal", "value": "1", "datatype": integer}},
    ]
    first, second, third = (
        client.rows(json.dumps({"results": {"bindings": rows}}).encode()) for rows in (one, other, different)
    )
    assert first == second
    assert first != third


def test_tables_tell_ratios_lost_requests_aims_and_who_gave_no_answer() -> None:
    small, slow = "small, never repeated", "large, repeated"
    loads = {
        (small, 8, "r2p-kg"): [load(100), load(300), load(200)],
        (small, 8, "oxigraph"): [load(400, lost=3)],
        (slow, 8, "r2p-kg"): [load(10)],
        (slow, 8, "oxigraph"): [load(0, float("inf"))],
    }
    attacks = {("r2p-kg", 8): Attack(8, (load(9, 2.0),), (load(9, 5.0, lost=1),), {"503": 4})}
    made = {
        sheet.title.split()[0]: sheet.rows
        for sheet in report.sheets(Results(loads=loads, attacks=attacks), ["r2p-kg", "oxigraph"])
    }
    assert ((small, "8", "200", "0.5x (400)"), (slow, "8", "10", "no answer (0)")) == made["Requests"]
    assert ((small, "8", "1 / 2", "1 / 2, 3 lost"), (slow, "8", "1 / 2", "1 / no answer")) == made[
        "Milliseconds:"
    ]
    assert (
        (slow, "oxigraph", "12x", "no answer", "yes"),
        (small, "oxigraph", "0.35x", "0.5x", "yes"),
    ) == made["Aims,"]
    assert (("r2p-kg", "8", "2", "5", "2.5x", "9 → 9", "1", "4x 503"),) == made["Small"]


def test_a_peer_that_is_not_there_is_told_with_what_gives_it(tmp_path: Path) -> None:
    for kind in services.kinds(())[1:]:
        assert kind.install
        assert {} == {
            name: path
            for name, path in services.find(kind.needs, [tmp_path]).items()
            if Path(path).is_relative_to(tmp_path)
        }


def test_a_program_in_a_given_folder_goes_before_one_on_the_path(tmp_path: Path) -> None:
    for name in ("sh", "jena-fuseki-server-1.jar"):
        (tmp_path / name).touch(0o755)
    assert {
        "sh": str(tmp_path / "sh"),
        "jena-fuseki-server-*.jar": str(tmp_path / "jena-fuseki-server-1.jar"),
    } == services.find(["sh", "jena-fuseki-server-*.jar", "no-such-program-anywhere"], [tmp_path])


def test_a_process_that_was_started_is_ended_with_all_that_it_started() -> None:
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert [process.pid, child] == machine.tree(process.pid)
        assert machine.memory([process.pid, child]).pss > 1
        machine.end(process)
        assert not machine.runs(child)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a quick run printed, and the folder that it wrote."""
    out = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks.serving", "--quick", "--out", str(out)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout, out


@pytest.fixture(scope="module")
def results(run: tuple[str, Path]) -> Any:
    return json.loads((run[1] / "results.json").read_text("utf-8"))


@pytest.mark.served
def test_every_question_is_answered_and_no_request_is_lost(results: Any) -> None:
    assert 7 == len(results["loads"])
    for load in results["loads"]:
        for each in load["rounds"]:
            assert each["requests"] > 0, load["question"]
            assert {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0} == each["errors"], load[
                "question"
            ]


@pytest.mark.served
def test_small_queries_are_answered_while_a_runaway_is_evaluated(results: Any) -> None:
    assert [("r2p-kg", 1), ("r2p-kg", 8)] == [(one["service"], one["clients"]) for one in results["attacks"]]
    for one in results["attacks"]:
        assert sum(one["answers"].values()) >= 1
        assert not {"200", "400"} & one["answers"].keys(), (
            "a runaway must neither be answered nor be refused as a mistake"
        )
        assert all(each["requests"] > 0 for each in one["attacked"])


@pytest.mark.served
def test_a_runaway_is_ended_at_its_deadline_and_its_worker_replaced(results: Any) -> None:
    assert [503] == [status for _, status in results["late_ms_status"]]
    assert all(late >= 0 for late, _ in results["late_ms_status"])
    assert [True] == [one["new_worker"] is not None for one in results["replaced_ms"]]


@pytest.mark.served
def test_memory_is_told_by_role(results: Any) -> None:
    roles = results["roles"]["graph.nt"]
    assert ["broker", "front", "worker", "zygote"] == sorted(roles)
    assert all(role["processes"] >= 1 and role["pss"] > 0 for role in roles.values())


@pytest.mark.served
def test_the_tables_are_printed_and_written(run: tuple[str, Path]) -> None:
    printed, out = run
    document = (out / "serving.md").read_text("utf-8")
    assert re.search(r"304 to their own ETag: r2p-kg", printed)
    for title in (
        "Requests per second",
        "Milliseconds",
        "Memory of the whole process tree",
        "Small never-repeated queries",
        "Deadlines and killed workers",
    ):
        assert title in printed
        assert title in document
