# SPDX-License-Identifier: Apache-2.0
"""Measure the scheduler against the kernel's own, in one boot, all variants in turn.

``./dev bench sched [ROUNDS]`` runs it in a guest of 2 CPUs, where delays repeat best. Every figure
is a median over the rounds with its spread; what is compared was measured in the same rounds. On
an emulated machine times mean little, ratios do. It reports, and fails for nothing but an error.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from ocihook._bpf.pinned import register
from ocihook.abi import CELL_FIELD_WEIGHT, CellRequest
from ocihook.sched import loader

ROUNDS = 5
NAPS = 1500
PROBE = Path(__file__).resolve().parent / "probe"
PARENT = Path("/sys/fs/cgroup/ocihook-bench")
BURN = "while :; do :; done"


class Variant(NamedTuple):
    """A way to keep one group out of the other's CPU time."""

    name: str
    ocihook: bool = False
    weights: tuple[int, int] = (100, 100)
    cpusets: tuple[str, str] = ("", "")


VARIANTS = (
    Variant("eevdf"),
    Variant("eevdf 10000:100", weights=(10000, 100)),
    Variant("cpuset", cpusets=("0", "1")),
    Variant("ocihook", ocihook=True),
)


class Group:
    """A cgroup with the tasks that the benchmark puts into it."""

    def __init__(self, name: str, weight: int = 100, cpuset: str = "", cell: bool = False) -> None:
        """Make it, and give it a cell where asked."""
        self.path = PARENT / name
        self.path.mkdir()
        (self.path / "cpu.weight").write_text(str(weight))
        (self.path / "cpuset.cpus").write_text(f"{cpuset}\n")
        self._tasks: list[subprocess.Popen[bytes]] = []
        if cell:
            cgid = self.path.stat().st_ino
            who = name.encode()
            request = CellRequest(
                cgid=cgid, weight=weight, fields=CELL_FIELD_WEIGHT, name=who, container=who
            )
            register(request)

    def _command(self, command: str) -> list[str]:
        return ["/bin/sh", "-c", f"echo $$ >{self.path}/cgroup.procs; {command}"]

    def burn(self, tasks: int) -> None:
        """Start tasks that never sleep."""
        self._tasks += [subprocess.Popen(self._command(BURN)) for _ in range(tasks)]

    def probe(self, *arguments: str) -> list[int]:
        """Run the probe in the group; return the numbers that it prints."""
        command = self._command(f"exec {PROBE} {' '.join(arguments)}")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [int(number) for number in done.stdout.split()]

    def usage_s(self) -> float:
        """Return the CPU time used so far."""
        return int((self.path / "cpu.stat").read_text().split()[1]) / 1e6

    def remove(self) -> None:
        """End what runs in it, and remove it."""
        (self.path / "cgroup.kill").write_text("1")
        for task in self._tasks:
            task.wait()
        while "populated 1" in (self.path / "cgroup.events").read_text():
            time.sleep(0.01)
        self.path.rmdir()


@contextmanager
def groups(variant: Variant, *names: str) -> Iterator[list[Group]]:
    """Make the variant's groups, and the scheduler with them where it is ours."""
    if variant.ocihook:
        loader.start()
    made = [
        Group(name, variant.weights[i % 2], variant.cpusets[i % 2], variant.ocihook)
        for i, name in enumerate(names)
    ]
    try:
        yield made
    finally:
        for group in made:
            group.remove()
        if variant.ocihook:
            loader.stop()


def sleeper_beside_hogs(variant: Variant) -> dict[str, float]:
    """Return the sleeper's delays, and how many CPUs the hogs had meanwhile."""
    with groups(variant, "sleeper", "hogs") as (sleeper, hogs):
        hogs.burn(2 * (os.cpu_count() or 1))
        time.sleep(1)
        began, used_s = time.monotonic(), hogs.usage_s()
        p50_us, p99_us, _ = sleeper.probe("sleep", str(NAPS))
        cpus = (hogs.usage_s() - used_s) / (time.monotonic() - began)
    return {"delay p50 us": p50_us, "delay p99 us": p99_us, "CPUs of the hogs": cpus}


def inside_one_group(variant: Variant) -> dict[str, float]:
    """Return what one group gets done that has the machine to itself."""
    with groups(variant, "alone") as (alone,):
        return {
            "pipe rounds/s": alone.probe("pipe", "3")[0],
            "forks/s": alone.probe("fork", "3")[0],
        }


Measure = Callable[[Variant], dict[str, float]]


def measure(what: Measure, variants: tuple[Variant, ...], rounds: int) -> dict[str, dict[str, str]]:
    """Measure all variants in turn, ROUNDS times; return text by measure and variant."""
    found: dict[str, dict[str, list[float]]] = {}
    for done in range(rounds):
        for variant in variants:
            print(f"round {done + 1} of {rounds}: {variant.name}", file=sys.stderr, flush=True)
            for name, value in what(variant).items():
                found.setdefault(name, {}).setdefault(variant.name, []).append(value)
    base = variants[0].name
    return {
        name: {
            variant: _describe(values, statistics.median(by_variant[base]))
            for variant, values in by_variant.items()
        }
        for name, by_variant in found.items()
    }


def _describe(values: list[float], base: float) -> str:
    median = statistics.median(values)
    digits = 2 if median < 100 else 0
    spread = f"{min(values):.{digits}f}..{max(values):.{digits}f}"
    return f"{median:.{digits}f} ({spread}) {median / base:.2f}x"


def show(title: str, found: dict[str, dict[str, str]], variants: tuple[Variant, ...]) -> None:
    """Print a table: a row a variant, a column a measure; ratios are to the first row."""
    table = Table(title=title, title_justify="left")
    for heading in ("", *found):
        table.add_column(heading)
    for variant in variants:
        table.add_row(variant.name, *(texts[variant.name] for texts in found.values()))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> int:
    """Run everything; return the exit status."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    PARENT.mkdir(exist_ok=True)
    (PARENT / "cgroup.subtree_control").write_text("+cpu +cpuset")
    found = measure(sleeper_beside_hogs, VARIANTS, rounds)
    show("a sleeper (2 ms naps) beside two hogs a CPU", found, VARIANTS)
    ours = (VARIANTS[0], VARIANTS[-1])
    found = measure(inside_one_group, ours, rounds)
    show("inside one group, nothing beside it", found, ours)
    PARENT.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main())
