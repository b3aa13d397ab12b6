"""The files of a folder that people edit: curated Turtle, check queries, saved queries.

All of them or an error, since a file that is silently left out is a loss of facts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from r2p_kg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names that editors, merges and operating systems give to their own copies; they are left out.
_OWN_STARTS: Final = (".", "#")
_OWN_ENDS: Final = ("~", ".bak", ".orig", ".rej", ".swp", ".tmp")

#: Suffix → other suffixes of what would belong into such a file.
_LIKE: Final[Mapping[str, tuple[str, ...]]] = {
    ".rq": (".sparql",),
    ".ttl": (".turtle", ".n3", ".nt", ".nq", ".trig", ".owl", ".rdf", ".jsonld"),
}


def find(folder: Path, *suffixes: str) -> list[str]:
    """The paths of all files below a folder that end in one of the suffixes, in capitals or not.

    Relative to the folder, with forward slashes, sorted. Copies that editors and merges leave behind are not
    among them: names that begin with ``.`` or ``#`` or end in ``~``, ``.bak``, ``.orig``, ``.rej``, ``.swp``,
    ``.tmp``.

    Raises UsageError if the folder is missing, if it or one below cannot be listed, for a link to a folder
    (it may lead in a circle), for a name that is almost right (``x.ttl.txt``) or cannot be printed, and for
    something of such a name that is not a file (a link to nowhere, a pipe).
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        _refuse(folder, "no such folder; name the folder of Turtle files with --ontology")
    wanted = " or ".join(suffixes)
    found = []
    for parent, folders, names in os.walk(folder, onerror=_unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(parent, name) for name in folders):
            if path.is_symlink():
                _refuse(path, "is a link to a folder, which is not followed; put the folder itself there")
        for path in (Path(parent, name) for name in names if not _is_a_copy(name)):
            name = path.name.lower()
            if name.endswith(suffixes):
                found.append(_usable(path, folder))
            elif any(f"{suffix}." in name or name.endswith(_LIKE[suffix]) for suffix in suffixes):
                _refuse(path, f"is not read: its name does not end in {wanted}; rename it")
    return sorted(found)


def read(path: Path) -> bytes:
    """The content of a file. Raises UsageError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{printable(path)}: cannot be read ({error.strerror}); check its permissions"
        raise UsageError(message) from error


def text(path: Path) -> str:
    """The content of a file in UTF-8, without a byte order mark. Raises UsageError if it is not readable."""
    try:
        return read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{printable(path)}: cannot be read as UTF-8; save it as UTF-8"
        raise UsageError(message) from error


def printable(path: Path) -> str:
    r"""The path with whatever cannot be printed written as an escape.

    >>> printable(Path("caf\udce9.ttl"))
    'caf\\udce9.ttl'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode()
        for letter in str(path)
    )


def _usable(path: Path, folder: Path) -> str:
    """The path relative to the folder. Raises UsageError if it is not a file, or not printable."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a link into a closed folder
        _refuse(path, "is not a file, or a link that leads to none; take it away")
    name = path.relative_to(folder).as_posix()
    if not name.isprintable():
        _refuse(path, "its name holds a character that cannot be printed, or is not UTF-8; rename it")
    return name


def _is_a_copy(name: str) -> bool:
    return name.startswith(_OWN_STARTS) or name.lower().endswith(_OWN_ENDS)


def _refuse(path: Path, why: str) -> NoReturn:
    message = f"{printable(path)}: {why}"
    raise UsageError(message)


def _unlisted(error: OSError) -> NoReturn:
    message = f"{printable(Path(error.filename))}: cannot be listed ({error.strerror}); check its permissions"
    raise UsageError(message) from error
