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


def test_sessions_of_lanes_come_first_and_measure_nothing() -> None:
    lanes = [session.lane for session in of_every_run()]
    assert lanes == sorted(lanes, key=lambda lane: lane is None)
    beside = [one.marks for one in of_every_run() if one.lane is not None]
    assert not any("kernel" in marks or ALONE in marks for marks in beside)


def test_first_sessions_share_what_runs_once() -> None:
    marks = [one.marks for one in of_every_run() if "once" in one.marks]
    assert sorted(marks) == [f"kernel or {ALONE}", f"runtime or {BESIDE_OTHERS}"]


def test_a_lane_runs_one_after_the_other_beside_other_lanes() -> None:
    sessions = [
        Session("trixie", f"{lane}.{number}", "once", lane=lane)
        for lane in (0, 1)
        for number in (0, 1)
    ]
    alone = Session("trixie", "6.18", "kernel")
    both_began = threading.Barrier(2, timeout=30)
    begun: list[Session] = []

    def run(session: Session) -> Outcome:
        begun.append(session)
        both_began.wait()
        if session.kernel == "1.1":
            raise OSError("no such kernel")
        return Outcome(0, 1.0, Path(session.name))

    lanes = Lanes([*sessions, alone], run)
    lanes.wait()
    assert set(begun[:2]) == {sessions[0], sessions[2]}
    assert set(begun[2:]) == {sessions[1], sessions[3]}
    assert lanes.outcome(sessions[1]).directory == Path(sessions[1].name)
    with pytest.raises(OSError, match="no such kernel"):
        lanes.outcome(sessions[3])


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
