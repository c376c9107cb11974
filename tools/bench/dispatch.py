# SPDX-License-Identifier: Apache-2.0
"""Twenty busy cells, alone and among 480 idle ones: does an idle cell cost anything?

The busy ones are spread over the table, as they are after containers came and went. Their tasks do
nothing but yield, so that `dispatch` runs all the time. Its own time is what the kernel counts for
the program; how often it ran shows the same from outside.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocihook._bpf.pinned import register

from .group import PARENT, PROBE, SETTLE_S, Group, scheduler
from .program_time import per_call
from .topic import Bar, Figures, Topic, ratio
from .variant import Variant, Want, cell_request

BUSY, LIVE = 20, 500
IDLE = PARENT / "idle"
WINDOW_S = 4
COST, CALLS = "dispatch ns", "dispatches/s"
FEW, MANY = f"{BUSY} live", f"{LIVE} live"


def _idle_cells(first: int, count: int) -> list[Path]:
    """Make cells without tasks, in cgroups without controllers: those are cheap."""
    paths = [IDLE / f"idle-{first + n}" for n in range(count)]
    for path in paths:
        path.mkdir()
        register(cell_request(path, Want()))
    return paths


@contextmanager
def busy_cells(variant: Variant, idle: int) -> Iterator[list[Group]]:
    """Make the busy cells, each followed by its part of ``idle`` others in the table."""
    between = idle // BUSY
    made: list[Group] = []
    paths: list[Path] = []
    with scheduler(variant):
        IDLE.mkdir()
        try:
            for n, want in enumerate(variant.wants):
                made.append(Group(f"busy-{n}", want, variant.ocihook))
                paths += _idle_cells(n * between, between)
            yield made
        finally:
            for group in made:
                group.remove()
            for path in paths:
                path.rmdir()
            IDLE.rmdir()


def measure(variant: Variant) -> Figures:
    """Return nanoseconds for each call of dispatch, and how many calls a second there were."""
    with busy_cells(variant, LIVE - BUSY if variant.name == MANY else 0) as busy:
        for group in busy:
            group.start(f"exec {PROBE} yield")
        time.sleep(SETTLE_S)
        cost_ns, calls = per_call("ocihook_dispatch", WINDOW_S)
    return {COST: cost_ns, CALLS: calls}


TOPIC = Topic(
    name="dispatch",
    title=f"{BUSY} busy cells, alone and among {LIVE - BUSY} idle ones",
    cpus=4,
    variants=tuple(Variant(name, True, (Want(),) * BUSY) for name in (FEW, MANY)),
    measure=measure,
    bars=(
        Bar(
            f"dispatch with {LIVE} live cells, against {BUSY}",
            "<=",
            1.2,
            "x",
            ratio(COST, MANY, FEW),
        ),
    ),
)
