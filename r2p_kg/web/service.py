"""What every page needs, in one value.

Settings, snapshot, engine, saved queries and the index over the snapshot.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from flask import current_app

from r2p_kg import __version__, limits
from r2p_kg.engine.policy import Limits
from r2p_kg.graph import vocab
from r2p_kg.sparql.known_terms import KnownTerms
from r2p_kg.sparql.lint import lint
from r2p_kg.web.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask

    from r2p_kg.engine import Engine
    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.library import Library
    from r2p_kg.sparql.lint import LintWarning

T = TypeVar("T")
_KEY = "r2p-kg"


@dataclass(frozen=True)
class Settings:
    """What an operator decides; every limit is stated on ``/status`` and in the service description.

    ``seconds``: deadline of a query. ``rows`` and ``bytes``: the largest answer that is sent.
    ``query_bytes``: longest query text. ``body_bytes``: longest request body. ``table_rows``: rows that an
    HTML table shows. ``title``: what the pages call the data. ``checked``: False for ``--data``, which did
    not pass our checks. ``notices``: what the operator should know, shown on ``/status`` (a bad edit, a
    rebuilt snapshot). ``union``: the default graph is the union of all graphs; else, as in a graph store,
    what was put there, and every IRI may name a graph. ``cache_bytes``: what each front process keeps of
    answers in memory. ``slow_seconds``: queries that take longer stand in the log. ``proxies``: addresses of
    proxies whose X-Forwarded-For is believed. ``public_url``: where the service is reached from outside,
    without a final slash; else what the request says.
    """

    seconds: float = limits.Limits.seconds
    rows: int = limits.Limits.rows
    bytes: int = limits.Limits.bytes
    query_bytes: int = limits.Limits.query_bytes
    body_bytes: int = limits.Limits.body_bytes
    table_rows: int = limits.Limits.table_rows
    title: str = "R2P-KG"
    checked: bool = True
    notices: tuple[str, ...] = ()
    public_url: str | None = None
    union: bool = True
    cache_bytes: int = limits.Limits.cache
    slow_seconds: float = limits.Limits.slow_seconds
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """One snapshot being served; a new snapshot is a new Service."""

    settings: Settings
    snapshot: Snapshot
    engine: Engine
    library: Library
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)
    _made: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, made at the first call of that name and kept while the snapshot is served."""
        if name not in self._made:
            with self._lock:
                if name not in self._made:
                    self._made[name] = make()
        return cast("T", self._made[name])

    @property
    def index(self) -> Index:
        """The index over the snapshot."""
        return self.once("index", lambda: Index(self.snapshot))

    @property
    def graphs(self) -> frozenset[str] | None:
        """The names of the graphs that are served; None if every IRI may name one."""
        return self.once(
            "graphs",
            lambda: self._graphs() if self.settings.union else None,
        )

    def _graphs(self) -> frozenset[str]:
        own = {vocab.SERVICE_GRAPH} if self.snapshot.description else set()
        return frozenset({name for name in self.index.graphs() if name} | own)

    @property
    def prefix(self) -> str:
        """The path below which the service is published, without a final slash: empty, or like ``/kg``."""
        return urlsplit(self.settings.public_url or "").path.rstrip("/")

    @property
    def version(self) -> str:
        """All that an answer depends on besides its question, as text.

        What is served, by which code, within which limits.
        """
        limits = self.settings
        return self.once(
            "version",
            lambda: " ".join(
                str(part)
                for part in (
                    self.snapshot.identity,
                    __version__,
                    limits.rows,
                    limits.bytes,
                    limits.table_rows,
                    limits.public_url,
                    limits.title,
                )
            ),
        )

    @property
    def vocabulary(self) -> KnownTerms:
        """All that a query can name of the snapshot."""
        of = self.snapshot
        return self.once("vocabulary", lambda: KnownTerms.of(of.served, of.prefixes, vocab.BASE))

    @property
    def knows_vocabulary(self) -> bool:
        """True as soon as :attr:`vocabulary` costs nothing any more."""
        return "vocabulary" in self._made

    def warnings(self, query: str) -> Sequence[LintWarning]:
        """What a query that the engine takes probably does not mean."""
        return lint(query, self.vocabulary)

    @property
    def limits(self) -> Limits:
        """What the text of a query may be."""
        return self.once("limits", lambda: Limits(length=self.settings.query_bytes, graphs=self.graphs))

    def install(self, extensions: dict[str, object]) -> None:
        """Make this the service that pages of an application see."""
        extensions[_KEY] = self


def current() -> Service:
    """The service of the application that handles this request."""
    return service_of(current_app)


def service_of(app: Flask) -> Service:
    """The service of an application."""
    return cast("Service", app.extensions[_KEY])
