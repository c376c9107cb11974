# SPDX-License-Identifier: Apache-2.0
"""The fixture ``snapshot`` itself: it must be able to fail."""

from pathlib import Path

import pytest
from snapshot import REWRITE

pytest_plugins = ["pytester"]

TEST = "def test_it(snapshot): snapshot('screen', 'now\\n')"
CONFTEST = "from snapshot import snapshot"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv(REWRITE, raising=False)
    pytester.syspathinsert(Path(__file__).parents[1])
    # The plugins that pytest finds by itself take most of a session's time.
    pytester.plugins = ["no:hypothesispytest", "no:timeout"]
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TEST)
    return pytester


def test_a_screen_without_a_snapshot_fails_and_says_how_to_make_one(
    suite: pytest.Pytester,
) -> None:
    result = suite.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*screen.txt is missing; make it with OCIHOOK_REWRITE_SNAPSHOTS=1*"]
    )


def test_a_screen_is_written_once_and_compared_then(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as rewriting:
        rewriting.setenv(REWRITE, "1")
        suite.runpytest_inprocess().assert_outcomes(passed=1)
    suite.runpytest_inprocess().assert_outcomes(passed=1)
    file = suite.path / "snapshots" / "screen.txt"
    assert file.read_text() == "now\n"
    file.write_text("before\n")
    suite.runpytest_inprocess().assert_outcomes(failed=1)
    assert file.read_text() == "before\n"
