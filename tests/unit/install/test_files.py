# SPDX-License-Identifier: Apache-2.0
import errno
import os
from pathlib import Path

import pytest

from ocihook.errors import InstallError
from ocihook.install import files


def ours(content: bytes) -> bool:
    return content.startswith(b"ours")


@pytest.mark.parametrize("umask", [0, 0o002, 0o077])
def test_place_makes_directories_and_sets_the_mode(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "a" / "b" / "file"
    old = os.umask(umask)
    try:
        assert files.place(path, b"ours", 0o755, ours) == ("placed", path)
    finally:
        os.umask(old)
    assert path.read_bytes() == b"ours"
    for each in (path, path.parent, path.parent.parent):
        assert each.stat().st_mode & 0o7777 == 0o755
    assert os.listdir(path.parent) == ["file"]


def test_place_leaves_directories_that_are_there_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    files.place(tmp_path / "file", b"ours", 0o644, ours)
    assert tmp_path.stat().st_mode & 0o7777 == 0o700


def test_place_again_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.place(path, b"ours", 0o644, ours)
    inode = path.stat().st_ino
    assert files.place(path, b"ours", 0o644, ours) == ("kept", path)
    assert path.stat().st_ino == inode


def test_place_repairs_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ours, old")
    assert files.place(path, b"ours", 0o644, ours) == ("placed", path)
    path.chmod(0o600)
    assert files.place(path, b"ours", 0o644, ours) == ("placed", path)
    assert path.stat().st_mode & 0o7777 == 0o644


def test_place_refuses_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"theirs")
    with pytest.raises(InstallError, match=f"^{path}: is not ocihook's"):
        files.place(path, b"ours", 0o644, ours)
    assert path.read_bytes() == b"theirs"
    assert files.place(path, b"ours", 0o644, ours, force=True) == ("placed", path)
    assert path.read_bytes() == b"ours"


@pytest.mark.parametrize("target", ["target", "nonexistent"])
def test_place_refuses_a_link_and_never_writes_through_it(tmp_path: Path, target: str) -> None:
    (tmp_path / "target").write_bytes(b"ours")
    path = tmp_path / "link"
    path.symlink_to(target)
    with pytest.raises(InstallError, match="is not ocihook's"):
        files.place(path, b"ours, new", 0o644, ours)
    files.place(path, b"ours, new", 0o644, ours, force=True)
    assert not path.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"ours"


def test_place_leaves_nothing_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ours, old")

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InstallError, match="file: cannot be placed: no space left on device") as no:
        files.place(path, b"ours", 0o644, ours)
    assert no.value.hint == "make room on its file system, and do it again"
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"ours, old"


@pytest.mark.parametrize("verb", ["place", "remove"])
def test_where_usr_is_read_only_another_prefix_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ours, old")

    def read_only(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr(os, "unlink", read_only)
    with pytest.raises(InstallError, match=r"read-only file system \(name another .* --prefix"):
        files.place(path, b"ours", 0o644, ours) if verb == "place" else files.remove(path, ours)


def test_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        InstallError,
        match=r"below: cannot be placed: (file exists|not a directory) \(move away what is in",
    ):
        files.place(tmp_path / "file" / "below", b"ours", 0o644, ours)


def test_remove(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert files.remove(path, ours) == ("absent", path)
    path.write_bytes(b"theirs")
    assert files.remove(path, ours) == ("left", path)
    assert path.exists()
    path.write_bytes(b"ours")
    assert files.remove(path, ours) == ("removed", path)
    assert not path.exists()
