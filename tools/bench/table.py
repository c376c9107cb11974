# SPDX-License-Identifier: Apache-2.0
"""What the benchmark prints: the figures of each topic, and at the end the bars."""

from __future__ import annotations

import platform
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .group import cpu_count
from .topic import Round, Topic


def machine() -> str:
    """Return kernel, number of CPUs and kind of CPU: an emulated one says so in its model name."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    model = ", ".join(sorted(models)) or "unknown model"
    return f"Linux {platform.release()}, {cpu_count()} CPUs ({model})"


def describe(values: list[float]) -> str:
    """Return the median and, in parentheses, the least and the largest."""
    median = statistics.median(values)
    digits = 2 if median < 100 else 0
    spread = f"{min(values):.{digits}f}..{max(values):.{digits}f}"
    return f"{median:.{digits}f} ({spread})"


def show_figures(topic: Topic, rounds: list[Round]) -> None:
    """Print a row for each figure, a column for each variant."""
    table = Table(title=f"{topic.name}: {topic.title}", title_justify="left")
    names = [variant.name for variant in topic.variants]
    for heading in ("", *names):
        table.add_column(heading)
    for figure in rounds[0][names[0]]:
        table.add_row(
            figure, *(describe([done[name][figure] for done in rounds]) for name in names)
        )
    _print(table)


def show_bars(measured: list[tuple[Topic, list[Round]]]) -> None:
    """Print what has to be reached, what was, and on which machine."""
    rounds = len(measured[0][1])
    title = f"{machine()}; medians of {rounds} rounds, all variants in turn (least..largest)"
    table = Table(title=title, title_justify="left")
    for heading in ("measure", "bar", "figure", ""):
        table.add_column(heading)
    for topic, done in measured:
        for bar in topic.bars:
            text = describe([bar.figure(one) for one in done])
            table.add_row(
                bar.what,
                f"{bar.relation} {bar.limit:g} {bar.unit}",
                text,
                "met" if bar.is_met(done) else "not met",
            )
    _print(table)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    sys.stdout.flush()
