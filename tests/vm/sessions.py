# SPDX-License-Identifier: Apache-2.0
"""The guests' sessions: which tests of tests/guest run on which kernel, suite and kind of machine.

A test says by its marks where it belongs (pyproject.toml lists them), and a session asks for marks.
A session that measures the scheduler runs alone. Those of the lanes measure nothing and use one CPU
of two for the most part: they run beside each other, and beside the tests of this machine.
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
    init: str = "plain"
    lane: int | None = None
    """Sessions of a lane run one after the other; None: with nothing beside it."""
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


def _plain(suite: str, kernel: str, lane: int | None, first: bool) -> list[Session]:
    measuring, others = ("kernel", "runtime")
    if first:
        measuring, others = f"{measuring} or {ALONE}", f"{others} or {BESIDE_OTHERS}"
    return [
        Session(suite, kernel, measuring, part="scheduler"),
        Session(suite, kernel, others, part="runtimes", lane=lane),
    ]


def _two_caches(suite: str, kernel: str) -> Session:
    return Session(suite, kernel, "kernel", "two-caches", cpus=4, sockets=2)


def of_every_run() -> list[Session]:
    """Return the sessions of ``./dev test``: the lanes' first, since those begin at once."""
    first, second = PAIRS
    sessions = [
        *_plain(*first, lane=0, first=True),
        *_plain(*second, lane=1, first=False),
        Session(*first, "runtime", "systemd", init="systemd", lane=1),
        Session(*first, "", "tutorial", init="systemd", lane=1),
        _two_caches(*first),
        *(Session(*pair, "kernel", "starved") for pair in PAIRS),
    ]
    return sorted(sessions, key=lambda session: session.lane is None)


def of_all_kernels() -> list[Session]:
    """Return the sessions that ``--all-kernels`` adds."""
    return [
        Session(*PAIRS[1], "once", part="once"),
        *(Session(*pair, "long", part="long") for pair in (*PAIRS, *OTHERS)),
        *(session for pair in OTHERS for session in _plain(*pair, lane=None, first=True)),
        *(_two_caches(*pair) for pair in (PAIRS[1], *OTHERS)),
        Session(*PAIRS[1], "runtime", "systemd", init="systemd"),
        *(Session(*pair, "kernel", "starved") for pair in OTHERS),
        *(Session(*pair, "runtime", "malformed") for pair in MALFORMED),
    ]


QUICK = Session(*PAIRS[0], "quick", part="quick", lane=0)
"""The core, for ``./dev test --quick``."""
