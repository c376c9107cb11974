# SPDX-License-Identifier: Apache-2.0
"""Measure the scheduler against the kernel's own: ``python3 -m bench.sched ROUNDS [NAME...]``.

For root, in a guest that does nothing else. Every figure is a median over the rounds with its
spread; what is compared was measured in the same rounds. On an emulated machine times mean little,
ratios do. It reports, and fails for nothing but an error.
"""

from __future__ import annotations

import os
import sys

from .group import PARENT
from .table import show_bars, show_figures
from .topic import Round, Topic, run
from .topics import TOPICS


def main() -> int:
    """Measure the topics that are named, or all; return the exit status."""
    rounds, names = int(sys.argv[1]), sys.argv[2:]
    PARENT.mkdir()
    (PARENT / "cgroup.subtree_control").write_text("+cpu +cpuset")
    measured: list[tuple[Topic, list[Round]]] = []
    for topic in TOPICS:
        if not names or topic.name in names:
            measured.append((topic, run(topic, rounds)))
            show_figures(*measured[-1])
    show_bars(measured)
    PARENT.rmdir()
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
