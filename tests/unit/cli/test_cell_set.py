# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells set``: what it asks for, and what it says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook.cell import CellSpec
from ocihook.cli import cell_set
from ocihook.errors import OwnCpusTaken
from ocihook.sched.cell_set import Outcome
from ocihook.sched.change import Change

Run = Callable[..., Any]
MS = 1_000_000


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Change]]:
    calls: list[tuple[str, Change]] = []
    spec = CellSpec(
        container="c", bundle_hash=1, name="web", weight=300, own=0b1100, quota_ns=50 * MS,
        period_ns=100 * MS, burst_ns=MS, lend=False,
    )  # fmt: skip

    def change_cell(which: str, change: Change, *, given_out: int) -> Outcome:
        calls.append((which, change))
        return Outcome(3, spec, ("/c: mark: operation not permitted",) if which == "warn" else ())

    monkeypatch.setattr(cell_set, "change_cell", change_cell)
    return calls


@pytest.mark.parametrize(
    ("words", "change", "said"),
    [
        (["--weight", "300"], Change(weight=300), "weight 300"),
        (["--cpus", "2"], Change(cpus=(2, 0)), "own CPUs 2-3"),
        (["--cpus", "2-3"], Change(cpus=(0, 0b1100)), "own CPUs 2-3"),
        (["--cpus", "none"], Change(cpus=(0, 0)), "own CPUs 2-3"),
        (
            ["--quota", "50%", "--burst", "1000"],
            Change(quota_us=(50000, 100000), burst_us=1000),
            "quota 50000 us of 100000 us, burst 1000 us",
        ),
        (
            ["--no-lend", "--borrow"],
            Change(lend=False, borrow=True),
            "does not lend, borrows",
        ),
        (["--quota", "max"], Change(quota_us=(0, 0)), "quota 50000 us of"),
    ],
)
def test_set(
    run: Run, asked: list[tuple[str, Change]], words: list[str], change: Change, said: str
) -> None:
    outcome = run("cells", "set", "web", *words)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert asked == [("web", change)]
    assert outcome.stdout.startswith(f"cell 3: {said}")


def test_no_quota_and_no_cpus_have_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Outcome(3, CellSpec(container="c", bundle_hash=1, name="web"), ())
    monkeypatch.setattr(cell_set, "change_cell", lambda _which, _change, given_out: bare)
    outcome = run("cells", "set", "web", "--quota", "max", "--cpus", "none", "--lend")
    assert outcome.stdout == "cell 3: own CPUs none, no quota, lends\n"


def test_what_the_marks_did_not_take_is_said(run: Run, asked: list[tuple[str, Change]]) -> None:
    outcome = run("cells", "set", "warn", "--weight", "5")
    assert outcome.status == 0
    assert outcome.stderr == "ocihook: /c: mark: operation not permitted\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["web"], 2, "nothing to change"),
        (["--weight", "5"], 2, "Usage: ocihook cells set"),
        (["web", "--weight", "x"], 2, "weight"),
        (["web", "--weight", "0"], 65, "weight 0: not in 1..10000"),
        (["web", "--quota", "half"], 65, "quota 'half': cannot be read"),
        (["web", "--cpus", "0-x"], 65, "cpulist '0-x': expected a number at position 3"),
    ],
)
def test_refused_before_anything_is_asked(
    run: Run, asked: list[tuple[str, Change]], words: list[str], status: int, message: str
) -> None:
    outcome = run("cells", "set", *words)
    assert outcome.status == status
    assert message in outcome.stderr
    assert asked == []


def test_a_failure_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_which: str, _change: Change, given_out: int) -> Outcome:
        raise OwnCpusTaken("own CPUs: 2 wished, 1 granted", "see: ocihook cells")

    monkeypatch.setattr(cell_set, "change_cell", refuse)
    outcome = run("cells", "set", "web", "--cpus", "2")
    message = "own CPUs: 2 wished, 1 granted (see: ocihook cells)"
    assert outcome == (75, "", f"ocihook: {message}\n")


LIMITS = """
[limits]
weight_max = 1000
own_cpus_max = 2
own_cpus = "2-5"
lend_off = false
borrow_off = false
"""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--weight", "1001"], "weight: 1001 is above limits.weight_max = 1000 of"),
        (["--cpus", "3"], "own CPUs: a wish for 3 is above limits.own_cpus_max = 2 of"),
        (["--cpus", "0-1"], "own CPUs: 0-1 not in limits.own_cpus = 2-5 of"),
        (["--no-lend"], "lend: false is against limits.lend_off = false of"),
        (["--no-borrow"], "borrow: false is against limits.borrow_off = false of"),
    ],
)
def test_the_limits_of_the_configuration(
    run: Run, asked: list[tuple[str, Change]], config: Path, words: list[str], problem: str
) -> None:
    config.write_text(LIMITS)
    outcome = run("cells", "set", "web", *words)
    assert outcome == (77, "", f"ocihook: {problem} {config} (--force goes past it)\n")
    assert asked == []
    assert run("cells", "set", "web", *words, "--force").status == 0
    assert len(asked) == 1


def test_what_is_within_the_limits(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count is met with CPUs that may be given out, unless it is forced."""
    masks = []

    def change_cell(_which: str, _change: Change, given_out: int) -> Outcome:
        masks.append(given_out)
        return Outcome(3, CellSpec(container="c", bundle_hash=1, name="web"), ())

    monkeypatch.setattr(cell_set, "change_cell", change_cell)
    config.write_text(LIMITS)
    words = ["--weight", "1000", "--cpus", "2", "--lend", "--borrow"]
    assert run("cells", "set", "web", *words).status == 0
    assert run("cells", "set", "web", *words, "--force").status == 0
    assert masks == [0b11_1100, 0]
