"""Load in pure Python, in a process of its own.

The way out where wrk is missing. It takes a task as JSON on standard input.

One thread, one event loop: it tops out at some thousands of requests a second, below a fast service, whose
figures it therefore hides.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks.serving.client import HOST
from benchmarks.serving.questions import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_ERROR = 400


@dataclass(eq=False)
class Tally:
    """What has come back so far: the seconds of each answer, bytes, and what was lost by cause."""

    times: list[float] = field(default_factory=list)
    received: int = 0
    errors: Counter[str] = field(default_factory=Counter)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Status and length of one HTTP/1.1 answer (RFC 9112, section 6.3), which is read whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        size = 0
        while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await reader.readexactly(length + 2)
            size += length
        await reader.readuntil(b"\r\n")
    else:
        size = int(headers.get("content-length", 0))
        await reader.readexactly(size)
    return status, len(head) + size


async def _client(task: dict[str, Any], requests: Iterator[bytes], until: float, tally: Tally) -> None:
    """One connection with one request at a time, opened anew where it breaks."""
    while time.perf_counter() < until:
        try:
            reader, writer = await asyncio.open_connection(HOST, task["port"], limit=1 << 20)
        except OSError:
            tally.errors["connect"] += 1
            await asyncio.sleep(0.01)
            continue
        try:
            while time.perf_counter() < until:
                started = time.perf_counter()
                writer.write(next(requests))
                status, size = await asyncio.wait_for(_answer(reader), task["patience"])
                tally.times.append(time.perf_counter() - started)
                tally.received += size
                tally.errors["status"] += status >= _FIRST_ERROR
        except TimeoutError:
            tally.errors["timeout"] += 1
        except (OSError, EOFError):
            tally.errors["read"] += 1
        finally:
            writer.close()


def _requests(task: dict[str, Any]) -> Iterator[bytes]:
    pieces = [Slot(**piece) if isinstance(piece, dict) else piece for piece in task["pieces"]]
    rest = "".join(f"\r\n{name}: {value}" for name, value in {"Host": HOST, **task["headers"]}.items())
    for number in count(task["start"] + 1):
        target = "".join(str(piece.value(number)) if isinstance(piece, Slot) else piece for piece in pieces)
        yield f"GET {target} HTTP/1.1{rest}\r\n\r\n".encode()


async def _run(task: dict[str, Any]) -> dict[str, Any]:
    tally, requests = Tally(), _requests(task)
    started = time.perf_counter()
    await asyncio.gather(
        *(_client(task, requests, started + task["seconds"], tally) for _ in range(task["clients"]))
    )
    seconds = time.perf_counter() - started
    times = sorted(tally.times) or [0.0]
    p50, p99 = (1000 * times[min(len(times) - 1, int(share * len(times)))] for share in (0.5, 0.99))
    errors = {name: tally.errors[name] for name in ("connect", "read", "write", "status", "timeout")}
    figures = {
        "requests": len(tally.times),
        "seconds": seconds,
        "p50": p50,
        "p99": p99,
        "longest": 1000 * times[-1],
    }
    return {**figures, "received": tally.received, "errors": errors}


if __name__ == "__main__":
    print("@" + json.dumps(asyncio.run(_run(json.load(sys.stdin)))))
