# SPDX-License-Identifier: Apache-2.0
"""Ten busy cells, and a thousand: how does the cost of a dispatch grow with what it chooses from?

Their tasks give the CPU away all the time, so every dispatch has all other cells to choose from.
They wait behind a pipe until all of them are made: else those that run keep the others from it.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocihook._bpf.pinned import register

from .group import PARENT, PROBE, SETTLE_S, scheduler
from .program_time import per_call
from .topic import Bar, Figures, Topic, ratio
from .variant import Variant, Want, cell_request

FEW, MANY = 10, 1000
WINDOW_S = 4
COST, CALLS = "dispatch ns", "dispatches/s"
START = """
exec 3<&0
for leaf in "$0"/leaf-*; do
	(echo 0 >"$leaf/cgroup.procs"; read -r _ <&3; exec "$1" yield) &
done
"""
"""All of them read the pipe; a shell's background commands have no standard input of their own."""


def _name(leaves: int) -> str:
    return f"{leaves} busy"


def _remove(leaf: Path) -> None:
    (leaf / "cgroup.kill").write_text("1\n")
    while "populated 1" in (leaf / "cgroup.events").read_text():
        time.sleep(0.01)
    leaf.rmdir()


@contextmanager
def busy_leaves(variant: Variant) -> Iterator[None]:
    """Run a cell with one task for each of the variant's wants."""
    made: list[Path] = []
    with scheduler(variant):
        gate, opener = os.pipe()
        try:
            for n, want in enumerate(variant.wants):
                leaf = PARENT / f"leaf-{n}"
                leaf.mkdir()
                made.append(leaf)
                register(cell_request(leaf, want))
            words = ["/bin/sh", "-c", START, str(PARENT), str(PROBE)]
            subprocess.run(words, stdin=gate, check=True)
            os.close(opener)
            yield
        finally:
            os.close(gate)
            for leaf in made:
                _remove(leaf)


def measure(variant: Variant) -> Figures:
    """Return nanoseconds for each call of dispatch, and how many calls a second there were."""
    with busy_leaves(variant):
        time.sleep(SETTLE_S)
        cost_ns, calls = per_call("ocihook_dispatch", WINDOW_S)
    return {COST: cost_ns, CALLS: calls}


TOPIC = Topic(
    name="leaves",
    title=f"{FEW} busy cells, and {MANY}",
    cpus=2,
    variants=tuple(Variant(_name(count), True, (Want(),) * count) for count in (FEW, MANY)),
    measure=measure,
    bars=(
        Bar(
            f"dispatch with {MANY} busy cells, against {FEW}",
            "<=",
            2.0,
            "x",
            ratio(COST, _name(MANY), _name(FEW)),
        ),
    ),
)
