"""What ``r2p serve`` makes of its options before it serves."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from r2p_kg.command import main, reload, serve
from r2p_kg.curate import build
from r2p_kg.engine import Budget
from r2p_kg.engine.policy import Limits as TextLimits
from r2p_kg.engine.pool import PoolSettings
from r2p_kg.limits import Limits, declared
from r2p_kg.sparql import updates
from r2p_kg.web.service import Settings
from r2p_kg.web.update import Gate

if TYPE_CHECKING:
    from click.testing import Result

    from r2p_kg.command.signals import Signals

MEGABYTE = 1024 * 1024


class Begun(Exception):  # noqa: N818 - no error: the process would have been replaced
    """Instead of a new process: the environment that it would have."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What :func:`serve.run` was called with; nothing is served."""
    calls: dict[str, Any] = {}

    def run(offer: serve.Offer, host: str, port: int, _heard: Signals, **more: Any) -> None:
        calls.update(offer=offer, host=host, port=port, **more)

    monkeypatch.setattr(serve, "run", run)
    monkeypatch.setattr(serve, "check_port", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    Path("my.ttl").write_text("<a:s> <a:p> <a:o> .", "utf-8")
    Path("token").write_text("secret\n", "utf-8-sig")
    return calls


def invoke(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["serve", *arguments])
    assert (0, None) == (result.exit_code, result.exception), result.output
    return result


def test_without_options_the_limits_are_those_that_are_declared(served: dict[str, Any]) -> None:
    invoke("--data", "my.ttl", "--query-workers", "2")
    assert Settings(title="my.ttl", checked=False) == served["offer"].settings
    assert PoolSettings() == served["pool"]


def test_every_limit_has_one_default_wherever_it_is_used() -> None:
    limits, pool = Limits(), PoolSettings()
    assert asdict(limits).items() <= asdict(Settings()).items()
    assert Budget() == Budget(limits.seconds, limits.rows, limits.bytes)
    assert (limits.queue, limits.memory) == (pool.queue, pool.memory)
    assert (limits.allowance, limits.refill) == (pool.allowance, pool.refill)
    assert limits.query_bytes == TextLimits().length
    assert limits.write_bytes == Gate().body_bytes == updates.LIMITS.length


def test_every_default_is_within_its_bounds() -> None:
    assert [] == [
        name for name, default, bound in declared() if not bound.minimum <= default <= bound.maximum
    ]


def test_limits_are_taken_in_the_units_of_their_options(served: dict[str, Any]) -> None:
    invoke(
        *("--data", "my.ttl", "--timeout", "2.5", "--max-rows", "7", "--max-bytes", "2000", "--memory", "64"),
        *("--queue", "3", "--allowance", "9", "--refill", "0", "--cache", "5", "--slow-seconds", "0.25"),
        *("--query-workers", "4", "--workers", "2", "--proxy", "127.0.0.1", "--proxy", "0:0:0:0:0:0:0:1"),
        *("--public-url", "https://x.example/kg/"),
    )
    expected = Settings(
        seconds=2.5,
        rows=7,
        bytes=2000,
        cache=5 * MEGABYTE,
        memory=64 * MEGABYTE,
        queue=3,
        allowance=9,
        refill=0,
        slow_seconds=0.25,
        proxies=("127.0.0.1", "::1"),
        public_url="https://x.example/kg",
        title="my.ttl",
        checked=False,
    )
    assert expected == served["offer"].settings
    assert PoolSettings(4, queue=3, memory=64 * MEGABYTE, allowance=9, refill=0) == served["pool"]
    assert 2 == served["workers"]


def test_a_token_opens_writing_and_makes_the_default_graph_one_of_many(served: dict[str, Any]) -> None:
    invoke("--data", "my.ttl", "--write-token-file", "token", "--operator-token-file", "token")
    offer = served["offer"]
    assert ("secret", "secret", False, False) == (
        offer.token,
        offer.operator_token,
        offer.settings.union,
        served["pool"].union,
    )


@pytest.mark.parametrize("arguments", [("--write-token-file", "token"), ()])
def test_writing_to_the_curated_graph_is_refused(
    arguments: tuple[str, ...], served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not arguments:
        monkeypatch.setenv("R2P_WRITE_TOKEN", "secret")
    result = CliRunner().invoke(main, ["serve", *arguments])
    assert 2 == result.exit_code
    assert "(--write-token-file or R2P_WRITE_TOKEN) needs --data: " in result.stderr
    assert {} == served


def test_a_process_that_has_built_begins_anew_with_the_tokens_of_its_environment(
    served: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R2P_OPERATOR_TOKEN", "secret")
    monkeypatch.setattr(build, "last_good_path", lambda *_: None)
    monkeypatch.setattr(reload, "build", lambda *_: (tmp_path / "new.zip", ()))
    started: list[dict[str, str]] = []

    def execve(program: str, _arguments: list[str], environment: dict[str, str]) -> None:
        assert sys.executable == program
        started.append(environment)
        raise Begun

    monkeypatch.setattr(os, "execve", execve)
    assert isinstance(CliRunner().invoke(main, ["serve"]).exception, Begun)
    assert ["secret"] == [environment.get("R2P_OPERATOR_TOKEN") for environment in started]
    assert {} == served
    # The second time the snapshot is there, and the token stays in this process alone.
    for name in ("R2P_BUILT", "R2P_OPERATOR_TOKEN"):
        monkeypatch.setenv(name, started[0][name])
    invoke()
    assert "secret" == served["offer"].operator_token
    assert "R2P_OPERATOR_TOKEN" not in os.environ
