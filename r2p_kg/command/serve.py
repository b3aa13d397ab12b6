"""Compose and run the service.

Snapshot → broker process with its query workers → granian with the web application.

Processes: this one (granian's main), the broker and what it starts, ``workers`` front processes. All end with
this one.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from r2p_kg import library
from r2p_kg.command import reload
from r2p_kg.command.publishing import Publisher
from r2p_kg.errors import LibraryError, SnapshotError, UsageError
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from queue import SimpleQueue

    from r2p_kg.command.reload import Folders
    from r2p_kg.command.signals import Signals
    from r2p_kg.engine.broker import Broker
    from r2p_kg.engine.pool import PoolSettings
    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.web import Settings
    from r2p_kg.web.gateway import Gateway
    from r2p_kg.web.mount import Mount

_log = logging.getLogger(__name__)

#: Seconds that a front process has to finish its answers after a stop signal before it is killed.
_GRACE = 10
#: Connections of a front process; one that only waits costs some kilobytes.
_CONNECTIONS = 8192
#: Milliseconds within which the whole head of a request must have come.
_HEADERS = 10_000
#: The broker is started again at most so many times in so many seconds.
_STARTS, _PATIENCE = 5, 60.0
#: Seconds after which a service that does not answer is no longer waited for.
_STARTING = 60
#: Set by a SIGHUP that came before the service could reload.
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
    """What is to be served.

    The snapshot's file, its settings, and the saved queries' folder (None for foreign data).

    ``folders``: where it was built from, for reloads; None for foreign data. ``watch``: reload whenever one
    of their files changes. ``token``: whoever sends it may write; without one nobody may. ``operator_token``:
    whoever sends it may see and end the queries that run. ``log_queries``: every query stands in the log.
    """

    path: Path
    settings: Settings
    queries: Path | None
    folders: Folders | None = None
    watch: bool = False
    token: str | None = None
    operator_token: str | None = None
    log_queries: bool = False


def check_port(host: str, port: int) -> str:
    """The IP address to listen at: the host itself, or the first that a name stands for and that is free.

    The front processes share the port with SO_REUSEPORT, with which a second server would start beside the
    first unnoticed; the socket that is tried here does not set it, so that it fails if anybody listens.

    Raises UsageError if nothing can listen there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "this is not the name or address of a machine"
        raise _deaf(host, port, reason) from error
    # Of both kinds of address, that of version 4 first: more clients can reach it.
    for family, kind, protocol, _, address in sorted(found, key=lambda one: one[0] != socket.AF_INET):
        if "%" in str(address[0]):  # granian takes none
            raise _deaf(host, port, "an address with a zone")
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            failed = error
        else:
            return str(address[0])
    raise _deaf(host, port, failed.strerror) from failed


def _deaf(host: str, port: int, reason: str | None) -> UsageError:
    return UsageError(f"cannot listen at {host} port {port}: {reason}; choose another with --host or --port")


@contextmanager
def foreign(files: Sequence[Path]) -> Iterator[Path]:
    """A snapshot file of any RDF files, unchecked, gone when the context ends.

    Raises UsageError or RdfSyntaxError where a file cannot be read.
    """
    from r2p_kg.graph import rdf

    quads = rdf.read_files(files)
    with tempfile.TemporaryDirectory(prefix="r2p-data-") as folder:
        yield snapshot.write(
            snapshot.Snapshot.of(quads, _COMMON, {"quads": quads.count(b"\n")}), Path(folder)
        )


def front(offer: Offer, found: Snapshot, questions: library.Library, address: Path, queue: int) -> Gateway:
    """The application of one front process, which speaks to the broker; called after the fork.

    ``found`` and ``questions`` are those of the start; a process that takes the place of another serves what
    was served last.
    """
    from r2p_kg.engine import broker, sandbox
    from r2p_kg.web.gateway import Gateway

    sandbox.die_with_parent()
    _until_granian_listens()
    last = broker.served_last(address.parent)
    now = snapshot.read(last) if last is not None and last.is_file() else found
    first = served(offer, address, now, offer.settings.notices, questions)
    # What lives as long as the process stays shared with its parent, and is not walked again and again for
    # what may be let go.
    gc.collect()
    gc.freeze()
    latest = first

    def make(path: Path, notices: tuple[str, ...]) -> Mount:
        nonlocal latest
        latest = served(offer, address, snapshot.read(path), notices, latest.service.library)
        return latest

    return Gateway(first, make, address, queue)


def served(
    offer: Offer, address: Path, found: Snapshot, notices: tuple[str, ...], questions: library.Library
) -> Mount:
    """A snapshot ready to be served, with the saved questions as they are now.

    ``questions``: what is served instead if a bad edit keeps them from being read.
    """
    from r2p_kg import web
    from r2p_kg.engine import broker
    from r2p_kg.web.mount import Mount

    settings = replace(offer.settings, notices=notices)
    engine = broker.Client(address)
    if offer.queries:
        with suppress(LibraryError):  # the reload that found it says so, in the log and on the status page
            questions = library.load(offer.queries)
    gate = web.Gate(broker.Client(address), offer.token) if offer.token else None
    app = web.create_app(settings, found, engine, questions, gate, operator_token=offer.operator_token)
    service = web.service_of(app)
    # What every query needs is made here, in the caller's thread, and not while requests wait.
    _ = service.limits, service.version
    return Mount(service, app, writable=gate is not None)


def run(
    offer: Offer,
    host: str,
    port: int,
    heard: Signals,
    *,
    workers: int,
    pool: PoolSettings,
    ready: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    No process is left when this returns. ``ready`` gets the address once it answers. SIGHUP reloads, also one
    that came before.

    Raises UsageError if the port is taken, SnapshotError if the snapshot cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="r2p-served-") as folder:
        publisher = Publisher(Path(folder), offer.queries, offer.settings)
        _run(offer, host, port, heard, publisher, workers=workers, pool=pool, ready=ready)


def _run(
    offer: Offer,
    host: str,
    port: int,
    heard: Signals,
    publisher: Publisher,
    *,
    workers: int,
    pool: PoolSettings,
    ready: Callable[[str], None],
) -> None:
    """As :func:`run`, with a folder for what is served."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from r2p_kg import log
    from r2p_kg.engine import broker

    address = check_port(host, port)
    path = publisher.publish(offer.path)
    found = snapshot.read(path)
    questions = library.load(offer.queries) if offer.queries else library.Library()
    log.configure(queries=offer.log_queries)
    with _counters(), broker.start_broker(path, pool) as running:
        heard.check()
        server = Granian(
            "r2p_kg",
            address=address,
            port=port,
            interface=Interfaces.RSGI,
            loop=Loops.uvloop,
            # HTTP/2 without TLS has no clients of ours, and attacks of its own.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADERS),
            workers=workers,
            backpressure=_CONNECTIONS,
            respawn_failed_workers=True,
            workers_kill_timeout=_GRACE,
            websockets=False,
            log_level=LogLevels.critical,
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        server.on_startup(lambda: threading.Thread(target=_announce, args=(url, ready), daemon=True).start())
        stopping, lost = threading.Event(), threading.Event()
        threading.Thread(target=_watch, args=(running, stopping, lost), daemon=True).start()
        # Granian would answer SIGHUP with new front processes; a new snapshot needs none.
        server.signal_handler_reload = heard.reload  # type: ignore[method-assign]
        reloader = None
        if offer.folders is not None:
            now, switch = (path, offer.settings.notices), running.client().swap
            reloader = reload.Reloader(
                offer.folders, now, switch, heard.reloads, watch=offer.watch, publisher=publisher
            )
            begin = reloader.start
        else:
            begin = threading.Thread(target=_not_reloaded, args=(heard.reloads,), daemon=True).start
        # Not before: what is there is served first.
        server.on_startup(begin)
        try:
            server.serve(
                target_loader=cast(
                    "Any", partial(front, offer, found, questions, running.socket, pool.queue)
                ),
                wrap_loader=False,
            )
        finally:
            stopping.set()
            if reloader is not None:
                reloader.close()
        if lost.is_set():
            message = (
                "the process that answers queries ended again and again, so the service stopped; "
                "the log says more"
            )
            raise UsageError(message)


def _not_reloaded(wanted: SimpleQueue[None]) -> None:
    """Say at each demand that there is nothing to reload."""
    while True:
        wanted.get()
        _log.warning("SIGHUP: data that are served with --data are not read again; start the service anew")


def _until_granian_listens() -> None:
    """Signals of a front process: SIGTERM ends it, the others are those of its parent alone.

    What it inherits are granian's handlers, which do something for the parent only.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def _counters() -> Iterator[None]:
    """A folder for the counters of all front processes, gone when the context ends."""
    with tempfile.TemporaryDirectory(prefix="r2p-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]


def _watch(running: Broker, stopping: threading.Event, lost: threading.Event) -> None:
    """Start the broker again where it was killed; stop this process where that does not help."""
    starts: list[float] = []
    while True:
        try:
            os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return
        if stopping.is_set():
            return
        starts = [start for start in starts if time.monotonic() - start < _PATIENCE]
        _log.error("the process that answers queries ended unexpectedly; another takes its place")
        try:
            if len(starts) >= _STARTS:
                break
            starts.append(time.monotonic())
            running.stop()
            running.start()
        except SnapshotError as error:
            _log.error("%s", error)
            break
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
