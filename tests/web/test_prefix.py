"""A service that is published below a path.

Whether the proxy strips the path or not, every link leads back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from r2p_kg.web import Settings, create_app
from tests import in_process
from tests.web.conftest import small_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from r2p_kg.graph.snapshot import Snapshot

PAGES = (
    "/", "/sparql", "/queries", "/queries/situation-responses", "/queries/label-search", "/ns", "/census",
    "/void", "/status", "/explain", "/id/arvania-2001", "/id/arvania.response.talks", "/nowhere",
    "/resource?iri=http://example.org/hub", "/sparql?query=SELECT+*+{?s+?p+?o}+LIMIT+9", "/sparql?query=SELECT",
)  # fmt: skip


@pytest.fixture
def published(world: Snapshot, engine: Any) -> Callable[[str], in_process.FrontClient]:
    """A client of a service that is published at an address."""

    def at(url: str) -> in_process.FrontClient:
        return in_process.client(create_app(Settings(public_url=url), world, engine, small_library()))

    return at


@pytest.mark.parametrize("url", ["https://x.example/kg/", "https://x.example/kg", "https://x.example/a/b/"])
@pytest.mark.parametrize("stripped", [True, False])
def test_every_link_of_every_page_leads_below_the_prefix(
    published: Callable[[str], in_process.FrontClient], url: str, browser: dict[str, str], *, stripped: bool
) -> None:
    client, prefix = published(url), "/" + url.split("/", 3)[3].rstrip("/")
    came = "" if stripped else prefix
    seen: set[str] = set()
    for path in PAGES:
        reply = client.get(came + path, headers=browser)
        assert "text/html" == reply.mimetype
        links = re.findall(r'(?:href|action|src)="(/[^"]*)"', reply.text)
        links += re.findall(r"<(/[^>]*)>", reply.headers.get("Link", ""))
        assert f"{prefix}/static/style.css" in {link.partition("?")[0] for link in links}
        assert [] == [link for link in links if not link.startswith(f"{prefix}/")]
        seen |= {link.replace("&amp;", "&").partition("#")[0] for link in links}
    for link in sorted(seen):
        assert 200 == client.get(came + link.removeprefix(prefix), headers=browser).status_code, link
    assert len(seen) > 60


@pytest.mark.parametrize("stripped", [True, False])
def test_headers_and_documents_name_addresses_below_the_prefix(
    published: Callable[[str], in_process.FrontClient], *, stripped: bool
) -> None:
    client, came = published("https://x.example/kg/"), "" if stripped else "/kg"
    entity = client.get(f"{came}/id/arvania-2001", headers={"Accept": "text/turtle"})
    assert "/kg/id/arvania-2001.ttl" == entity.headers["Content-Location"]
    assert "</kg/id/arvania-2001.nt>" in entity.headers["Link"]
    hub = client.get(f"{came}/resource?iri=http://example.org/n1&page=1", headers={"Accept": "text/turtle"})
    assert "</kg/resource?iri=" in hub.headers["Link"]
    terms = client.get(f"{came}/ns", headers={"Accept": "text/turtle"})
    assert "/kg/ns.ttl" == terms.headers["Content-Location"]
    assert {"/kg/queries/"} == {
        one["address"].removesuffix(one["id"]) for one in client.get(f"{came}/queries").get_json()["queries"]
    }
    assert "<https://x.example/kg/sparql>" in client.get(f"{came}/void").text
    assert 404 == client.get(f"{came}/rdf-graph-store/g").status_code
    assert "<https://x.example/kg/rdf-graph-store/g>" in client.get(f"{came}/rdf-graph-store/g").text


def test_a_prefix_that_begins_as_an_address_of_ours_must_be_stripped_by_the_proxy(
    published: Callable[[str], in_process.FrontClient],
) -> None:
    """Else nobody could tell /id/x, the thing, from /x below /id."""
    client = published("https://x.example/id/")
    assert 200 == client.get("/id/arvania-2001").status_code
    assert 404 == client.get("/id/queries").status_code


def test_other_paths_that_begin_alike_are_left_alone(
    published: Callable[[str], in_process.FrontClient],
) -> None:
    client = published("https://x.example/kg")
    assert 404 == client.get("/kgx/queries").status_code
    assert 200 == client.get("/kg").status_code
