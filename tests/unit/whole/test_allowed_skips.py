# SPDX-License-Identifier: Apache-2.0
"""The hook of tests/conftest.py, in a small pytest session of its own."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[2] / "conftest.py"

TESTS = """
import pytest

ALLOWED = "this kernel has sched_ext"

@pytest.fixture
def part():
    pytest.skip("too hard")

def test_call():
    pytest.skip("too hard")

@pytest.mark.skip(reason="too hard")
def test_mark():
    pass

@pytest.mark.skipif(True, reason="too hard")
def test_condition():
    pass

def test_fixture(part):
    pass

def test_allowed():
    pytest.skip(ALLOWED)

@pytest.mark.skipif(True, reason=ALLOWED)
def test_allowed_condition():
    pass

def test_passes():
    pass

@pytest.mark.xfail
def test_known():
    assert 0
"""

MODULE = "import pytest\npytest.skip('too hard', allow_module_level=True)\n"
NOT_LISTED = "*ALLOWED_SKIPS of tests/conftest.py does not list: too hard*"


@pytest.fixture
def session(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text())
    # The plugins that pytest finds by itself take most of a session's time.
    pytester.plugins = ["no:hypothesispytest", "no:timeout"]
    pytester.makepyfile(test_skips=TESTS)
    return pytester


def test_anywhere_a_skip_is_a_skip(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.makepyfile(test_module=MODULE)
    monkeypatch.delenv("CI", raising=False)
    result = session.runpytest_inprocess()
    result.assert_outcomes(skipped=7, passed=1, xfailed=1)
    assert result.ret == pytest.ExitCode.OK


def test_in_ci_a_skip_is_a_failure_unless_allowed(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = session.runpytest_inprocess()
    # A condition and a fixture skip in the setup: an error there.
    result.assert_outcomes(failed=1, errors=3, skipped=2, passed=1, xfailed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([NOT_LISTED])


def test_in_ci_a_file_may_not_skip_itself(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.makepyfile(test_module=MODULE)
    monkeypatch.setenv("CI", "true")
    result = session.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([NOT_LISTED])
