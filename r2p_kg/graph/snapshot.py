"""The frozen value between curators and readers.

Canonical quads, prefixes, a digest and a census, in one file.

With them goes the origin of each quad (:mod:`r2p_kg.graph.origins`), outside the digest: lines move without a
change of what is said. The digest is the SHA-256 of the canonical N-Quads text (sorted lines, blank
nodes labelled by RDFC-1.0, https://www.w3.org/TR/rdf-canon/); it is the snapshot's version, its ETag and its
file name.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from r2p_kg.errors import SnapshotError
from r2p_kg.graph.prefixes import Prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Raised whenever the layout inside the file changes; older files are then rebuilt.
FORMAT = 2

#: A fixed time stamp for the members of the archive: equal content gives an equal file.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Snapshot:
    """One immutable state of the graph.

    Attributes:
        quads: canonical N-Quads, UTF-8, one quad a line, sorted.
        prefixes: prefix → namespace IRI, as declared in ``ontology/prefixes.ttl``.
        digest: 64 hexadecimal digits.
        census: counts by name (quads, statements by class, passages …), for people and for tests.
        origins: the origin of each quad, see :mod:`r2p_kg.graph.origins`; empty for data that are not ours.
        description: what is served beside the data, as N-Quads of one graph that the data do not have: the
            service's own words about itself; empty until the snapshot is to be served.

    """

    quads: bytes
    prefixes: Prefixes
    digest: str
    census: Mapping[str, int]
    origins: bytes = b""
    description: bytes = b""

    @classmethod
    def of(
        cls,
        quads: bytes,
        prefixes: Mapping[str, str],
        census: Mapping[str, int],
        origins: bytes = b"",
        description: bytes = b"",
    ) -> Snapshot:
        """The snapshot of canonical N-Quads text, digest computed."""
        digest = hashlib.sha256(quads).hexdigest()
        return cls(quads, Prefixes.of(prefixes), digest, dict(census), origins, description)

    @cached_property
    def identity(self) -> str:
        """What tells apart whatever a query can see.

        The digest, and that of the description if there is one.
        """
        if not self.description:
            return self.digest
        return f"{self.digest}-{hashlib.sha256(self.description).hexdigest()[:16]}"

    @property
    def served(self) -> bytes:
        """All quads that a query can see."""
        return self.quads + self.description

    @property
    def file_name(self) -> str:
        """The name its file always has."""
        return f"{self.identity}.zip"


def write(snapshot: Snapshot, folder: Path, *, packed: bool = True) -> Path:
    """Write the snapshot into ``folder`` under its own name, whole or not at all, and return the path.

    ``packed``: compressed; else it takes ten times the room, and neither writing nor reading takes time.

    Raises SnapshotError if the folder cannot be written.
    """
    head = {
        "format": FORMAT,
        "digest": snapshot.digest,
        "prefixes": dict(sorted(snapshot.prefixes.items())),
        "census": dict(sorted(snapshot.census.items())),
    }
    path = folder / snapshot.file_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream, zipfile.ZipFile(stream, "w") as archive:
            kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(_member("snapshot.json"), json.dumps(head, indent=1, ensure_ascii=False), kind)
            archive.writestr(_member("quads.nq"), snapshot.quads, kind)
            archive.writestr(_member("origins.txt"), snapshot.origins, kind)
            if snapshot.description:
                archive.writestr(_member("description.nq"), snapshot.description, kind)
    except OSError as error:
        message = (
            f"cannot write a snapshot into {folder}: {error.strerror}; "
            "choose another folder with --state or R2P_STATE"
        )
        raise SnapshotError(message) from error
    return path


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to be written that is at ``path`` whole when the context ends, and not at all if it fails.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        # A temporary file is its maker's alone; what is written may be read by another user than the one who
        # made it.
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read(path: Path) -> Snapshot:
    """The snapshot in a file, its digest verified.

    Raises SnapshotError if the file is missing, damaged, of another format, or not what its digest says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read("snapshot.json"))
            quads = archive.read("quads.nq")
            origins, description = (
                archive.read(name) if name in archive.namelist() else b""
                for name in ("origins.txt", "description.nq")
            )
        if head["format"] != FORMAT:
            message = (
                f"{path}: snapshot format {head['format']}, this version reads {FORMAT}; run r2p build again"
            )
            raise SnapshotError(message)
        whole = Snapshot.of(quads, head["prefixes"], head["census"], origins, description)
    except (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, KeyError, EOFError) as error:
        message = f"{path}: not a readable snapshot ({error}); run r2p build again"
        raise SnapshotError(message) from error
    if whole.digest != head["digest"]:
        message = f"{path}: the content does not match its digest; run r2p build again"
        raise SnapshotError(message)
    return whole


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    return info
