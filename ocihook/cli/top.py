# SPDX-License-Identifier: Apache-2.0
"""``ocihook top``: what the cells do, live or a number of times."""

import json
import os
import shutil
import sys
import time

import typer

from ocihook.cli import output
from ocihook.cli.terminal import Terminal
from ocihook.cli.top_screen import page, screen
from ocihook.cli.top_view import ORDERS, View
from ocihook.errors import SchedulerUnavailable
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
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON, a line a screen (schemas/top.schema.json)."
    ),
) -> None:
    """Show what the cells do: CPUs promised and got, waits, throttled, borrowed, lent.

    PROMISED, GOT, BORROW and LENT are in percent of one CPU. PROMISED is what a cell is due at
    least while those that are busy stay so: its own CPUs, or by its weight those that are nobody's.
    P50 and P99 are what so many of the waits of the interval were below, from waking up to running.
    The strips above show whose cell had each CPU, a letter a cell, in proportion to the time.

    Without a terminal it prints one screen. Keys: q ends, left and right (or s) change the column
    that is sorted by, r reverses, space pauses, up, down and page keys scroll.
    """
    order = sort.upper()
    if order not in ORDERS:
        raise typer.BadParameter(f"{sort}: none of {', '.join(ORDERS).lower()}")
    view = View(order=order, reverse=reverse)
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
    with Tables() as tables:
        before = tables.read()
        for number in range(screens):
            time.sleep(interval_s)
            after = tables.read()
            seen, before = usage(before, after), after
            if as_json:
                output.say(json.dumps(describe_usage(seen)))
                continue
            if number:
                output.say("")
            for line in screen(seen, view, columns):
                output.say(line)
            sys.stdout.flush()


class _Live:
    """The screen that goes on until somebody ends it, through reloads of the scheduler."""

    def __init__(self, tables: Tables, terminal: Terminal, view: View, interval_s: float) -> None:
        self._tables, self._terminal, self._view = tables, terminal, view
        self._interval_s = interval_s
        self._before: Reading | None = tables.read()
        self._seen = Usage(0, [], [])
        self._colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def run(self) -> None:
        """Draw, wait for a key or the next interval, until the key is the one that ends it."""
        due_s = time.monotonic() + min(self._interval_s, FIRST_S)
        while True:
            columns, lines = self._terminal.size()
            self._terminal.draw(screen(self._seen, self._view, columns, lines, self._colours))
            pressed = self._terminal.wait(due_s - time.monotonic())
            for key in pressed:
                if not self._view.press(key, page(self._seen, columns, lines)):
                    return
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
            self._seen, self._view.message = usage(self._before, after), ""
        self._before = after

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
