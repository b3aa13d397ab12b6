"""The front's reading of bodies, without a server.

Each way in which one can fail to come has an answer of its own.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from r2p_kg.errors import BusyError
from r2p_kg.web import bodies
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Headers(dict[str, str]):
    """Headers as granian gives them."""

    def get_all(self, name: str) -> list[str]:
        """Every value of a name."""
        return [self[name]] if name in self else []


async def arriving(*parts: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    """A body in parts; granian ends each with an empty one."""
    for part in (*parts, b""):
        await asyncio.sleep(pause)
        yield part


def read(parts: AsyncIterator[bytes], held: int = 0, *, writes: bool = False, **headers: str) -> bytes:
    """What the front reads of a body; ``writes``: of a service whose data may be changed."""
    made = bodies.Bodies()
    made._held = held
    scope = SimpleNamespace(
        path="/sparql", headers=Headers({name.replace("_", "-"): value for name, value in headers.items()})
    )
    try:
        app = Flask("writable") if writes else None
        return asyncio.run(made.read(scope, parts, "/sparql", 1000, app))
    finally:
        assert held == made._held  # what was counted is given back, whatever happened


def test_a_body_in_parts_is_one() -> None:
    assert b"abcdef" == read(arriving(b"abc", b"def"), content_length="6")
    assert b"abc" == read(arriving(b"abc"))


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_BODY_SECONDS", 0.1)
    with pytest.raises(RequestError, match=r"did not come within 0\.1 seconds") as caught:
        read(arriving(b"a", b"b", b"c", pause=0.08), content_length="3")
    assert 408 == caught.value.status


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        ((b"x" * 999, b"xx"), {}, 413),
        ((), {"content_length": "1001"}, 413),
        ((b"abc",), {"content_length": "4"}, 400),
        ((b"abc", b""), {}, 400),
        ((b"abc",), {"content_encoding": "gzip"}, 415),
    ],
    ids=["too long in parts", "too long by its length", "shorter than said", "broken off", "compressed"],
)
def test_other_bodies_are_refused(parts: tuple[bytes, ...], headers: dict[str, str], status: int) -> None:
    with pytest.raises(RequestError) as caught:
        read(arriving(*parts), **headers)
    assert status == caught.value.status


def test_announced_trailer_fields_may_follow_a_query_and_nothing_else() -> None:
    """Granian gives an empty part for them, as for a body that broke off."""
    assert b"ASK {}" == read(arriving(b"ASK {}", b""), trailer="X-Checksum")
    with pytest.raises(RequestError, match="trailer fields"):
        read(arriving(b"ASK {}", b""))
    with pytest.raises(RequestError, match="trailer fields"):
        read(arriving(b"CLEAR ALL", b""), writes=True, trailer="X-Checksum")


def test_bodies_of_all_requests_together_have_a_bound() -> None:
    with pytest.raises(BusyError):
        read(arriving(b"x" * 100), held=bodies._ALL_BODIES)
