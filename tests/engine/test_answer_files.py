"""Room for large answers.

In files without a name, bounded together, given back with the last who holds them.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from r2p_kg.engine.answer_files import AnswerFiles, in_file
from r2p_kg.errors import BusyError

if TYPE_CHECKING:
    from r2p_kg.engine.answer_files import AnswerFile


def test_what_is_written_there_is_read_there_and_from_its_file() -> None:
    room = AnswerFiles().create(5)
    memoryview(room)[:] = b"whole"
    assert b"whole" == bytes(room) == Path(room.path).read_bytes()
    assert room is in_file(room)
    assert in_file(b"bytes") is None


def test_the_file_has_no_name_and_ends_with_its_buffer() -> None:
    spool = AnswerFiles()
    room: AnswerFile | None = spool.create(4096)
    assert room is not None
    path = room.path
    assert "(deleted)" in str(Path(path).readlink())
    assert 4096 == spool.taken
    del room
    gc.collect()
    assert 0 == spool.taken
    assert not Path(path).exists()


def test_all_together_have_a_bound_and_who_comes_later_is_told_to_come_back() -> None:
    spool = AnswerFiles(10_000)
    first = spool.create(6000)
    with pytest.raises(BusyError, match="slow readers") as caught:
        spool.create(6000)
    assert caught.value.retry_after >= 1
    del first
    gc.collect()
    assert 6000 == len(spool.create(6000))


def test_a_disk_without_room_is_an_error_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(BusyError):
        AnswerFiles().create(10)
