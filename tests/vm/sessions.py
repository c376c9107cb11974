# SPDX-License-Identifier: Apache-2.0
"""The guests' sessions: which tests of tests/guest run on which kernel, suite and kind of machine.

A test says by its marks where it belongs (pyproject.toml lists them), and a session asks for marks.
In every run one session has the machine for itself: that with the tests marked ``alone``, which
measure delays among other things. The others run two at a time, beside the tests of this machine.
Shares may be measured there: CPU time is the clock of converge.py, and a share of what a guest
gets is the same share.
"""

from __future__ import annotations

from typing import NamedTuple


class Session(NamedTuple):
    """One boot, and the tests that run in it."""

    suite: str
    kernel: str
    marks: str
    """An expression for pytest's ``-m``; empty if the guest does not have the conftest.py."""
    machine: str = "plain"
    cpus: int = 2
    sockets: int = 1
    threads: int = 1
    init: str = "plain"
    beside_others: bool = False
    """It measures no delay, so it runs beside others (lanes.py)."""
    boot_with: str = ""
    """Arguments for the kernel."""
    part: str = ""
    """Tells apart the sessions of one machine."""

    @property
    def name(self) -> str:
        """The name in tables, and of the directory with its results."""
        kind = self.part if self.machine == "plain" else self.machine
        return f"{self.suite}-{self.kernel}-{kind}"


ALONE, BESIDE_OTHERS = "(once and alone)", "(once and not alone)"

PAIRS = (("trixie", "6.18"), ("forky", "7.3"))
"""Runtimes of a suite on a kernel: first those of most machines, then the newest of both."""

OTHERS = (("trixie", "6.16"), ("trixie", "6.17"), ("trixie", "6.19"), ("trixie", "7.0"))
"""With ``--all-kernels``: the other kernels that the scheduler is made for."""

MALFORMED = (("trixie", "7.1+deb13"), ("trixie", "7.2+deb13"))
"""Builds whose BTF is malformed: trixie-backports' own, not forky's of the same versions."""


def _plain(suite: str, kernel: str, *, first: bool, beside_others: bool) -> list[Session]:
    measuring, others = ("kernel", "runtime")
    if first:
        measuring, others = f"{measuring} or {ALONE}", f"{others} or {BESIDE_OTHERS}"
    beside = beside_others and not first
    return [
        Session(suite, kernel, others, part="runtimes", beside_others=beside_others),
        Session(suite, kernel, measuring, part="scheduler", beside_others=beside),
    ]


def _two_caches(suite: str, kernel: str, *, beside_others: bool = False) -> Session:
    return Session(
        suite, kernel, "kernel", "two-caches", cpus=4, sockets=2, threads=2,
        beside_others=beside_others,
    )  # fmt: skip


def _unplugged(suite: str, kernel: str, *, beside_others: bool) -> Session:
    """CPUs come and go, and CPU 1 may be without a tick."""
    return Session(
        suite, kernel, "kernel", "unplugged", beside_others=beside_others, boot_with="nohz_full=1"
    )


def of_every_run() -> list[Session]:
    """Return the sessions of ``./dev test``.

    First those beside others, which begin at once: the longest of them first, so that both lanes
    end at about the same time, and last those that starve their guest.
    """
    first, second = PAIRS
    sessions = [
        *_plain(*first, first=True, beside_others=True),
        *_plain(*second, first=False, beside_others=True),
        Session(*first, "runtime", "systemd", init="systemd", beside_others=True),
        Session(*first, "", "tutorial", init="systemd", beside_others=True),
        _two_caches(*first, beside_others=True),
        *(_unplugged(*pair, beside_others=True) for pair in PAIRS),
        *(Session(*pair, "kernel", "starved", beside_others=True) for pair in PAIRS),
    ]
    return sorted(sessions, key=lambda session: not session.beside_others)


def of_all_kernels() -> list[Session]:
    """Return the sessions that ``--all-kernels`` adds."""
    return [
        Session(*PAIRS[1], "once", part="once"),
        *(Session(*pair, "long", part="long") for pair in (*PAIRS, *OTHERS)),
        *(session for pair in OTHERS for session in _plain(*pair, first=True, beside_others=False)),
        *(_two_caches(*pair) for pair in (PAIRS[1], *OTHERS)),
        Session(*PAIRS[1], "runtime", "systemd", init="systemd"),
        *(_unplugged(*pair, beside_others=False) for pair in OTHERS),
        *(Session(*pair, "kernel", "starved") for pair in OTHERS),
        *(Session(*pair, "runtime", "malformed") for pair in MALFORMED),
    ]


QUICK = Session(*PAIRS[0], "quick", part="quick", beside_others=True)
"""The core, for ``./dev test --quick``."""
