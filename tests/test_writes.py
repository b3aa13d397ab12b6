"""Writes to the whole service.

What was written is there for everybody at once, nobody who reads is disturbed, and a bad write leaves no
trace.
"""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import pytest

from tests.served import started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EX: Final = "http://example.org/"
BEARER: Final = "of forty characters, made up for this test"
STATE: Final = f"SELECT ?a ?b WHERE {{ <{EX}state> <{EX}a> ?a ; <{EX}b> ?b }}"

pytestmark = pytest.mark.served


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service with two fronts and writes on."""
    folder: Path = tmp_path_factory.mktemp("writes")
    (folder / "data.ttl").write_text(f"<{EX}state> <{EX}a> 0 ; <{EX}b> 0 .", "utf-8")
    (folder / "token").write_text(BEARER, "utf-8")
    with started(
        "--data",
        str(folder / "data.ttl"),
        "--write-token-file",
        str(folder / "token"),
        "--workers",
        "2",
        temporary=folder,
    ) as found:
        yield found


def send(url: str, method: str, target: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own, which either front may take."""
    address = urlsplit(url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)) as connection:
        connection.request(
            method,
            target,
            body,
            {"Authorization": f"Bearer {BEARER}", **({"Content-Type": kind} if kind else {})},
        )
        reply = connection.getresponse()
        return reply.status, reply.read()


def update(url: str, text: str) -> int:
    """The status of an update."""
    return send(url, "POST", "/sparql", text.encode(), "application/sparql-update")[0]


def state(url: str) -> tuple[int, int]:
    """What two values are now; every write sets both to the same."""
    status, body = send(url, "GET", f"/sparql?{urlencode({'query': STATE})}")
    assert 200 == status, body
    (row,) = json.loads(body)["results"]["bindings"]
    return int(row["a"]["value"]), int(row["b"]["value"])


def setting(number: int) -> str:
    """An update of two operations, between which nobody may look."""
    return " ; ".join(
        f"DELETE WHERE {{ <{EX}state> <{EX}{name}> ?o }} ; INSERT DATA {{ <{EX}state> <{EX}{name}> {number} }}"
        for name in "ab"
    )


def test_what_was_written_is_there_for_every_later_question(url: str) -> None:
    for number in range(1, 5):
        assert 204 == update(url, setting(number))
        assert {(number, number)} == {state(url) for _ in range(12)}


def test_those_who_read_meanwhile_get_whole_states_in_their_order(url: str) -> None:
    assert 204 == update(url, setting(100))
    stop, seen, failed = threading.Event(), [], []

    def read() -> None:
        mine = []
        while not stop.is_set():
            try:
                mine.append(state(url))
            except (AssertionError, OSError, ValueError) as error:
                failed.append(repr(error))
        seen.append(mine)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    statuses = [update(url, setting(number)) for number in range(101, 106)]
    stop.set()
    for reader in readers:
        reader.join(30)
    assert [204] * 5 == statuses
    assert [] == failed
    assert all(a == b for mine in seen for a, b in mine)
    assert {a for mine in seen for a, _ in mine} <= set(range(100, 106))
    assert 4 == len([mine for mine in seen if len(mine) > 1])


def test_writes_at_once_are_done_one_after_the_other_and_none_is_lost(url: str) -> None:
    statuses: list[int] = []
    texts = [f"INSERT DATA {{ <{EX}many> <{EX}value> {number} }}" for number in range(6)]
    writers = [
        threading.Thread(target=lambda text=text: statuses.append(update(url, text))) for text in texts
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [204] * 6 == statuses
    _, body = send(
        url, "GET", f"/sparql?{urlencode({'query': f'SELECT ?v {{ <{EX}many> <{EX}value> ?v }}'})}"
    )
    assert set(range(6)) == {int(row["v"]["value"]) for row in json.loads(body)["results"]["bindings"]}


def test_a_write_that_fails_leaves_everything_as_it_was(url: str) -> None:
    assert 204 == update(url, setting(7))
    assert 400 == update(url, f"{setting(8)} ; CLEAR XYZ")
    assert 400 == update(url, f"{setting(8)} ; LOAD <http://127.0.0.1/>")
    assert 400 == send(url, "PUT", "/rdf-graph-store?default", b"<a:b> <a:b>", "text/turtle")[0]
    assert {(7, 7)} == {state(url) for _ in range(8)}


def test_pages_dumps_and_the_status_are_those_of_the_new_snapshot(url: str) -> None:
    assert 204 == update(url, setting(9))
    assert f'<{EX}state> <{EX}a> "9"' in send(url, "GET", "/dumps/r2p.nq")[1].decode()
    assert 200 == send(url, "GET", f"/resource?{urlencode({'iri': EX + 'state'})}")[0]
    digests = {json.loads(send(url, "GET", "/status")[1])["snapshot"] for _ in range(6)}
    assert 1 == len(digests)
