"""What every page needs, in one value: settings, snapshot, engine, saved queries and the index over the snapshot."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

from r2p_kg.web.index import Index

if TYPE_CHECKING:
    from r2p_kg.engine import Engine
    from r2p_kg.library import Library
    from r2p_kg.snapshot import Snapshot

_KEY = "r2p-kg"


@dataclass(frozen=True)
class Settings:
    """What an operator decides; every limit is stated on ``/status`` and in the service description.

    ``seconds``: deadline of a query. ``rows`` and ``bytes``: the largest answer that is sent.
    ``query_bytes``: longest query text. ``body_bytes``: longest request body. ``table_rows``: rows that an HTML table shows.
    ``title``: what the pages call the data. ``checked``: False for ``--data``, which did not pass our checks.
    ``notices``: what the operator should know, shown on ``/status`` (a bad edit, a rebuilt snapshot).
    ``public_url``: where the service is reached from outside, without a final slash; else what the request says.
    """

    seconds: float = 30.0
    rows: int = 1_000_000
    bytes: int = 256 * 1024 * 1024
    query_bytes: int = 64 * 1024
    body_bytes: int = 1024 * 1024
    table_rows: int = 1000
    title: str = "R2P-KG"
    checked: bool = True
    notices: tuple[str, ...] = ()
    public_url: str | None = None


@dataclass(frozen=True)
class Service:
    """One snapshot being served; a new snapshot is a new Service."""

    settings: Settings
    snapshot: Snapshot
    engine: Engine
    library: Library
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _built: list[Index] = field(default_factory=list, repr=False, compare=False)

    @property
    def index(self) -> Index:
        """The index over the snapshot, built on first use."""
        if not self._built:
            with self._lock:
                if not self._built:
                    self._built.append(Index(self.snapshot))
        return self._built[0]

    def install(self, extensions: dict[str, object]) -> None:
        """Make this the service that pages of an application see."""
        extensions[_KEY] = self


def current() -> Service:
    """The service of the application that handles this request."""
    return cast("Service", current_app.extensions[_KEY])
