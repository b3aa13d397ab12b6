"""Many requests at once.

By wrk where it is at hand, else by a generator in Python, which is slower than the services it measures.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from benchmarks.serving import client
from benchmarks.serving.questions import JSON, Slot

if TYPE_CHECKING:
    from benchmarks.serving.questions import Question

ROOT: Final = Path(__file__).parent.parent.parent
#: Seconds after which one request is given up.
PATIENCE: Final = 60

_SCRIPT: Final = """
local number = %(start)d
%(request)s
function done(summary, latency)
  local lost = summary.errors
  io.write(string.format(
    '\\n@{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "longest": %%f, ' ..
    '"received": %%.0f, "errors": {' ..
    '"connect": %%d, "read": %%d, "write": %%d, "status": %%d, "timeout": %%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000,
    summary.bytes, lost.connect, lost.read, lost.write, lost.status, lost.timeout))
end
"""
_REQUEST: Final = """
function request()
  number = number + 1
  return wrk.format("GET", %s)
end
"""


@dataclass(frozen=True)
class Load:
    """What so many requests took.

    Counts, seconds in all, milliseconds of one, bytes received, and what was lost by cause.

    Milliseconds are infinite where no answer came at all.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    longest: float
    received: float
    errors: dict[str, int]

    @property
    def rate(self) -> float:
        """Good answers in a second."""
        return max(0, self.requests - self.errors["status"]) / self.seconds

    @property
    def lost(self) -> int:
        """Requests without a good answer."""
        return sum(self.errors.values())


@dataclass(frozen=True)
class Generator:
    """The means to make load.

    ``wrk``: its path, None for the generator in Python. ``folder``: where scripts are written.
    """

    wrk: str | None
    folder: Path

    def run(
        self,
        endpoint: client.Endpoint,
        question: Question,
        *,
        clients: int,
        seconds: float,
        start: int,
        etag: str = "",
    ) -> Load:
        """Ask for some seconds over ``clients`` connections, each with one request at a time.

        Running numbers begin at ``start``.

        Raises subprocess.SubprocessError where the generator itself fails.
        """
        headers = {"Accept": JSON} | ({"If-None-Match": etag} if etag else {})
        if self.wrk:
            return self._by_wrk(
                endpoint, question, headers, clients=clients, seconds=math.ceil(seconds), start=start
            )
        pieces = [asdict(each) if isinstance(each, Slot) else each for each in _target(endpoint, question)]
        task = {
            "port": endpoint.port,
            "pieces": pieces,
            "headers": headers,
            "clients": clients,
            "seconds": seconds,
            "start": start,
            "patience": PATIENCE,
        }
        command = [sys.executable, "-m", "benchmarks.serving.generator"]
        return _read(
            subprocess.run(
                command,
                check=True,
                input=json.dumps(task).encode(),
                capture_output=True,
                timeout=seconds + PATIENCE + 10,
                cwd=ROOT,
            )
        )

    def _by_wrk(
        self,
        endpoint: client.Endpoint,
        question: Question,
        headers: dict[str, str],
        *,
        clients: int,
        seconds: int,
        start: int,
    ) -> Load:
        pieces = _target(endpoint, question)
        script = self.folder / "wrk.lua"
        script.write_text(
            _SCRIPT % {"start": start, "request": _REQUEST % _lua(pieces) if question.varies else ""}, "utf-8"
        )
        # A path that never changes stands in the command, so that wrk sends bytes made once.
        path = f"{endpoint.path}" if question.varies else "".join(str(each) for each in pieces)
        sent = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        command = [
            str(self.wrk),
            "-t1",
            f"-c{clients}",
            f"-d{seconds}s",
            f"--timeout={PATIENCE}s",
            "-s",
            str(script),
            *sent,
        ]
        return _read(
            subprocess.run(
                [*command, f"http://{client.HOST}:{endpoint.port}{path}"],
                check=True,
                capture_output=True,
                timeout=seconds + PATIENCE + 10,
            )
        )


def _target(endpoint: client.Endpoint, question: Question) -> list[str | Slot]:
    """Path and query string, cut at the slots of the query."""
    pieces = question.pieces()
    encoded = [each if isinstance(each, Slot) else quote(each, safe="") for each in pieces]
    return [f"{endpoint.path}?query=", *encoded]


def _lua(pieces: list[str | Slot]) -> str:
    """The same as an expression of Lua over ``number``."""
    return " .. ".join(_lua_slot(each) if isinstance(each, Slot) else json.dumps(each) for each in pieces)


def _lua_slot(slot: Slot) -> str:
    value = "number" if slot.modulus is None else f"{slot.offset} + number % {slot.modulus}"
    return f'string.format("%d", {value})'


def _read(done: subprocess.CompletedProcess[bytes]) -> Load:
    """The figures from the one line that begins with @."""
    line = next(each for each in done.stdout.decode().splitlines() if each.startswith("@"))
    found: dict[str, Any] = json.loads(line[1:])
    if not found["requests"]:
        found |= dict.fromkeys(("p50", "p99", "longest"), math.inf)
    return Load(**found)
