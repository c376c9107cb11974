# SPDX-License-Identifier: Apache-2.0
"""Record what docs/timeline.svg shows: cells by weight, and one with a CPU of its own.

::

    ./dev vm --cpus 4 --out docs -- 'python3 -P tools/timeline.py /out/timeline.svg'

web and batch want every CPU, 300 to 100; index is bound to CPU 1; cache has CPU 3 for its own,
works 30 ms and sleeps 20 ms, and the others have that CPU meanwhile.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "guest"))

from bundle import Container, burn, config
from trusting import program_text

from ocihook.install import hooks
from ocihook.sched import loader, recording
from ocihook.timeline import svg

SECONDS = 0.4
TITLE = "web has three times the weight of batch, index is bound to CPU 1, cache owns CPU 3"

IN_TURNS = (
    "/usr/bin/python3",
    "-IS",
    "-c",
    "from time import monotonic, sleep\n"
    "while True:\n"
    "    end = monotonic() + 0.03\n"
    "    while monotonic() < end: pass\n"
    "    sleep(0.02)\n",
)

CAST = (
    ("web", burn(4), {"weight": "300"}, None),
    ("batch", burn(4), {"weight": "100"}, None),
    ("cache", IN_TURNS, {"weight": "100", "cpus": "3-3"}, None),
    ("index", burn(1), {"weight": "100"}, "1"),
)


def make(directory: Path) -> list[Container]:
    """Write the bundles of the cast."""
    return [
        Container(
            "runc",
            name,
            directory / name,
            config(
                name,
                command,
                cpu={"cpus": cpuset} if cpuset else {},
                annotations={f"org.ocihook/{key}": value for key, value in wishes.items()},
                program=os.fspath(directory / "ocihook-hook"),
            ),
        )
        for name, command, wishes, cpuset in CAST
    ]


def main() -> int:
    """Run the cast, record it, and write the file that is named."""
    loader.start()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        hooks.install(
            hooks_dir=directory / "hooks.d",
            program=directory / "ocihook-hook",
            text=program_text(directory),
        )
        containers = make(directory)
        try:
            for container in containers:
                container.run()
            time.sleep(5)
            cpus = list(range(os.cpu_count() or 1))
            recorded = recording.record(SECONDS, cpus, TITLE)
        finally:
            for container in containers:
                container.clean_up()
    loader.stop()
    Path(sys.argv[1]).write_text(svg.render(recorded), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
