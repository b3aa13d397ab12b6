"""How long `r2p serve` takes to its first answer, and how that compares with rdflib reading the same file.

The snapshot exists already; the answer is one over HTTP.

Usage: python benchmarks/cold_start.py [RUNS]      (default 5; builds the snapshot once if there is none,
untimed)

Prints medians and their ratio. Asserts nothing: times depend on the machine. Traffic goes to loopback only;
every process that is started is ended by its id.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from r2p_kg.curate import build

SERVER = Path(__file__).parent.parent / "server.py"
QUERY = "SELECT%20(COUNT(*)%20AS%20%3Fn)%20%7B%3Fs%20%3Fp%20%3Fo%7D"
RDFLIB = (
    "import sys, zipfile, rdflib; d = rdflib.Dataset(default_union=True); "
    "d.parse(data=zipfile.ZipFile(sys.argv[1]).read('quads.nq'), format='nquads'); "
    "print(list(d.query('SELECT (COUNT(*) AS ?n) {?s ?p ?o}')))"
)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(state: Path) -> float:
    """Seconds from starting the command to the first whole answer."""
    port = free_port()
    command = [sys.executable, str(SERVER), "--port", str(port), "--state", str(state), "--workers", "1"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - started < 120:  # noqa: PLR2004 - a service that is not there by then will not come
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/sparql?query={QUERY}", timeout=60
                ) as answer:
                    answer.read()
                return time.perf_counter() - started
            time.sleep(0.01)
        message = "the service gave no answer within two minutes"
        raise TimeoutError(message)
    finally:
        process.terminate()
        process.wait(30)


def read_by_rdflib(snapshot: Path) -> float:
    """Seconds for a fresh Python to read the same quads with rdflib and answer the same question."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", RDFLIB, str(snapshot)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure both in turn and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="r2p-bench-") as folder:
        state = Path(os.environ.get("R2P_STATE", folder))
        snapshot = build.current(build.ontology_folder(), state).path
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(served(state))
            theirs.append(read_by_rdflib(snapshot))
    print(
        f"cold start to first answer over HTTP: {statistics.median(ours):.2f} s "
        f"(median of {runs}; {min(ours):.2f} to {max(ours):.2f})"
    )
    print(f"rdflib, same quads, same question, no HTTP: {statistics.median(theirs):.2f} s (median of {runs})")
    print(f"ratio: {statistics.median(ours) / statistics.median(theirs):.2f}")


if __name__ == "__main__":
    main()
