# SPDX-License-Identifier: Apache-2.0
"""In continuous integration (CI=true) a test skips for a reason written here, or it fails.

A test that skips everywhere is a test that nobody has; a green run must not hide it.
"""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

ALLOWED_SKIPS = (
    # tests/runtime shows how a kernel without sched_ext is refused; a host that has it cannot.
    "this kernel has sched_ext",
    # tests/runtime runs real container runtimes.
    "needs root and cgroup2",
    "needs root and systemd-journald",
    "needs root and systemd-nspawn",
    # The manual and the unit are read by the programs they are for, where those are.
    "needs groff",
    "needs systemd's own programs",
)

ReportT = TypeVar("ReportT", pytest.TestReport, pytest.CollectReport)


def _judge(report: ReportT) -> ReportT:
    """Make a failure of a skip that nobody allowed."""
    expected_failure = hasattr(report, "wasxfail")
    if os.environ.get("CI") != "true" or not report.skipped or expected_failure:
        return report
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = text.removeprefix("Skipped: ")
    if reason not in ALLOWED_SKIPS:
        report.outcome = "failed"
        report.longrepr = (
            f"skipped, which ALLOWED_SKIPS of tests/conftest.py does not list: {reason}"
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test, its setup and its teardown."""
    return _judge((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a file that skips as a whole."""
    return _judge((yield))
