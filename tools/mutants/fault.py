# SPDX-License-Identifier: Apache-2.0
"""A planted fault: a patch in ``faults/`` that begins with what it does and which tests must fail.

    Fault: each cell is charged as if it had the default weight
    Test: tests/guest/test_sharing.py::test_weights_share_the_same_cpus
    Set: long

    diff --git a/bpf/share.bpf.h b/bpf/share.bpf.h
    ...

``Test`` may be repeated; a name ends at a file or at a function. ``Set: long`` says that only the
long tests catch it (``--all-kernels``). Tests of one fault run either here or in a guest.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DIRECTORY = Path(__file__).parent / "faults"

GUEST = "tests/guest/"


class Fault(NamedTuple):
    """One patch."""

    name: str
    patch: Path
    what: str
    tests: tuple[str, ...]
    long: bool

    @property
    def in_guest(self) -> bool:
        """Whether its tests run in a guest."""
        return self.tests[0].startswith(GUEST)

    @property
    def machine(self) -> str:
        """The kind of guest that its tests are for, by their mark."""
        file = DIRECTORY.parents[2] / self.tests[0].partition("::")[0]
        mark = re.search(r'machine\("([\w-]+)"\)', file.read_text())
        return mark[1] if mark else "plain"

    def changed(self) -> list[str]:
        """Return the files that the patch changes, relative to the clone."""
        lines = self.patch.read_text().splitlines()
        return [line[len("+++ b/") :] for line in lines if line.startswith("+++ b/")]


def read(patch: Path) -> Fault:
    """Read a patch.

    Raises:
        ValueError: its head lacks the fault or its tests, or names tests here and in a guest.
    """
    head = patch.read_text().partition("\ndiff --git ")[0]
    said = [line.partition(": ")[::2] for line in head.splitlines() if line]
    what = [value for key, value in said if key == "Fault"]
    tests = tuple(value for key, value in said if key == "Test")
    if len(what) != 1 or not tests:
        raise ValueError(f"{patch.name}: needs one line 'Fault: ...' and a line 'Test: ...'")
    if len({test.startswith(GUEST) for test in tests}) != 1:
        raise ValueError(f"{patch.name}: its tests run either here or in a guest")
    return Fault(patch.stem, patch, what[0], tests, ("Set", "long") in said)


def read_all() -> list[Fault]:
    """Return every planted fault, by name."""
    return [read(patch) for patch in sorted(DIRECTORY.glob("*.patch"))]
