# SPDX-License-Identifier: Apache-2.0
"""A run's parts: the steps of ./dev, pytest's reports here by folder, what guests hand back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest


class Case(NamedTuple):
    """One test; ``fixed_waits_s`` is None where waits are not counted."""

    name: str
    duration_s: float
    failed: bool = False
    fixed_waits_s: float | None = None


class Part(NamedTuple):
    """What the table has a row for."""

    name: str
    duration_s: float
    cases: tuple[Case, ...] = ()
    fixed_waits_s: float | None = None


def steps(text: str) -> list[Part]:
    """Read ``OCIHOOK_STEPS_MS``: ``"check=41000 wheel=3000"``."""
    pairs = [word.partition("=") for word in text.split()]
    return [Part(name, int(milliseconds) / 1000) for name, _, milliseconds in pairs]


def here(reports: Iterable[pytest.TestReport]) -> list[Part]:
    """Return a part for each folder of ``tests``, from reports of setup, call and teardown."""
    folders: dict[str, dict[str, Case]] = {}
    for report in reports:
        folder, _, _ = report.nodeid.removeprefix("tests/").partition("/")
        cases = folders.setdefault(folder, {})
        before = cases.get(report.nodeid, Case(report.nodeid, 0))
        cases[report.nodeid] = before._replace(
            duration_s=before.duration_s + report.duration, failed=before.failed or report.failed
        )
    return [
        Part(name, sum(case.duration_s for case in cases.values()), tuple(cases.values()))
        for name, cases in folders.items()
    ]


def guest_part(name: str, duration_s: float, junit: Path, waits: Path) -> Part:
    """Return the part of a guest's session, from the files that it handed back."""
    fixed_s: dict[str, float] | None = json.loads(waits.read_text()) if waits.exists() else None
    cases = []
    for case in _cases(junit):
        where = case.get("classname", "").replace(".", "/")
        # A file that cannot be collected has no more than a name.
        test = f"{where}.py::{case.get('name')}" if where else str(case.get("name"))
        failed = any(outcome.tag in {"failure", "error"} for outcome in case)
        wait_s = None if fixed_s is None else fixed_s.get(test, 0)
        cases.append(Case(test, float(case.get("time", 0)), failed, wait_s))
    total_s = None if fixed_s is None else sum(fixed_s.values())
    return Part(name, duration_s, tuple(cases), total_s)


def _cases(junit: Path) -> list[ElementTree.Element]:
    try:
        return list(ElementTree.parse(junit).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []  # the guest was lost; its test fails and says so
