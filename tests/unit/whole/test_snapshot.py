# SPDX-License-Identifier: Apache-2.0
"""The fixture ``snapshot`` itself: it must be able to fail."""

from collections.abc import Callable
from pathlib import Path

import pytest
import snapshot as snapshots


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(snapshots.REWRITE, raising=False)
    monkeypatch.setattr(snapshots, "DIRECTORY", tmp_path / "snapshots")
    return tmp_path / "snapshots"


def test_a_screen_without_a_snapshot_fails_and_says_how_to_make_one(
    directory: Path, snapshot: Callable[[str, str], None]
) -> None:
    with pytest.raises(AssertionError, match=r"screen\.txt: .*OCIHOOK_REWRITE_SNAPSHOTS=1"):
        snapshot("screen", "now\n")
    assert not directory.exists()


def test_a_screen_is_written_once_and_compared_then(
    directory: Path, snapshot: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as rewriting:
        rewriting.setenv(snapshots.REWRITE, "1")
        snapshot("screen", "now   \n")
    assert (directory / "screen.txt").read_text() == "now\n"
    snapshot("screen", "now\n")
    with pytest.raises(AssertionError):
        snapshot("screen", "later\n")
    assert (directory / "screen.txt").read_text() == "now\n"
