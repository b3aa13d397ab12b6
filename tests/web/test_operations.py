"""The landing page, the state of the service, and the whole dataset."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyoxigraph as ox
import pytest

from r2p_kg.graph import rdf
from r2p_kg.library import Library
from r2p_kg.limits import Limits
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from r2p_kg.graph.snapshot import Snapshot


def test_the_landing_page_leads_to_questions_and_counts(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/", headers=browser).text
    assert "/queries/situation-responses" in page
    assert "/queries/any-talks" in page
    assert "situation" in page


def test_foreign_data_are_not_called_ours(world: Snapshot, engine: Any, browser: dict[str, str]) -> None:
    client = in_process.client(
        create_app(Settings(title="my files", checked=False), world, engine, Library())
    )
    page = client.get("/", headers=browser).text
    assert "did not pass the checks" in page
    assert "<h1>my files</h1>" in page
    assert not client.get("/status").json["checked"]


def test_it_says_that_it_lives_and_is_ready(client: FlaskClient) -> None:
    assert (200, "ok\n") == (client.get("/healthz").status_code, client.get("/healthz").text)
    assert (200, "ready\n") == (client.get("/readyz").status_code, client.get("/readyz").text)


def test_the_status_states_version_limits_counts_and_the_engine(
    client: FlaskClient, world: Snapshot, browser: dict[str, str]
) -> None:
    status = client.get("/status").json
    assert world.digest == status["snapshot"]
    small = Limits(
        seconds=5.0, rows=5000, bytes=4_000_000, query_bytes=20_000, body_bytes=60_000, table_rows=100
    )
    assert asdict(small) == status["limits"]
    assert 2 == status["census"]["class: situation"]
    assert status["engine"]
    page = client.get("/status", headers=browser)
    assert world.digest in page.text
    assert "no-store" == page.headers["Cache-Control"]


def test_a_notice_is_shown_on_the_status_page(world: Snapshot, engine: Any, browser: dict[str, str]) -> None:
    client = in_process.client(
        create_app(
            Settings(notices=("2 errors: the last good snapshot is served",)), world, engine, Library()
        )
    )
    assert "the last good snapshot is served" in client.get("/status", headers=browser).text
    assert ["2 errors: the last good snapshot is served"] == client.get("/status").json["notices"]


def test_the_dump_is_the_text_that_the_digest_is_of(client: FlaskClient, world: Snapshot) -> None:
    reply = client.get("/dumps/r2p.nq")
    assert world.digest == hashlib.sha256(reply.data).hexdigest()
    assert 304 == client.get("/dumps/r2p.nq", headers={"If-None-Match": reply.headers["ETag"]}).status_code
    assert reply.data == gzip.decompress(client.get("/dumps/r2p.nq.gz").data)
    assert reply.data == rdf.canonical(ox.parse(client.get("/dumps/r2p.trig").data, ox.RdfFormat.TRIG))


@pytest.mark.parametrize("path", ["/void", "/.well-known/void"])
def test_the_description_is_at_both_of_its_addresses(
    client: FlaskClient, path: str, browser: dict[str, str]
) -> None:
    assert "text/turtle" == client.get(path).mimetype
    assert "application/rdf+xml" == client.get(path, headers={"Accept": "application/rdf+xml"}).mimetype
    assert "Everything in one file" in client.get(path, headers=browser).text


def test_a_host_header_cannot_write_into_the_description(client: FlaskClient) -> None:
    reply = client.get("/void", headers={"Host": 'a"> <b'})
    assert b'a"> <b' not in reply.data
