"""From a built snapshot to the one that is served: the service's own description stands beside the data.

It is made here, when a snapshot is about to be served, because it says what the data alone cannot know: the
saved questions as they are now, the address of the service and its limits. Nothing curated is parsed for it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from r2p_kg import __version__, library
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.web import Settings

#: Descriptions that are kept beside the snapshots, for services with different settings.
_KEPT: Final = 8


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
        found = snapshot.read(path)
        described = replace(found, description=self._description(found, self.queries, path.parent.parent))
        return snapshot.write(described, self.folder, packed=False)

    def _description(self, found: Snapshot, queries: Path, state: Path) -> bytes:
        """The description; one that an earlier start left in ``state`` if it would be the same."""
        kept = state / "descriptions"
        file = kept / f"{self._fingerprint(found, queries)}.nq"
        with suppress(OSError):
            return file.read_bytes()
        from r2p_kg.web import describe

        settings = self.settings
        text = describe.stored(found, library.load(queries), settings.public_url, settings)
        # A folder that cannot be written costs the next start half a second.
        with suppress(OSError):
            kept.mkdir(exist_ok=True)
            for other in sorted(kept.glob("*.nq"), key=lambda one: one.stat().st_mtime)[:-_KEPT]:
                other.unlink(missing_ok=True)
            with snapshot.whole_file(file) as stream:
                stream.write(text)
        return text

    def _fingerprint(self, found: Snapshot, queries: Path) -> str:
        """SHA-256 over all that the description depends on: data, saved questions, settings and our code."""
        whole = hashlib.sha256(f"{found.digest} {__version__} {self.settings}".encode())
        for folder, pattern in ((queries, "*.[rR][qQ]"), (Path(__file__).parent.parent, "*.py")):
            for file in sorted(folder.rglob(pattern)):
                whole.update(file.relative_to(folder).as_posix().encode("utf-8", "surrogateescape"))
                whole.update(hashlib.sha256(file.read_bytes()).digest())
        return whole.hexdigest()

    def keep(self, path: Path) -> None:
        """Remove what was published before the one that is served now."""
        for other in self.folder.glob("*.zip"):
            if other != path:
                other.unlink(missing_ok=True)
