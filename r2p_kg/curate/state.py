"""The state folder: snapshots, and which of them belongs to which ontology folder.

It holds ``snapshots/<digest>.zip``, ``ontologies/<name>.json`` (which snapshot belongs to which ontology
folder), ``consistency/<digest>.json`` (what Pellet said) and ``lock``. All of it can be deleted at any time:
it is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from r2p_kg.curate.findings import Finding
from r2p_kg.errors import UsageError
from r2p_kg.graph.files import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many snapshots are kept beyond those that an ontology folder points to.
KEPT: Final = 5


def default_folder() -> Path:
    """The folder named by ``R2P_STATE``, else the user's state folder of the platform."""
    named = os.environ.get("R2P_STATE")
    return Path(named) if named else Path(platformdirs.user_state_dir("r2p-kg"))


@dataclass(frozen=True)
class Memory:
    """What is remembered of an ontology folder.

    Attributes:
        fingerprint: the files that were built.
        digest: the snapshot that they gave.
        findings: the warnings and notes about them.

    """

    fingerprint: str
    digest: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class State:
    """A state folder. What cannot be used raises UsageError."""

    folder: Path

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots."""
        return self.folder / "snapshots"

    @property
    def verdicts(self) -> Path:
        """The folder in which Pellet's verdicts are kept."""
        return self.folder / "consistency"

    def snapshot_path(self, digest: str) -> Path:
        """The file of a snapshot."""
        return self.snapshots / f"{digest}.zip"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder's lock, which the system frees if we die."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(self.folder / "lock")
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def recall(self, ontology: Path) -> Memory | None:
        """What is remembered of an ontology folder; None if that is nothing, or nothing that can be used."""
        return _recalled(self._page(ontology))

    def remember(self, ontology: Path, memory: Memory) -> None:
        """Remember this of an ontology folder from now on."""
        page = self._page(ontology)
        partial = page.with_suffix(".partial")
        content = {"ontology": str(ontology.resolve()), **asdict(memory)}
        try:
            page.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
            partial.replace(page)
        except OSError as error:
            raise self._unusable(error) from error

    def prune(self) -> None:
        """Remove all but the newest snapshots; one that an ontology folder points to always stays."""
        memories = map(_recalled, (self.folder / "ontologies").glob("*.json"))
        needed = {memory.digest for memory in memories if memory is not None}
        others = [path for path in self.snapshots.glob("*.zip") if path.stem not in needed]
        for path in sorted(others, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
            with suppress(OSError):  # one file too many does no harm
                path.unlink()

    def _page(self, ontology: Path) -> Path:
        name = hashlib.sha256(os.fsencode(ontology.resolve())).hexdigest()[:16]
        return self.folder / "ontologies" / f"{name}.json"

    def _unusable(self, error: OSError) -> UsageError:
        return UsageError(
            f"{printable(self.folder)}: cannot be used to keep snapshots ({error.strerror}); "
            "choose another folder with --state or R2P_STATE"
        )


def _lock(path: Path) -> int:
    """A descriptor of the lock file; read-only if it may not be written, so that one can still be served."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        if not path.is_file():
            raise
        return os.open(path, os.O_RDONLY)


def _recalled(page: Path) -> Memory | None:
    try:
        fields = json.loads(page.read_text(encoding="utf-8"))
        digest = fields["digest"]
        memory = Memory(fields["fingerprint"], digest, tuple(Finding(**one) for one in fields["findings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return memory if isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest) else None
