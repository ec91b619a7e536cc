"""A file that is written is whole, stands alone, and says why when it cannot be written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from newsletter.disk import open_private, write_whole
from newsletter.errors import RequestError


def test_file_is_made_with_its_folders_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / f"{'long' * 60}.html"
    for data in (b"one", b"two"):
        write_whole(file, data)
        assert file.read_bytes() == data
    assert list(file.parent.iterdir()) == [file]


def test_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", b"s", private=True)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_private_file_is_taken_from_others_and_a_device_left_to_them(tmp_path: Path) -> None:
    file, device = tmp_path / "people.csv", Path("/dev/null")
    file.write_text("more than before")
    file.chmod(0o644)
    before = device.stat().st_mode
    for path in (file, device):
        with open(path, "w", opener=open_private) as out:
            out.write("people")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("people", 0o600)
    assert device.stat().st_mode == before


def test_fresh_file_never_replaces_one(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"first", fresh=True)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "file", b"second", fresh=True)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"first"]


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    for path in (tmp_path / "file" / "below", tmp_path / "file" / "far" / "below", tmp_path / "folder"):
        for fresh in (False, path.name == "below"):
            with pytest.raises(RequestError, match=f"Cannot write {path}: ") as caught:
                write_whole(path, b"new", hint="Choose another", fresh=fresh)
            assert caught.value.hint == "Choose another"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]
