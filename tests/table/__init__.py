# SPDX-License-Identifier: Apache-2.0
"""The table at the end of ``./dev test``: a plugin for pytest that says where the time went.

It prints each part of the run (the steps of ``./dev``, the tests here by folder, each guest's
session) and the ten slowest tests of all, on failure and interruption too, and writes the same to
``build/test-times.json``:

- ``version``: 1, the form of the document
- ``began``: when the run began, ISO 8601
- ``duration_s``: how long it took, the steps of ``./dev`` included
- ``arguments``: pytest's; two runs with the same arguments can be compared
- ``exit_status``: pytest's
- ``parts``: in the order of their end: ``name``, ``duration_s``, ``tests``, ``failed``,
  ``fixed_waits_s`` (null where they are not counted: outside of guests)
- ``slowest``: of all tests the ten that took longest: ``part``, ``name``, ``duration_s``,
  ``fixed_waits_s``

Guests' sessions run beside others: the parts add up to more than the whole. ``./dev`` sets
``OCIHOOK_BEGAN_S`` (seconds since 1970) and ``OCIHOOK_STEPS_MS`` (``"check=41000 wheel=3000"``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from . import document, text
from .parts import Part, guest_part, here, steps

ARGUMENT = "-ptests.table"
"""What ``./dev test`` gives to pytest for the table."""

_TABLE = pytest.StashKey["Table"]()


class Table:
    """What is known of the run so far."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin with the steps of ``./dev``."""
        self._began_s = float(os.environ.get("OCIHOOK_BEGAN_S") or time.time())
        self._file = config.rootpath / "build" / "test-times.json"
        self._parts = steps(os.environ.get("OCIHOOK_STEPS_MS", ""))
        self._guests: list[Part] = []
        self._sessions: set[str] = set()
        self._reports: list[pytest.TestReport] = []

    def add(self, part: Part, nodeid: str) -> None:
        """Add a guest's session in the place of the test that ran it."""
        self._guests.append(part)
        self._sessions.add(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Measure the collection, which is no test's time."""
        began_s = time.monotonic()
        try:
            return (yield)
        finally:
            self._parts.append(Part("collection", time.monotonic() - began_s))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's setup, call or teardown."""
        self._reports.append(report)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
    ) -> None:
        """Print the table above pytest's last line, and write it as JSON."""
        tests = [one for one in self._reports if one.nodeid not in self._sessions]
        made = document.make(
            [*self._parts, *here(tests), *self._guests],
            began_s=self._began_s,
            duration_s=time.time() - self._began_s,
            arguments=[word for word in config.invocation_params.args if word != ARGUMENT],
            exit_status=int(exitstatus),
        )
        terminalreporter.section("where the time went")
        for line in text.lines(made, document.read(self._file)):
            terminalreporter.write_line(line)
        document.write(made, self._file)


def pytest_configure(config: pytest.Config) -> None:
    """Begin, if tests are to run."""
    if config.option.collectonly:
        return
    config.stash[_TABLE] = Table(config)
    config.pluginmanager.register(config.stash[_TABLE])


def part(item: pytest.Item, name: str, duration_s: float, junit: Path, waits: Path) -> None:
    """Report a guest's session, which stands in the table in place of ``item``.

    Without the table (pytest called by hand) nothing happens.

    :param junit: pytest's results in the guest; may be missing or cut off if the guest was lost
    :param waits: seconds of fixed waits by test's node id, in JSON; may be missing
    """
    table = item.config.stash.get(_TABLE, None)
    if table:
        table.add(guest_part(name, duration_s, junit, waits), item.nodeid)
