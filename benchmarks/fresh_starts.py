"""Whether every client is served from the first second on.

Fresh starts of `r2p serve`, each under load at once.

Usage: python benchmarks/fresh_starts.py [STARTS] [SECONDS] [CLIENTS]      (default 100, 3, 8)

Each start gets clients that keep their connections and ask one new query after the other. Every second start
is disturbed: in turn the process that forks query workers is killed, a query worker is killed, and SIGHUP
asks for a reload (every fourth of these with twice the clients). One line for each start: the answers by
status, the longest and the median wait of a client, and the answers of the client that got fewest and most.
The last line sums up. Builds the snapshot once, untimed. Traffic goes to loopback only; every process that is
started is ended by its id.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from r2p_kg.curate import build

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).parent.parent / "server.py"
DISTURBANCES = ("none", "zygote", "none", "worker", "none", "reload")

#: Some 10 ms of work on the curated graph.
QUERY = (
    "SELECT ?s ?l {{ ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l "
    'FILTER(CONTAINS(LCASE(STR(?l)), "{number}")) }} ORDER BY ?l LIMIT 20'
)


@dataclass
class Start:
    """What the clients of one start met.

    answers: How many of each status; ``lost`` counts connections that broke.
    waits: Seconds of every request.
    shares: Answers of each client.
    refused: Problems that were answered, by their type.
    """

    answers: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    shares: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(state: Path, *arguments: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a service that has just said that it is ready."""
    port = free_port()
    command = [sys.executable, str(SERVER), "--port", str(port), "--state", str(state), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None  # noqa: S101 - as it was called
    try:
        if not process.stdout.readline().startswith("ready"):
            message = "the service did not start"
            raise RuntimeError(message)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def children(pid: int) -> list[int]:
    """The processes that one started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def disturb(kind: str, port: int, main: int) -> None:
    """Do to the service what an unlucky day does."""
    if kind == "reload":
        os.kill(main, signal.SIGHUP)
        return
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/status", headers={"Accept": "application/json"})
        broker = json.loads(connection.getresponse().read())["engine"]["broker"]
    zygote = children(broker)[0]
    victim = zygote if kind == "zygote" else (children(zygote) or [zygote])[0]
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)


def ask(start: Start, port: int, client: int, until: float, lock: threading.Lock) -> None:
    """One client: a connection that is kept, and a new query as soon as the last one was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    number = 0
    while time.monotonic() < until:
        number += 1
        query = QUERY.format(number=f"{client}x{number}")
        began = time.monotonic()
        try:
            connection.request(
                "GET", f"/sparql?{urlencode({'query': query})}", headers={"Accept": "text/csv"}
            )
            reply = connection.getresponse()
            body = reply.read()
            status = str(reply.status)
        except (OSError, http.client.HTTPException):
            connection.close()
            status, body = "lost", b""
        with lock:
            start.answers[status] += 1
            start.waits.append(time.monotonic() - began)
            start.shares[client] += status == "200"
            if status not in {"200", "lost"}:
                start.refused[json.loads(body)["type"].rpartition("/")[2]] += 1
    connection.close()


def measured(state: Path, seconds: float, clients: int, kind: str, timeout: int = 3) -> Start:
    """One fresh start under load; ``timeout``: seconds that a query may wait, and run."""
    start, lock = Start(shares=Counter(dict.fromkeys(range(clients), 0))), threading.Lock()
    with served(state, "--workers", "2", "--query-workers", "2", "--timeout", str(timeout)) as (port, main):
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=ask, args=(start, port, number, until, lock)) for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        if kind != "none":
            time.sleep(seconds / 3)
            disturb(kind, port, main)
        for thread in threads:
            thread.join()
    return start


def main() -> None:
    """Start again and again, and say how it went."""
    starts, seconds, clients = (
        float(given) if given else default
        for given, default in zip([*sys.argv[1:4], "", "", ""][:3], (100, 3, 8), strict=True)
    )
    total = Start()
    with tempfile.TemporaryDirectory(prefix="r2p-starts-") as folder:
        build.current(build.ontology_folder(), Path(folder))
        for number in range(int(starts)):
            kind = DISTURBANCES[number % len(DISTURBANCES)]
            twice = kind == "reload" and number // len(DISTURBANCES) % 4 == 3  # noqa: PLR2004 - every fourth
            start = measured(Path(folder), seconds, int(clients) * (1 + twice), kind)
            total.answers += start.answers
            total.waits += start.waits
            total.refused += start.refused
            print(
                f"{number + 1:3d} {kind:6s} {dict(start.answers)} {dict(start.refused)} "
                f"longest {max(start.waits):.2f} s, median {statistics.median(start.waits):.3f} s, "
                f"answers of a client {min(start.shares.values())}-{max(start.shares.values())}",
                flush=True,
            )
    print(
        f"{int(starts)} starts: {dict(total.answers)} {dict(total.refused)}, "
        f"longest wait {max(total.waits):.2f} s"
    )


if __name__ == "__main__":
    main()
