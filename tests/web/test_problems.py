"""Errors have one shape, everywhere, and every answer carries the headers that protect its reader."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from r2p_kg.errors import AnswerTooLargeError, BusyError, QueryTimeoutError, WorkerDiedError
from r2p_kg.graph import vocab
from r2p_kg.library import Library
from r2p_kg.web import Settings, create_app
from tests import in_process
from tests.web.conftest import small_library

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from r2p_kg.engine import Budget, Dataset
    from r2p_kg.graph.snapshot import Snapshot

MEMBERS = {"type", "title", "status", "detail", "instance"}


def assert_problem(reply: Any, status: int) -> dict[str, Any]:
    """RFC 9457: the media type, the five members, the status both times; returns the body."""
    assert (status, "application/problem+json") == (reply.status_code, reply.content_type)
    body: dict[str, Any] = reply.get_json(force=True)
    assert MEMBERS <= body.keys()
    assert status == body["status"]
    assert body["type"].startswith(vocab.PROBLEM)
    assert body["instance"].startswith("urn:uuid:")
    assert body["detail"]
    assert "no-store" == reply.headers["Cache-Control"]
    assert "Traceback" not in reply.text
    return body


def addresses(client: FlaskClient) -> list[str]:
    """An address for every route of the application."""
    examples = {
        "name": "nowhere",
        "filename": "nowhere",
        "query_id": "nowhere",
        "suffix": "nowhere",
        "number": "nowhere",
    }
    found = []
    for rule in client.application.url_map.iter_rules():
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f"<path:{argument}>", examples[argument]).replace(
                f"<{argument}>", examples[argument]
            )
        found.append(path)
    assert len(found) >= 18
    return found


def test_every_route_refuses_a_wrong_method_with_a_problem_that_lists_the_right_ones(
    client: FlaskClient,
) -> None:
    for path in addresses(client):
        reply = client.patch(path)
        assert_problem(reply, 405)
        assert {"GET", "DELETE"} & set(reply.headers["Allow"].split(", "))


def test_every_route_with_a_name_answers_an_unknown_one_with_a_problem(client: FlaskClient) -> None:
    for path in addresses(client):
        if "nowhere" in path:
            # A running query is nothing to look at, only to stop.
            assert_problem(client.get(path), 405 if path.startswith("/operator/") else 404)


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/id",
        "/id/",
        "/queries/",
        "/dumps/../status",
        "//evil.example/",
        "/static/../__init__.py",
        "/static/%2e%2e/service.py",
        "/id/%00",
        "/%ff",
    ],
)
def test_an_odd_path_is_found_or_is_404_and_never_a_redirect(client: FlaskClient, path: str) -> None:
    reply = client.get(path)
    if reply.status_code != 200:
        assert_problem(reply, 404)
    assert "Location" not in reply.headers


def test_a_browser_gets_the_same_problem_as_a_page(client: FlaskClient, browser: dict[str, str]) -> None:
    reply = client.get("/nope", headers=browser)
    assert (404, "text/html") == (reply.status_code, reply.mimetype)
    assert "There is nothing at this address" in reply.text
    assert vocab.PROBLEM + "not-found" in reply.text


def test_a_path_is_never_markup_on_the_page_that_refuses_it(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    assert "<script>" not in client.get("/<script>alert(1)</script>", headers=browser).text


#: What every 503 says, by its kind of problem.
RETRY = {"timeout": "10", "busy": "7"}


class Failing:
    """An engine that raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def ask(self, _query: str, *, media_type: str, dataset: Dataset, budget: Budget) -> Any:  # noqa: ARG002
        """Raise it."""
        raise self.error

    def stats(self) -> Any:
        """Raise it."""
        raise self.error

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (QueryTimeoutError("over 1 s"), 503, "timeout"),
        (WorkerDiedError("died"), 500, "engine-crash"),
        (AnswerTooLargeError("big"), 413, "answer-too-large"),
        (BusyError("full", retry_after=7), 503, "busy"),
        (RuntimeError("secret detail"), 500, "internal-error"),
        (MemoryError(), 500, "internal-error"),
    ],
)
def test_what_the_engine_meets_becomes_a_problem(
    world: Snapshot, browser: dict[str, str], error: Exception, status: int, slug: str
) -> None:
    client = in_process.client(create_app(Settings(), world, Failing(error), small_library()))
    for path in ("/sparql?query=ASK%20%7B%7D", "/queries/any-talks"):
        reply = client.get(path)
        body = assert_problem(reply, status)
        assert vocab.PROBLEM + slug == body["type"]
        assert "secret" not in reply.text
        assert RETRY.get(slug) == reply.headers.get("Retry-After")
        assert status == client.get(path, headers=browser).status_code
    assert 200 == client.get("/healthz").status_code


def test_a_service_without_its_engine_is_alive_and_not_ready(world: Snapshot) -> None:
    client = in_process.client(create_app(Settings(), world, Failing(BusyError("gone")), Library()))
    reply = client.get("/readyz")
    assert_problem(reply, 503)
    assert "1" == reply.headers["Retry-After"]
    assert 200 == client.get("/healthz").status_code
    assert {"unavailable": "gone"} == client.get("/status").get_json()["engine"]


def test_a_fault_of_ours_is_in_the_log_under_its_instance(
    world: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    client = in_process.client(create_app(Settings(), world, Failing(RuntimeError("the cause")), Library()))
    with caplog.at_level(logging.ERROR):
        body = client.get("/readyz").get_json(force=True)
    assert body["instance"] in caplog.text
    assert "the cause" in caplog.text


def test_every_answer_carries_the_protecting_headers(client: FlaskClient, browser: dict[str, str]) -> None:
    for path in [
        "/",
        "/sparql",
        "/status",
        "/nope",
        "/static/style.css",
        "/dumps/r2p.nq",
        "/queries",
        "/id/arvania-2001",
    ]:
        for headers in ({}, browser):
            reply = client.get(path, headers=headers)
            policy = reply.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "nosniff" == reply.headers["X-Content-Type-Options"]
            assert "*" == reply.headers["Access-Control-Allow-Origin"]


def test_no_page_asks_anyone_else_or_runs_a_script(client: FlaskClient, browser: dict[str, str]) -> None:
    for path in [
        "/",
        "/sparql",
        "/status",
        "/nope",
        "/queries",
        "/queries/situation-responses",
        "/ns",
        "/void",
        "/id/arvania-2001",
    ]:
        page = client.get(path, headers=browser).text
        assert "<script" not in page
        assert " style=" not in page
        assert "<img" not in page
        assert '<link rel="stylesheet" href="/static/style.css?v=' in page
        assert '<html lang="en">' in page
        assert '<a class="skip" href="#main">' in page
        assert 1 == page.count("<h1>")
