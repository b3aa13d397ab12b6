"""From an edited folder to the graph that is served, while it is served.

Build aside, try every saved question, then switch.

Whatever goes wrong on the way leaves what is served as it is, and is said on the status page.
"""

from __future__ import annotations

import logging
import signal
import threading
from dataclasses import dataclass
from multiprocessing import get_context
from queue import Empty
from typing import TYPE_CHECKING, Final

from r2p_kg.curate.findings import FindingsError
from r2p_kg.errors import LibraryError, QueryError, R2PError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path
    from queue import SimpleQueue

    from r2p_kg.command.publishing import Publisher

_log = logging.getLogger(__name__)

#: How many errors of a bad edit the status page lists.
_SHOWN: Final = 20

#: Seconds that a saved question may take when it is tried: ten times what the service gives it, because the
#: service goes on meanwhile and may leave a tenth of the machine.
_PATIENCE: Final = 300.0

#: Seconds between two looks at the folder that is watched.
_LOOK: Final = 1.0


@dataclass(frozen=True)
class Folders:
    """Where the curated files, the built snapshots and the saved questions are."""

    ontology: Path
    state: Path
    queries: Path


def build(
    folders: Folders, progress: Callable[[str, str], None] = lambda _step, _what: None
) -> tuple[Path, tuple[str, ...]]:
    """The snapshot file of the curated files, and what the operator should know of it.

    Built where something changed; where the change has errors, the last good one and a notice for each error.
    Raises FindingsError where there is no good one yet, UsageError or SnapshotError where a folder cannot be
    used.
    """
    from r2p_kg.curate import build as building

    try:
        return building.current(folders.ontology, folders.state, progress).path, ()
    except FindingsError as error:
        good = building.last_good_path(folders.ontology, folders.state)
        if good is None or building.last_good(folders.ontology, folders.state) is None:
            raise
        notice = (
            f"{error}: the last good snapshot is served. Mend the files (r2p check says where); "
            "they are read again on SIGHUP and at the next start."
        )
        errors = [str(finding) for finding in error.findings if finding.severity == "error"]
        return good, (notice, *errors[:_SHOWN])


def tried(folders: Folders) -> tuple[Path, tuple[str, ...]]:
    """As :func:`build`, after every saved question has been asked of the new snapshot.

    Runs in a process of its own.

    Raises LibraryError where a saved question cannot be read or answered.
    """
    from r2p_kg import library
    from r2p_kg.engine import Budget
    from r2p_kg.engine.pool import Pool, PoolSettings
    from r2p_kg.graph import snapshot

    path, notices = build(folders)
    if notices:
        return path, notices
    prefixes = snapshot.read(path).prefixes
    pool = Pool(path, PoolSettings(workers=1, spares=0))
    try:
        for query in library.load(folders.queries).queries:
            if not any(param.required for param in query.params):
                graph = query.form in {"construct", "describe"}
                pool.ask(
                    library.bind(query, {}, prefixes),
                    budget=Budget(seconds=_PATIENCE),
                    media_type="application/n-triples" if graph else "application/sparql-results+json",
                )
    except QueryError as error:
        message = f"saved question {query.id}: {error}"
        raise LibraryError(message) from error
    finally:
        pool.close()
    return path, ()


def _apart(folders: Folders) -> tuple[Path, tuple[str, ...]]:
    """As :func:`tried`, in a process with which the memory of reasoner and checkers goes back to the system.

    Raises EOFError if that process is killed.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, folders))
    process.start()
    theirs.close()
    try:
        found: tuple[Path, tuple[str, ...]] | Exception = ours.recv()
    finally:
        process.join()
        ours.close()
    if isinstance(found, Exception):
        raise found
    return found


def _tell(connection: Connection, folders: Folders) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to parent and child
    try:
        connection.send(tried(folders))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent logs it
        connection.send(error)


class Reloader:
    """Reloads on demand, one reload after another.

    ``switch`` gets the snapshot's file and the notices; ``watch``: also when a file changes.

    ``now``: the file and the notices that are served at the start. ``wanted``: an entry for each demand; one
    reload answers all that came before it. ``publisher``: makes of a snapshot's file the one that is served.
    """

    def __init__(
        self,
        folders: Folders,
        now: tuple[Path, tuple[str, ...]],
        switch: Callable[[Path, tuple[str, ...]], None],
        wanted: SimpleQueue[None],
        *,
        watch: bool,
        publisher: Publisher | None = None,
    ) -> None:
        self._publisher = publisher
        self._folders = folders
        self._now = now
        self._switch = switch
        self._watch = watch
        self._wanted = wanted
        self._closed = False

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._run, name="reload", daemon=True).start()

    def close(self) -> None:
        """Reload no more."""
        self._closed = True
        self._wanted.put(None)

    def _run(self) -> None:
        seen = self._state()
        while True:
            asked = self._demanded()
            if self._closed:
                return
            before, seen = seen, self._state()
            if asked or before != seen:
                self._reload()

    def _demanded(self) -> bool:
        """True as soon as somebody wants a reload; False when it is time to look at the files."""
        try:
            self._wanted.get(timeout=_LOOK if self._watch else None)
        except Empty:
            return False
        while not self._wanted.empty():
            self._wanted.get()
        return True

    def _reload(self) -> None:
        try:
            found = _apart(self._folders)
            if self._publisher is not None:
                found = (self._publisher.publish(found[0]), found[1])
            # Also where the graph is the same: the saved questions may be others.
            self._switch(*found)
            self._now = found
            if self._publisher is not None:
                self._publisher.keep(found[0])
            _log.warning("reloaded: %s", "; ".join(found[1]) or found[0].stem)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on with what it has
            if self._closed:
                return
            said = str(error) if isinstance(error, R2PError) else f"the reload failed: {error!r}"
            _log.error("%s: what was served before goes on", said)
            self._now = (self._now[0], (f"{said}: what was served before goes on",))
            try:
                self._switch(*self._now)
            except R2PError as worse:
                _log.error("%s", worse)

    def _state(self) -> frozenset[tuple[str, int, int]]:
        """Name, time and size of every file that is watched."""
        if not self._watch:
            return frozenset()
        found = set()
        for folder, pattern in (
            (self._folders.ontology, "*.ttl"),
            (self._folders.ontology, "*.rq"),
            (self._folders.queries, "*.rq"),
        ):
            for path in folder.rglob(pattern):
                try:
                    about = path.stat()
                except FileNotFoundError:
                    continue
                found.add((str(path), about.st_mtime_ns, about.st_size))
        return frozenset(found)
