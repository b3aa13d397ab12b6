"""What every page needs, in one value.

Settings, snapshot, engine, saved queries and the index over the snapshot.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from flask import current_app

from r2p_kg import __version__
from r2p_kg.engine import policy
from r2p_kg.graph import vocab
from r2p_kg.limits import Limits
from r2p_kg.web.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from r2p_kg.engine import Operated
    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.library import Library

T = TypeVar("T")
_KEY = "r2p-kg"


@dataclass(frozen=True)
class Settings(Limits):
    """What an operator decides: every limit, each stated on ``/status``, and what follows.

    Attributes:
        title: what the pages call the data.
        checked: False for ``--data``, which did not pass our checks.
        notices: what the operator should know, shown on ``/status`` (a bad edit, a rebuilt snapshot).
        public_url: where the service is reached from outside, without a final slash; None for what the
            request says.
        union: the default graph is the union of all graphs; else, as in a graph store, what was put there,
            and every IRI may name a graph.
        proxies: addresses of proxies whose X-Forwarded-For is believed.

    """

    title: str = "R2P-KG"
    checked: bool = True
    notices: tuple[str, ...] = ()
    public_url: str | None = None
    union: bool = True
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """One snapshot being served; a new snapshot is a new Service."""

    settings: Settings
    snapshot: Snapshot
    engine: Operated
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
        return self.once("graphs", lambda: self._graphs() if self.settings.union else None)

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
        now = self.settings
        parts = (__version__, now.rows, now.bytes, now.table_rows, now.public_url, now.title)
        return self.once("version", lambda: " ".join(map(str, (self.snapshot.identity, *parts))))

    @property
    def limits(self) -> policy.Limits:
        """What the text of a query may be."""
        return self.once(
            "limits", lambda: policy.Limits(length=self.settings.query_bytes, graphs=self.graphs)
        )

    def install(self, extensions: dict[str, object]) -> None:
        """Make this the service that pages of an application see."""
        extensions[_KEY] = self


def current() -> Service:
    """The service of the application that handles this request."""
    return service_of(current_app)


def service_of(app: Flask) -> Service:
    """The service of an application."""
    return cast("Service", app.extensions[_KEY])
