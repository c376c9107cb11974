# SPDX-License-Identifier: Apache-2.0
"""The fixture ``snapshot`` itself: it must be able to fail."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import snapshot as snapshots

UNIT = Path(__file__).parents[1]


@pytest.fixture
def directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    monkeypatch.delenv(snapshots.REWRITE, raising=False)
    monkeypatch.setattr(request.node, "path", tmp_path / "test_screens.py")
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


def named_by(file: Path) -> list[str]:
    """Return patterns of the names that a test gives to its snapshots."""
    names = re.findall(r'\bsnapshot\(f?"([^"]+)"', file.read_text())
    return [re.sub(r"\\{\w+\\}", ".+", re.escape(name)) for name in names]


def test_each_snapshot_is_some_test_s() -> None:
    kept = sorted(UNIT.rglob("snapshots/*.txt"))
    assert len(kept) > 30
    for path in kept:
        patterns = [each for test in path.parents[1].glob("test_*.py") for each in named_by(test)]
        assert any(re.fullmatch(each, path.stem) for each in patterns), path
