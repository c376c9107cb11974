# SPDX-License-Identifier: Apache-2.0
"""``ocihook top``: what the cells do, live or a number of times."""

import json
import os
import shutil
import sys
import time
from typing import Any

import typer

from ocihook.cli import output
from ocihook.cli.terminal import Terminal
from ocihook.cli.top_screen import page, screen
from ocihook.cli.top_view import ORDERS, View
from ocihook.errors import SchedulerUnavailable
from ocihook.sched.cell_tree import cell_tree, rows_of
from ocihook.sched.cgroup_paths import CgroupPaths
from ocihook.sched.tables import Tables
from ocihook.sched.usage import Reading, Usage, usage
from ocihook.sched.usage_document import describe_usage

INTERVAL_S = 5.0
"""As that of `podman stats`. What it costs is measured by `./dev bench sched --only top`."""

FIRST_S = 0.5
"""How soon the live screen has its first figures."""

FILE_SCREEN = (120, 24)
"""Columns and lines of a file or a pipe, where COLUMNS does not say otherwise."""


def top(
    interval: float = typer.Option(
        INTERVAL_S, "--interval", "-i", metavar="SECONDS", min=0.1, help="Between two screens."
    ),
    once: bool = typer.Option(False, "--once", help="Print one screen with all cells, and end."),
    batch: int | None = typer.Option(None, "--batch", "-n", min=1, help="Print so many screens."),
    sort: str = typer.Option(
        "got", "--sort", metavar="COLUMN", help=f"One of {', '.join(ORDERS).lower()}."
    ),
    reverse: bool = typer.Option(False, "--reverse", "-r", help="The other way round."),
    tree: bool = typer.Option(False, "--tree", "-t", help="Show all cgroups, as a tree."),
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON, a line a screen (schemas/top.schema.json)."
    ),
) -> None:
    """Show what the cells do: CPUs promised and got, waits, throttled, borrowed, lent.

    PROMISED, GOT, BORROW and LENT are in percent of one CPU. PROMISED is what a cell is due at
    least while those that are busy stay so: its own CPUs, or by its weight those that are nobody's.
    P50 and P99 are what so many of the waits of the interval were below, from waking up to running.
    The strips above show whose cell had each CPU, a letter a cell, in proportion to the time.

    The tree has the services and slices of the host as well, those with the most CPU time first;
    PROMISED and GOT are sums over all below: see ocihook cells tree, which has its JSON.

    Without a terminal it prints one screen. Keys: q ends, t shows the tree or the cells, left and
    right (or s) change the column that is sorted by, r reverses, space pauses, up, down and page
    keys scroll.
    """
    if tree and as_json:
        raise typer.BadParameter("--tree: its JSON is that of ocihook cells tree --json")
    order = sort.upper()
    if order not in ORDERS:
        raise typer.BadParameter(f"{sort}: none of {', '.join(ORDERS).lower()}")
    view = View(order=order, reverse=reverse, tree=tree)
    screens = batch if batch is not None else 1
    try:
        if once or batch is not None or as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _print(view, interval, screens, as_json)
        else:
            with Tables() as tables, Terminal() as terminal:
                _Live(tables, terminal, view, interval).run()
    except KeyboardInterrupt:
        pass  # that is how such a program is ended


def _print(view: View, interval_s: float, screens: int, as_json: bool) -> None:
    columns = shutil.get_terminal_size(FILE_SCREEN).columns
    cgroups = CgroupPaths()
    with Tables() as tables:
        before = tables.read()
        for number in range(screens):
            time.sleep(interval_s)
            after = tables.read()
            seen, before = usage(before, after, nodes=view.tree), after
            if as_json:
                output.say(json.dumps(describe_usage(seen)))
                continue
            if number:
                output.say("")
            tree = _tree_of(seen, cgroups) if view.tree else None
            for line in screen(seen, view, columns, tree=tree):
                output.say(line)
            sys.stdout.flush()


def _tree_of(seen: Usage, cgroups: CgroupPaths) -> dict[str, Any]:
    paths = cgroups.of(seen.nodes)
    return cell_tree(rows_of(seen, paths), seen, paths, cgroups.idle(seen.nodes))


class _Live:
    """The screen that goes on until somebody ends it, through reloads of the scheduler."""

    def __init__(self, tables: Tables, terminal: Terminal, view: View, interval_s: float) -> None:
        self._tables, self._terminal, self._view = tables, terminal, view
        self._interval_s = interval_s
        self._before: Reading | None = tables.read()
        self._between: tuple[Reading, Reading] | None = None
        self._seen = Usage(0, [], [])
        self._cgroups = CgroupPaths()
        self._tree: dict[str, Any] | None = None
        self._colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def run(self) -> None:
        """Draw, wait for a key or the next interval, until the key is the one that ends it."""
        due_s = time.monotonic() + min(self._interval_s, FIRST_S)
        while True:
            columns, lines = self._terminal.size()
            self._terminal.draw(
                screen(self._seen, self._view, columns, lines, self._colours, self._tree)
            )
            pressed = self._terminal.wait(due_s - time.monotonic())
            was_tree = self._view.tree
            for key in pressed:
                if not self._view.press(key, page(self._seen, columns, lines)):
                    return
            if self._view.tree != was_tree:
                self._count()
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + self._interval_s
                self._look()

    def _look(self) -> None:
        if self._view.paused:
            self._before = None  # the next interval begins when the pause is over
            return
        try:
            after = self._tables.read()
        except SchedulerUnavailable as error:
            self._view.message = str(error)
            self._reopen()
            return
        if self._before is not None:
            self._between, self._view.message = (self._before, after), ""
            self._count()
        self._before = after

    def _count(self) -> None:
        """Count what happened between the last two readings, nodes only if they are shown."""
        if self._between is None:
            return
        self._seen = usage(*self._between, nodes=self._view.tree)
        self._tree = _tree_of(self._seen, self._cgroups) if self._view.tree else None

    def _reopen(self) -> None:
        """Open the tables of the scheduler that came after the one that ended, if there is one."""
        self._before = None
        try:
            tables = Tables()
        except SchedulerUnavailable:
            return  # the message stays, and the next interval tries again
        self._tables.close()
        self._tables = tables


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)
