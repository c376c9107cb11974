# SPDX-License-Identifier: Apache-2.0
"""The hook of tests/conftest.py, in a small pytest session of its own."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"
HEAD = "import pytest\nALLOWED = 'this kernel has sched_ext'\n"


@pytest.fixture
def session(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text())
    return pytester


@pytest.mark.parametrize(
    "test",
    [
        "def test_it(): pytest.skip('too hard')",
        "@pytest.mark.skip(reason='too hard')\ndef test_it(): pass",
        "@pytest.mark.skipif(True, reason='too hard')\ndef test_it(): pass",
        "@pytest.fixture\ndef part(): pytest.skip('too hard')\ndef test_it(part): pass",
        "pytest.skip('too hard', allow_module_level=True)",
    ],
    ids=["call", "mark", "condition", "fixture", "module"],
)
def test_a_skip_that_nobody_allowed(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    session.makepyfile(HEAD + test)
    monkeypatch.delenv("CI", raising=False)
    here = session.runpytest_inprocess()
    here.assert_outcomes(skipped=1)
    assert here.ret in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)

    monkeypatch.setenv("CI", "true")
    there = session.runpytest_inprocess()
    outcomes = there.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 1
    assert "skipped" not in outcomes
    assert there.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    there.stdout.fnmatch_lines(["*ALLOWED_SKIPS of tests/conftest.py does not list: too hard*"])


@pytest.mark.parametrize(
    "test",
    [
        "def test_it(): pytest.skip(ALLOWED)",
        "pytestmark = pytest.mark.skipif(True, reason=ALLOWED)\ndef test_it(): pass",
    ],
)
def test_an_allowed_skip(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    session.makepyfile(HEAD + test)
    monkeypatch.setenv("CI", "true")
    result = session.runpytest_inprocess()
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.OK


def test_other_outcomes_stay(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    session.makepyfile(
        HEAD
        + "def test_passes(): pass\n"
        + "def test_fails(): assert 0\n"
        + "@pytest.mark.xfail\ndef test_known(): assert 0\n"
    )
    monkeypatch.setenv("CI", "true")
    session.runpytest_inprocess().assert_outcomes(passed=1, failed=1, xfailed=1)
