# SPDX-License-Identifier: Apache-2.0
"""The list of sessions, and the lanes of those that run beside others. No guest is booted."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from .guest_run import CLONE, NO_TEST, Outcome
from .lanes import Lanes
from .sessions import ALONE, BESIDE_OTHERS, QUICK, Session, of_all_kernels, of_every_run

pytestmark = pytest.mark.timeout(60)

GUEST = CLONE / "tests" / "guest"
MARKS = ("kernel", "runtime", "once", "long")


def marked() -> set[tuple[str, str]]:
    """Return the pairs of a machine and a mark that files of tests/guest have."""
    found = set()
    for file in GUEST.glob("test_*.py"):
        text = file.read_text()
        machine = re.search(r'machine\("([\w-]+)"\)', text)
        marks = set(re.findall(rf"mark\.({'|'.join(MARKS)})\b", text))
        found |= {(machine[1] if machine else "plain", mark) for mark in marks}
    return found


def asked(sessions: list[Session]) -> set[tuple[str, str]]:
    """Return the pairs of a machine and a mark that the sessions run."""
    # The tutorial's guest has neither conftest.py nor marks.
    pairs = {("tutorial", mark) for mark in MARKS}
    return pairs | {(one.machine, mark) for one in sessions for mark in MARKS if mark in one.marks}


def test_every_test_has_a_session() -> None:
    assert marked() <= asked([*of_every_run(), *of_all_kernels()])
    of_more = {("plain", "long"), ("malformed", "runtime")}
    assert marked() - of_more <= asked(of_every_run())


def test_names_are_their_own() -> None:
    names = [session.name for session in (QUICK, *of_every_run(), *of_all_kernels())]
    assert len(set(names)) == len(names)


def test_the_session_with_the_tests_marked_alone_comes_last_and_runs_alone() -> None:
    *others, last = of_every_run()
    assert all(one.beside_others for one in others)
    assert (ALONE in last.marks, last.beside_others) == (True, False)
    assert not any(ALONE in one.marks for one in others)


def test_first_sessions_share_what_runs_once() -> None:
    marks = [one.marks for one in of_every_run() if "once" in one.marks]
    assert sorted(marks) == [f"kernel or {ALONE}", f"runtime or {BESIDE_OTHERS}"]


def test_two_run_at_a_time_and_the_next_begins_when_one_ends() -> None:
    long, *short = (Session("trixie", name, "once", beside_others=True) for name in "0123")
    alone = Session("trixie", "6.18", "kernel")
    short_ones_ended = threading.Event()
    running: set[Session] = set()
    begun: list[Session] = []
    most = 0

    def run(session: Session) -> Outcome:
        nonlocal most
        begun.append(session)
        running.add(session)
        most = max(most, len(running))
        if session is long:
            assert short_ones_ended.wait(30)
        running.discard(session)
        if session is short[-1]:
            short_ones_ended.set()
            raise OSError("no such kernel")
        return Outcome(0, 1.0, Path(session.name))

    lanes = Lanes([long, *short, alone], run)
    lanes.wait()
    assert most == 2
    assert set(begun[:2]) == {long, short[0]}
    assert begun[2:] == short[1:]
    assert lanes.outcome(short[1]).directory == Path(short[1].name)
    with pytest.raises(OSError, match="no such kernel"):
        lanes.outcome(short[2])


@pytest.mark.parametrize(
    ("status", "of_all_tests", "problems"),
    [
        (NO_TEST, False, []),
        (NO_TEST, True, ["the session wrote no results"]),
        (4, False, ["the session wrote no results"]),
    ],
)
def test_session_without_a_chosen_test(
    tmp_path: Path, status: int, of_all_tests: bool, problems: list[str]
) -> None:
    outcome = Outcome(status, 1.0, tmp_path)
    assert outcome.problems(of_all_tests=of_all_tests) == problems
