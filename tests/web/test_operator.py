"""The operator's address.

Closed without a token, and the only place where others' queries can be read or ended.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from r2p_kg.errors import QueryCancelledError
from r2p_kg.library import Library
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from r2p_kg.graph.snapshot import Snapshot

TOKEN = "the operator's own"  # noqa: S105 - of this test
MINE = {"Authorization": f"Bearer {TOKEN}"}
ENDLESS = "SELECT (COUNT(*) AS ?secret) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"


class Cancelling:
    """The engine of the tests, with what the broker's client has besides."""

    def __init__(self, counted: Any) -> None:
        self.pool = counted.engine
        self.ask, self.stats, self.cancel = self.pool.ask, self.pool.stats, self.pool.cancel


@pytest.fixture
def client(world: Snapshot, engine: Any) -> FlaskClient:
    return in_process.client(
        create_app(Settings(), world, Cancelling(engine), Library(), operator_token=TOKEN)
    )  # type: ignore[arg-type]


@pytest.fixture
def running(engine: Any) -> Iterator[threading.Thread]:
    """A query that runs on and on."""

    def work() -> None:
        with pytest.raises(QueryCancelledError, match="cancelled by the operator"):
            engine.engine.ask(ENDLESS, media_type="text/csv")

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 5
    while not engine.engine.stats()["running"] and time.monotonic() < deadline:
        time.sleep(0.02)
    yield thread
    for one in engine.engine.stats()["running"]:
        engine.engine.cancel(one["id"])
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.usefixtures("running")
def test_the_text_of_a_running_query_is_the_operators_alone(client: FlaskClient) -> None:
    public = client.get("/status").json["engine"]["running"][0]
    assert {"id", "seconds", "pid", "slow", "hash"} == set(public)
    assert ENDLESS not in client.get("/status").text
    mine = client.get("/operator/queries", headers=MINE)
    assert (ENDLESS, public["hash"]) == (mine.json["queries"][0]["query"], mine.json["queries"][0]["hash"])
    assert "no-store" == mine.headers["Cache-Control"]
    assert ENDLESS == client.get("/status", headers=MINE).json["engine"]["running"][0]["query"]


def test_the_operator_ends_a_query_and_nobody_else_does(
    client: FlaskClient, running: threading.Thread
) -> None:
    number = client.get("/operator/queries", headers=MINE).json["queries"][0]["id"]
    assert 401 == client.delete(f"/operator/queries/{number}").status_code
    assert running.is_alive()
    assert 204 == client.delete(f"/operator/queries/{number}", headers=MINE).status_code
    running.join(5)
    assert not running.is_alive()


def test_a_query_that_does_not_run_cannot_be_ended(client: FlaskClient) -> None:
    reply = client.delete("/operator/queries/4711", headers=MINE)
    assert (404, "application/problem+json") == (reply.status_code, reply.mimetype)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_query_is_ended_with_delete_alone(client: FlaskClient, method: str) -> None:
    assert 405 == client.open("/operator/queries/1", method=method, headers=MINE).status_code


@pytest.mark.parametrize(
    ("headers", "sign"),
    [
        ({}, "Bearer realm"),
        ({"Authorization": "Bearer wrong"}, "invalid_token"),
        ({"Authorization": "Basic dTpw"}, "Bearer realm"),
        ({"Authorization": "Bearer "}, "Bearer"),
    ],
)
def test_without_the_token_it_answers_401_and_says_what_is_needed(
    client: FlaskClient, headers: dict[str, str], sign: str
) -> None:
    for reply in (
        client.get("/operator/queries", headers=headers),
        client.delete("/operator/queries/1", headers=headers),
    ):
        assert (401, "application/problem+json", "no-store") == (
            reply.status_code,
            reply.mimetype,
            reply.headers["Cache-Control"],
        )
        assert sign in reply.headers["WWW-Authenticate"]
        assert TOKEN not in reply.text


@pytest.mark.parametrize("token", [None, ""])
def test_where_the_operator_gave_no_token_nobody_comes_in(
    world: Snapshot, engine: Any, token: str | None
) -> None:
    client = in_process.client(
        create_app(Settings(), world, Cancelling(engine), Library(), operator_token=token)
    )  # type: ignore[arg-type]
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        reply = client.get("/operator/queries", headers=headers)
        assert (403, "application/problem+json") == (reply.status_code, reply.mimetype)


def test_whether_a_query_runs_is_not_told_either(client: FlaskClient) -> None:
    assert {401} == {
        client.get("/operator/queries").status_code,
        client.delete("/operator/queries/9").status_code,
    }
