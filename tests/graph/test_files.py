"""No file of an ontology folder is left out silently."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from r2p_kg.errors import UsageError
from r2p_kg.graph import files


def test_files_are_found_at_every_depth_in_order(tmp_path: Path) -> None:
    for name in ("b.ttl", "a/c.rq", "a/b/d.ttl", "a/e.txt", "x.ttl/y.ttl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert ["a/b/d.ttl", "a/c.rq", "b.ttl", "x.ttl/y.ttl"] == files.find(tmp_path, ".ttl", ".rq")


def test_what_an_editor_hides_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".#a.ttl").symlink_to("user@machine.1234")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "b.ttl").write_text("")
    assert [] == files.find(tmp_path, ".ttl")


@pytest.mark.parametrize(
    "name", ["a.ttl~", "a.ttl.bak", "a.ttl.orig", "a.ttl.REJ", ".a.ttl.swp", "#a.ttl#", "a.ttl.tmp"]
)
def test_a_copy_that_an_editor_or_a_merge_leaves_behind_is_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    assert [] == files.find(tmp_path, ".ttl", ".rq")


def test_a_suffix_in_capitals_is_a_suffix(tmp_path: Path) -> None:
    for name in ("a.TTL", "b.Ttl", "c.RQ"):
        (tmp_path / name).write_text("")
    assert ["a.TTL", "b.Ttl", "c.RQ"] == files.find(tmp_path, ".ttl", ".rq")


@pytest.mark.parametrize("name", ["a.ttl.txt", "a.turtle", "a.OWL", "a.jsonld", "a.rq.txt", "a.sparql"])
def test_a_name_that_is_almost_right_is_told_and_not_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(
        UsageError, match=rf"{re.escape(name)}: is not read: its name does not end in \.ttl or \.rq"
    ):
        files.find(tmp_path, ".ttl", ".rq")


@pytest.mark.parametrize("name", [b"caf\xe9.ttl", b"a\nb.ttl", "a\u200bb.ttl".encode()])
def test_a_name_that_cannot_be_printed_is_told_in_letters_that_can(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("")
    with pytest.raises(UsageError, match=r"cannot be printed, or is not UTF-8; rename it") as caught:
        files.find(tmp_path, ".ttl")
    assert str(caught.value).isprintable()


def test_text_is_read_without_a_byte_order_mark_and_only_as_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.rq").write_bytes(b"\xef\xbb\xbfASK {}")
    assert "ASK {}" == files.text(tmp_path / "a.rq")
    (tmp_path / "a.rq").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"a\.rq: cannot be read as UTF-8"):
        files.text(tmp_path / "a.rq")


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.ttl").symlink_to(tmp_path / "a.txt")
    assert ["a.ttl"] == files.find(tmp_path, ".ttl")


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    for make in (
        lambda path: path.symlink_to(tmp_path / "nowhere"),
        lambda path: path.symlink_to(path),
        os.mkfifo,
    ):
        path = tmp_path / "a.ttl"
        make(path)
        with pytest.raises(UsageError, match=f"^{re.escape(str(path))}: is not a file"):
            files.find(tmp_path, ".ttl")
        path.unlink()


def test_a_link_to_a_folder_is_named_and_never_followed_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="circle: is a link to a folder"):
        files.find(tmp_path, ".ttl")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def closed(path: str) -> object:  # permissions mean nothing to root, as whom tests may run
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(UsageError, match=r"closed: cannot be listed \(Permission denied\)"):
        files.find(tmp_path, ".ttl")


def test_a_missing_folder_and_an_unreadable_file_are_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        files.find(tmp_path / "none", ".ttl")
    with pytest.raises(UsageError, match="no such folder"):
        files.find(tmp_path / ("n" * 300), ".ttl")
    with pytest.raises(UsageError, match="cannot be read"):
        files.read(tmp_path / "none.ttl")
