"""A snapshot is written whole or not at all, and read only where it is what its digest says."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from r2p_kg.errors import SnapshotError
from r2p_kg.graph import snapshot

if TYPE_CHECKING:
    from pathlib import Path

ONE = snapshot.Snapshot.of(
    b'<http://e/a> <http://e/p> "\xc3\xa9" .\n',
    {"e": "http://e/"},
    {"triples asserted": 1},
    b'{"files": [], "rules": []}\n=\n',
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = snapshot.write(ONE, tmp_path / "new" / "folder")
    assert f"{ONE.digest}.zip" == path.name
    assert ONE == snapshot.read(path)
    assert [path] == list(path.parent.iterdir())


def test_the_digest_is_that_of_the_quads_alone() -> None:
    assert ONE.digest == snapshot.Snapshot.of(ONE.quads, {}, {}).digest
    assert ONE.digest != snapshot.Snapshot.of(b"", {}, {}).digest
    assert 64 == len(ONE.digest)


def test_equal_snapshots_give_equal_files(tmp_path: Path) -> None:
    other = snapshot.Snapshot.of(ONE.quads, dict(ONE.prefixes), dict(ONE.census), ONE.origins)
    assert (
        snapshot.write(ONE, tmp_path / "a").read_bytes() == snapshot.write(other, tmp_path / "b").read_bytes()
    )


def test_a_file_that_is_damaged_anywhere_is_refused(tmp_path: Path) -> None:
    path = snapshot.write(ONE, tmp_path)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(SnapshotError, match="run r2p build again"):
            snapshot.read(path)


def rewritten(tmp_path: Path, head: dict[str, object] | str, quads: bytes = ONE.quads) -> Path:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("snapshot.json", head if isinstance(head, str) else json.dumps(head))
        archive.writestr("quads.nq", quads)
    return path


HEAD: dict[str, object] = {"format": snapshot.FORMAT, "digest": ONE.digest, "prefixes": {}, "census": {}}


def test_content_that_is_not_what_the_digest_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="does not match its digest"):
        snapshot.read(rewritten(tmp_path, HEAD, b"<http://e/a> <http://e/p> <http://e/forged> .\n"))


def test_another_format_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=f"format 99, this version reads {snapshot.FORMAT}"):
        snapshot.read(rewritten(tmp_path, {**HEAD, "format": 99}))


@pytest.mark.parametrize("head", ["{", "{}", f'{{"format": {snapshot.FORMAT}}}'])
def test_a_head_that_lacks_something_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(SnapshotError, match="not a readable snapshot"):
        snapshot.read(rewritten(tmp_path, head))


def test_a_missing_file_and_an_unwritable_folder_are_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="not a readable snapshot"):
        snapshot.read(tmp_path / "none.zip")
    (tmp_path / "file").write_text("")
    with pytest.raises(SnapshotError, match="choose another folder with --state"):
        snapshot.write(ONE, tmp_path / "file")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(KeyboardInterrupt):
        snapshot.write(ONE, tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_snapshot_can_be_served_by_another_user_than_the_one_who_built_it(tmp_path: Path) -> None:
    assert 0o644 == snapshot.write(ONE, tmp_path).stat().st_mode & 0o777
