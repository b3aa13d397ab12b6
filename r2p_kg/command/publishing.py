"""From a built snapshot to the one that is served: the service's own description stands beside the data.

It is made here, when a snapshot is about to be served, because it says what the data alone cannot know: the
saved questions as they are now, the address of the service and its limits. Nothing curated is parsed for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from r2p_kg import library
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from r2p_kg.web import Settings


@dataclass(frozen=True)
class Publisher:
    """Writes what is served.

    Attributes:
        folder: where to; nobody else's files are in it.
        queries: the saved questions' folder, None for data that are not ours: those are served as they are.
        settings: the service's, of which the description tells.

    """

    folder: Path
    queries: Path | None
    settings: Settings

    def publish(self, path: Path) -> Path:
        """The file to serve instead of a snapshot's.

        Raises SnapshotError or LibraryError if a file cannot be read or written.
        """
        if self.queries is None:
            return path
        from r2p_kg.web import describe

        found, settings = snapshot.read(path), self.settings
        text = describe.stored(found, library.load(self.queries), settings.public_url, settings)
        return snapshot.write(replace(found, description=text), self.folder)

    def keep(self, path: Path) -> None:
        """Remove what was published before the one that is served now."""
        for other in self.folder.glob("*.zip"):
            if other != path:
                other.unlink(missing_ok=True)
