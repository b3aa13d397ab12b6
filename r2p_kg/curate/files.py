"""The files of an ontology folder.

Found completely, or not at all, since a file that is silently left out is a loss of facts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from r2p_kg.errors import UsageError

if TYPE_CHECKING:
    from typing import NoReturn


def find(folder: Path, *suffixes: str) -> list[str]:
    """The paths of all files below a folder that end in one of the suffixes, relative to it, with forward slashes, sorted.

    Names that begin with a dot are left out, because editors and operating systems keep their own things
    there. Raises UsageError where the folder is missing or one below cannot be listed, for a link to a folder
    (it may lead in a circle), and for what has such a name but is no file (a link to nowhere, a pipe).
    """
    if not folder.is_dir():
        message = f"{folder}: no such folder; name the folder of Turtle files with --ontology"
        raise UsageError(message)
    found = []
    for parent, folders, files in os.walk(folder, onerror=_unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(parent) / name for name in folders):
            if path.is_symlink():
                message = f"{path}: is a link to a folder, which is not followed; put the folder itself there"
                raise UsageError(message)
        for path in (
            Path(parent) / name for name in files if name.endswith(suffixes) and not name.startswith(".")
        ):
            if not path.is_file():
                message = f"{path}: is no file, or a link that leads to none; take it away"
                raise UsageError(message)
            found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def read(path: Path) -> bytes:
    """The content of a file. Raises UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}); check its permissions"
        raise UsageError(message) from error


def _unlisted(error: OSError) -> NoReturn:
    message = f"{error.filename}: cannot be listed ({error.strerror}); check its permissions"
    raise UsageError(message) from error
