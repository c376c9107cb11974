# SPDX-License-Identifier: Apache-2.0
"""Run one session's tests in a guest of its own, as ``./dev vm`` does: a process for each guest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from .retry import once_more_if_hung
from .run import HANG
from .sessions import Session

CLONE = Path(__file__).parents[2]

RESULTS = CLONE / "build" / "guests"
"""Each session's results, in a directory of its name."""

GUEST_TIMEOUT_S = 2400

TEST_TIMEOUT_S = 600
"""For one test, in place of pyproject.toml's: emulated, on a machine that does other things too."""

HANG_LINES = 120
"""So much of what the kernel said of a hang is shown where a session fails."""

NO_TEST = int(pytest.ExitCode.NO_TESTS_COLLECTED)

EXPECTED_SKIPS: dict[str, str] = {}
"""Guest tests that may skip, with the reason. A skip that is not here is a failure."""


class Outcome(NamedTuple):
    """How a session ended: its exit status, how long it took, and where its results are."""

    status: int
    seconds: float
    directory: Path

    @property
    def junit(self) -> Path:
        """The file of pytest's results."""
        return self.directory / "junit.xml"

    @property
    def waits(self) -> Path:
        """The file of fixed waits, by test."""
        return self.directory / "waits.json"

    @property
    def log(self) -> Path:
        """The file of what was printed, where that did not go to the terminal."""
        return self.directory / "log"

    def problems(self, *, of_all_tests: bool = True) -> list[str]:
        """Return what is wrong with the session, one line each; nothing if all is right.

        Unless ``of_all_tests``, it may have none of the tests that were chosen.
        """
        if self.status == NO_TEST and not of_all_tests:
            return []
        found = session_problems(self.junit)
        if self.status and not found:
            found.append(f"the session ended with exit status {self.status}")
        if found and (hang := self.directory / HANG).exists():
            found += hang.read_text(errors="replace").splitlines()[:HANG_LINES]
        return found


def session_problems(junit: Path) -> list[str]:
    """Return what is wrong with the results of a session, one line each."""
    if not junit.exists():
        return ["the session wrote no results"]
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))
    problems = [] if cases else ["no test was run"]
    for case in cases:
        name = f"{case.get('classname')}::{case.get('name')}"
        for outcome in case:
            if outcome.tag in {"failure", "error"}:
                reason = (outcome.get("message") or "").splitlines() or ["no message"]
                problems.append(f"{name}: {reason[0]}")
            elif outcome.tag == "skipped" and name not in EXPECTED_SKIPS:
                problems.append(f"{name}: skipped unexpectedly: {outcome.get('message')}")
    return problems


def run_session(
    session: Session,
    directory: Path,
    *,
    wheel: Path | None,
    tests: Sequence[str] = ("tests/guest",),
    thorough: bool = False,
    with_dir: Path = CLONE,
    live: bool = False,
) -> Outcome:
    """Run ``tests`` as the session wants them; its results go to ``directory``.

    :param live: print as it comes, and not to the directory's ``log``
    """
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    # The marks are declared in pyproject.toml, and that guest has none.
    bare = ("-o", "markers=runtime\nmachine")
    chosen = ("-m", session.marks, "--machine", session.machine) if session.marks else bare
    # -P: the ocihook under test is the installed one, not the sources in /with.
    words = [
        "python3", "-P", "-m", "pytest", *tests, *chosen, "--durations=10",
        "-p", "no:cacheprovider", "-o", f"timeout={TEST_TIMEOUT_S}", "--junitxml=/out/junit.xml",
    ]  # fmt: skip
    command = [
        sys.executable, "-m", "tests.vm", "vm",
        "--suite", session.suite, "--kernel", session.kernel, "--init", session.init,
        "--cpus", str(session.cpus), "--sockets", str(session.sockets),
        "--threads", str(session.threads),
        "--timeout", str(GUEST_TIMEOUT_S), "--with", str(with_dir), "--out", str(directory),
        *(("--wheel", str(wheel)) if wheel else ()),
        *(("--beside-others",) if session.beside_others else ()),
        *(("--boot-with", session.boot_with) if session.boot_with else ()),
        "--", *words,
    ]  # fmt: skip
    environment = os.environ | {"OCIHOOK_TEST_THOROUGH": str(int(thorough))}
    began_s = time.monotonic()

    def run() -> Outcome:
        with (directory / "log").open("ab") as log:
            done = subprocess.run(
                command,
                cwd=CLONE,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=None if live else log,
                stderr=None if live else log,
                check=False,
            )
        return Outcome(done.returncode, time.monotonic() - began_s, directory)

    return once_more_if_hung(session.name, run)
