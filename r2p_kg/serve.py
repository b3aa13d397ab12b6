"""Compose and run the service: snapshot → broker process with its query workers → granian with the web application.

Processes: this one (granian's main), the broker and what it starts, ``workers`` front processes. All end with this one.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from r2p_kg import library, snapshot
from r2p_kg.errors import FindingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flask import Flask

    from r2p_kg.library import Library
    from r2p_kg.snapshot import Snapshot
    from r2p_kg.web import Settings

#: Seconds that a front process has to finish its answers after a stop signal before it is killed.
_GRACE = 10
#: Threads of a front process: more than queries can run and wait for, so that pages never wait behind queries.
_THREADS = 96
#: Seconds after which a service that does not answer is no longer waited for.
_STARTING = 60
#: How many errors of a bad edit the status page lists.
_SHOWN = 20

#: Prefixes for data that bring none of their own.
_COMMON = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
}


@dataclass(frozen=True)
class Offer:
    """What is to be served: the snapshot's file, its settings and the saved queries' folder (None for foreign data)."""

    path: Path
    settings: Settings
    queries: Path | None


def check_port(host: str, port: int) -> None:
    """Raise UsageError where nothing can listen at that address.

    The front processes share the port with SO_REUSEPORT, with which a second server would start beside the first
    unnoticed; this socket does not set it, so that it fails where anybody listens.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        message = f"cannot listen at {host} port {port}: {error.strerror}; choose another with --host or --port"
        raise UsageError(message) from error


@contextmanager
def foreign(files: Sequence[Path]) -> Iterator[Path]:
    """A snapshot file of any RDF files, unchecked, gone when the context ends.

    Raises UsageError or RdfSyntaxError where a file cannot be read.
    """
    from r2p_kg import rdf  # noqa: PLC0415 - only this way of serving parses files

    quads = rdf.read_files(files)
    with tempfile.TemporaryDirectory(prefix="r2p-data-") as folder:
        yield snapshot.write(snapshot.Snapshot.of(quads, _COMMON, {"quads": quads.count(b"\n")}), Path(folder))


def curated(ontology: Path, state: Path, progress: Callable[[str, str], None]) -> tuple[Path, tuple[str, ...]]:
    """The snapshot file of the curated files, and what the operator should know of it.

    Built where something changed; where the change has errors, the last good one and a notice for each error.
    Raises FindingsError where there is no good one yet, UsageError or SnapshotError where a folder cannot be used.
    """
    from r2p_kg import build  # noqa: PLC0415 - a start from an existing snapshot shall not wait for more than it needs

    try:
        return build.current(ontology, state, progress).path, ()
    except FindingsError as error:
        good = build.last_good_path(ontology, state)
        if good is None or build.last_good(ontology, state) is None:
            raise
        notice = f"{error}: the last good snapshot is served. Mend the files, see r2p check, and start again."
        errors = [str(finding) for finding in error.findings if finding.severity == "error"]
        return good, (notice, *errors[:_SHOWN])


def application(found: Snapshot, settings: Settings, queries: Library, address: Path) -> Flask:
    """The web application of one front process, which speaks to the broker; called after the fork."""
    from r2p_kg import web  # noqa: PLC0415
    from r2p_kg.engine import broker, sandbox  # noqa: PLC0415

    sandbox.die_with_parent()
    return web.create_app(settings, found, broker.Client(address), queries)


def run(offer: Offer, host: str, port: int, workers: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; no process is left when this returns. ``ready`` gets the address once it answers.

    Raises UsageError where the port is taken, SnapshotError where the snapshot cannot be read.
    """
    from granian import Granian  # noqa: PLC0415
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    from r2p_kg.engine import broker  # noqa: PLC0415

    check_port(host, port)
    found = snapshot.read(offer.path)
    queries = library.load(offer.queries) if offer.queries else library.Library()
    # Until granian takes the signals over, a stop signal must still end the broker and remove what is temporary.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with broker.start_broker(offer.path) as running:
        server = Granian(
            "r2p_kg",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=_THREADS,
            backpressure=_THREADS * 4,
            respawn_failed_workers=True,
            workers_kill_timeout=_GRACE,
            websockets=False,
            log_level=LogLevels.critical,
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        server.on_startup(lambda: threading.Thread(target=_announce, args=(url, ready), daemon=True).start())
        loader = partial(application, found, offer.settings, queries, running.socket)
        stopping, lost = threading.Event(), threading.Event()
        threading.Thread(target=_watch, args=(running.pid, stopping, lost), daemon=True).start()
        try:
            server.serve(target_loader=loader, wrap_loader=False)
        finally:
            stopping.set()
        if lost.is_set():
            message = "the process that answers queries ended unexpectedly, so the service stopped; start it again"
            raise UsageError(message)


def _watch(broker_pid: int, stopping: threading.Event, lost: threading.Event) -> None:
    """Stop this process where the broker ends while it is served: pages without answers help nobody, a restart does."""
    try:
        os.waitid(os.P_PID, broker_pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return
    if stopping.is_set():
        return
    lost.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _announce(url: str, ready: Callable[[str], None]) -> None:
    """Call ``ready`` with the address as soon as the service answers there."""
    # Never through a proxy: the service is on this machine.
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline:
        try:
            with opener.open(f"{url}readyz", timeout=2):
                ready(url)
                return
        except (URLError, OSError):
            time.sleep(0.05)
