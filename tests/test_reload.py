"""A new snapshot while the service runs.

Nothing is lost, nothing is mixed, a bad edit changes nothing and says where it is.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from r2p_kg.curate import build
from r2p_kg.curate.reasoning import consistency
from r2p_kg.engine.broker import Client
from tests import served
from tests.curated import FOREIGN, HEAD, PREFIXES, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.served

QUESTION = """#+ title: Tools
#+ question: Which tools are there?
#+ returns:
#+   - tool: the tool
#+ expect: rows
PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
SELECT ?tool WHERE { ?tool a r2p:Tool }
"""
LABEL = "SELECT ?l { <https://w3id.org/r2p-kg/id/a> <http://www.w3.org/2000/01/rdf-schema#label> ?l }"


@dataclass
class World:
    """A small ontology folder, its state folder and its saved questions, and the service over them."""

    folder: Path
    url: str = ""
    #: The process that a person started.
    main: int = 0

    def label(self, text: str) -> None:
        """Edit: the thing ``a`` is called so from now on."""
        (self.folder / "ontology" / "facts" / "a.ttl").write_text(
            f'{HEAD}id:a a r2p:Tool ; rdfs:label "{text}"@en .\n', encoding="utf-8"
        )

    def build(self) -> Path:
        """The snapshot of the folder as it is now."""
        return build.current(self.folder / "ontology", self.folder / "state").path

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            return exchanged(connection, "GET", path, None, headers)
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """What /status says."""
        return dict(json.loads(self.get("/status", Accept="application/json")[2]))

    def served_label(self) -> str:
        """What the thing ``a`` is called now."""
        return (
            self.get(f"/sparql?{urlencode({'query': LABEL})}", Accept="text/csv")[2].decode().split("\r\n")[1]
        )

    @property
    def broker(self) -> int:
        """The process id of the broker; 0 where it cannot be asked at the moment."""
        return int(self.status()["engine"].get("broker", 0))

    def fronts(self) -> set[int]:
        """The front processes: forked from the main one, so that they are called as it is."""
        below = {
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and parent_of(int(entry.name)) == self.main
        }
        return {pid for pid in below if called(pid) == called(self.main)}

    def swap(self, path: Path) -> None:
        """Switch as a reload does, once it has built."""
        with closing(Client(next(self.folder.glob("t/r2p-*/r2p-*/broker")))) as client:
            client.swap(path)


def exchanged(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


def called(pid: int) -> bytes:
    """The command line of a process, empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where it is gone or dead."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
    except OSError:
        return 0
    return 0 if state == "Z" else int(parent)


def soon(condition: Callable[[], object], seconds: float = 20) -> bool:
    """True as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not (found := bool(condition())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@contextmanager
def world(folder: Path, *arguments: str) -> Iterator[World]:
    """The service over a small world of its own.

    Pellet's verdict on it is known already, since Pellet takes seconds.
    """
    made = World(folder)
    for name, text in {
        "prefixes": PREFIXES,
        "schema/tools": SCHEMA,
        "schema/foreign": FOREIGN,
        "facts/b": HEAD + 'id:b a r2p:Tool ; rdfs:label "b"@en .\n',
    }.items():
        path = folder / "ontology" / f"{name}.ttl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "queries" / "tools").mkdir(parents=True)
    (folder / "queries" / "tools" / "tools.rq").write_text(QUESTION, encoding="utf-8")
    (folder / "ontology" / "facts").mkdir(exist_ok=True)
    (folder / "t").mkdir()
    made.label("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            consistency, "_ask", lambda *_: consistency.Verdict(consistent=True, unsatisfiable=(), said="")
        )
        made.build()
    places = (
        "--ontology",
        str(folder / "ontology"),
        "--state",
        str(folder / "state"),
        "--queries",
        str(folder / "queries"),
    )
    with served.started(
        *places,
        "--workers",
        "2",
        "--query-workers",
        "2",
        "--timeout",
        "5",
        *arguments,
        temporary=folder / "t",
    ) as url:
        made.url = url
        made.main = parent_of(made.broker)
        assert soon(lambda: len(made.fronts()) == 2)
        yield made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("w")) as made:
        yield made


@dataclass
class Load:
    """Eight clients that ask without pause, each on a connection that is kept, and what they got."""

    url: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    lost: list[BaseException] = field(default_factory=list)
    slowest: float = 0.0

    @contextmanager
    def on(self) -> Iterator[Load]:
        """The load, as long as the context lasts."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(number, stop)) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        assert not any(thread.is_alive() for thread in threads)

    def _ask(self, number: int, stop: threading.Event) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        csv = {"Accept": "text/csv"}
        count = 0
        while not stop.wait(0.004):
            count += 1
            fresh = f"{LABEL} # {number} {count}"
            began = time.monotonic()
            try:
                match (number + count) % 4:
                    case 0:
                        self.answers.append(
                            exchanged(connection, "GET", f"/sparql?{urlencode({'query': LABEL})}", None, csv)
                        )
                    case 1:
                        self.answers.append(
                            exchanged(connection, "GET", f"/sparql?{urlencode({'query': fresh})}", None, csv)
                        )
                    case 2:
                        self.answers.append(
                            exchanged(
                                connection,
                                "POST",
                                "/sparql",
                                fresh.encode(),
                                {**csv, "Content-Type": "application/sparql-query"},
                            )
                        )
                    case _:
                        self.pages.append(
                            exchanged(connection, "GET", "/id/a", None, {"Accept": "text/html"})[0]
                        )
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(error)
                connection.close()
            self.slowest = max(self.slowest, time.monotonic() - began)
        connection.close()


def test_ten_reloads_under_load_lose_no_request_and_mix_nothing(running: World) -> None:
    paths = []
    for number in range(10):
        running.label(f"label {number}")
        built = running.build()
        # The state folder keeps only the latest few.
        paths.append(built.rename(running.folder / built.name))
    load = Load(running.url)
    with load.on():
        for path in paths:
            running.swap(path)
            assert path.stem == running.status()["snapshot"]
            time.sleep(0.2)
        time.sleep(0.2)
    assert [] == load.lost
    assert {200} == {status for status, _, _ in load.answers} | set(load.pages)
    found: defaultdict[str, set[bytes]] = defaultdict(set)
    tags: defaultdict[str, set[str]] = defaultdict(set)
    for _, headers, body in load.answers:
        found[headers["r2p-snapshot"]].add(body)
        tags[headers["etag"]].add(headers["r2p-snapshot"])
    assert {path.stem: {f"l\r\nlabel {number}\r\n".encode()} for number, path in enumerate(paths)} == {
        name: found[name] for name in (path.stem for path in paths)
    }
    assert all(len(bodies) == 1 for bodies in found.values())
    assert all(len(snapshots) == 1 for snapshots in tags.values())
    assert len(load.answers) > 500


def test_sighup_serves_an_edit_without_a_restart(running: World) -> None:
    fronts, broker, main = running.fronts(), running.broker, running.main
    running.label("edited")
    load = Load(running.url)
    with load.on():
        os.kill(main, signal.SIGHUP)
        assert soon(lambda: running.served_label() == "edited")
        time.sleep(0.3)
    assert [] == load.lost
    assert {200} == {status for status, _, _ in load.answers}
    assert (fronts, broker, main) == (running.fronts(), running.broker, running.main)
    assert [] == running.status()["notices"]


def test_a_bad_edit_keeps_what_is_served_and_says_where_it_is_until_it_is_mended(running: World) -> None:
    running.label("before the mistake")
    os.kill(running.main, signal.SIGHUP)
    assert soon(lambda: running.served_label() == "before the mistake")
    path = running.folder / "ontology" / "facts" / "b.ttl"
    good = path.read_text(encoding="utf-8")
    path.write_text(good + "id:c a r2p:Toll .\n", encoding="utf-8")
    running.label("not to be seen")
    os.kill(running.main, signal.SIGHUP)
    assert soon(lambda: running.status()["notices"])
    said = "\n".join(running.status()["notices"])
    assert f"facts/b.ttl:{len(good.splitlines()) + 1}" in said
    assert str(running.folder) not in said
    assert "before the mistake" == running.served_label()
    path.write_text(good, encoding="utf-8")
    running.label("mended")
    os.kill(running.main, signal.SIGHUP)
    assert soon(lambda: running.served_label() == "mended")
    assert soon(lambda: running.status()["notices"] == [])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            QUESTION.replace("?tool a r2p:Tool", "SERVICE <http://127.0.0.1:1/> { ?tool a r2p:Tool }"),
            "failing.rq:7",
        ),
        (QUESTION.replace("#+ expect: rows\n", ""), "failing.rq:1"),
    ],
    ids=["cannot be asked", "cannot be read"],
)
def test_a_saved_question_that_fails_keeps_what_is_served_and_is_named(
    running: World, text: str, place: str
) -> None:
    before = running.served_label()
    failing = running.folder / "queries" / "tools" / "failing.rq"
    failing.write_text(text, encoding="utf-8")
    running.label("behind a question that fails")
    os.kill(running.main, signal.SIGHUP)
    assert soon(lambda: place in "".join(running.status()["notices"]))
    assert before == running.served_label()
    assert (200, 404) == (running.get("/queries/tools")[0], running.get("/queries/failing")[0])
    # Neither does it keep a front from being replaced.
    victim = min(running.fronts())
    os.kill(victim, signal.SIGKILL)
    assert soon(lambda: len(running.fronts() - {victim}) == 2)
    failing.unlink()
    running.label(before)
    os.kill(running.main, signal.SIGHUP)
    # Both fronts, whichever is asked.
    assert soon(lambda: all(running.status()["notices"] == [] for _ in range(8)))


def test_a_new_question_is_asked_after_a_reload_also_where_the_graph_is_the_same(running: World) -> None:
    digest = running.status()["snapshot"]
    fresh = running.folder / "queries" / "tools" / "fresh.rq"
    fresh.write_text(QUESTION, encoding="utf-8")
    os.kill(running.main, signal.SIGHUP)
    # Both fronts, whichever is asked.
    assert soon(lambda: {200} == {running.get("/queries/fresh", Accept="text/csv")[0] for _ in range(8)})
    assert digest == running.status()["snapshot"]


def test_a_broker_killed_under_load_leaves_no_request_hanging(running: World) -> None:
    load = Load(running.url)
    victim = running.broker
    with load.on():
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        assert soon(lambda: running.broker not in {0, victim})
        count = len(load.answers)
        assert soon(
            lambda: (
                len(load.answers) > count + 200 and {200} == {status for status, _, _ in load.answers[-100:]}
            )
        )
    assert [] == load.lost
    refused = [headers for status, headers, _ in load.answers if status != 200]
    assert {status for status, _, _ in load.answers} <= {200, 503}
    assert all(int(headers["retry-after"]) >= 1 for headers in refused)
    assert {200} == set(load.pages)
    assert load.slowest < 5


def test_a_front_killed_under_load_is_replaced(running: World) -> None:
    """Only what it had in its hands is lost: at most one request of each connection."""
    load = Load(running.url)
    victim = min(running.fronts())
    with load.on():
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        assert soon(lambda: len(running.fronts() - {victim}) == 2)
        count = len(load.answers)
        assert soon(lambda: len(load.answers) > count + 200)
    assert len(load.lost) <= 8 * 2
    # Whoever takes its place serves what was served last, and not what the service began with.
    latest = running.status()["snapshot"]
    assert {latest} == {headers["r2p-snapshot"] for _, headers, _ in load.answers}
    assert {200} == {status for status, _, _ in load.answers}


def test_a_watched_folder_is_read_again_by_itself(tmp_path: Path) -> None:
    with world(tmp_path, "--watch") as watched:
        assert "first" == watched.served_label()
        watched.label("second")
        assert soon(lambda: watched.served_label() == "second")
