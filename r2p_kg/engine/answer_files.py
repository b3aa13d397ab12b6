"""Large answers on their way.

In files without a name, so that many of them at once do not fill the memory of a front process.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from typing import Final

from r2p_kg.errors import BusyError

#: Shorter answers stay in memory.
LARGE: Final = 4 * 1024 * 1024

#: Bytes that the large answers of one process may take together.
_TOGETHER: Final = 4 * 1024 * 1024 * 1024


class AnswerFile(mmap.mmap):
    """A buffer over an unlinked file; ``path`` names the file as long as the buffer is there."""

    path: str


class AnswerFiles:
    """Room for large answers, given back when nobody holds the answer any more.

    ``limit``: bytes of all together.
    """

    def __init__(self, limit: int = _TOGETHER) -> None:
        self._limit = limit
        self.taken = 0

    def create(self, size: int) -> AnswerFile:
        """A buffer over an unlinked file in the temporary folder.

        Raises BusyError where there is no room for it.
        """
        if self.taken + size > self._limit:
            raise _full()
        try:
            with tempfile.TemporaryFile(prefix="r2p-answer-") as file:
                # A file with holes would end the process where the disk is full when they are written.
                os.posix_fallocate(file.fileno(), 0, size)
                made = AnswerFile(file.fileno(), size)
                descriptor = os.dup(file.fileno())
        except OSError as error:
            raise _full() from error
        self.taken += size
        made.path = f"/proc/self/fd/{descriptor}"
        weakref.finalize(made, self._free, descriptor, size)
        return made

    def _free(self, descriptor: int, size: int) -> None:
        os.close(descriptor)
        self.taken -= size


def in_file(body: object) -> AnswerFile | None:
    """The buffer of a body that stands in a file; None where it is in memory."""
    return body if isinstance(body, AnswerFile) else None


def _full() -> BusyError:
    return BusyError(
        "too many large answers are on their way to slow readers; come back in a moment, or ask for less",
        retry_after=10,
    )
