# SPDX-License-Identifier: Apache-2.0
"""The machine that is looked at: which files are read, and how much of them."""

import os
from pathlib import Path

import pytest

from ocihook.doctor import host


def test_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert host.Host().content(tmp_path / "file") == b"text"


def test_the_null_device_is_an_empty_file() -> None:
    """A file is switched off by a link to it."""
    assert host.Host().content(Path(os.devnull)) == b""


def test_what_may_never_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (Path("/dev/zero"), tmp_path / "fifo"):
        with pytest.raises(OSError, match="not a regular file"):
            host.Host().content(path)


def test_a_file_without_an_end_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MAX_FILE_BYTES", 3)
    (tmp_path / "file").write_bytes(b"text")
    with pytest.raises(OSError, match="more than 3 bytes"):
        host.Host().content(tmp_path / "file")
