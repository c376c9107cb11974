# SPDX-License-Identifier: Apache-2.0
"""Carry out docs/tutorial.md as a reader does who copies its commands, on Debian.

In a guest whose init is systemd, where nothing of ocihook is installed. What a guest has not got is
made up for: pip finds its packages in a directory (there is no network), and podman the image.

Imports nothing of ocihook, and stands without conftest.py: tests/vm/tutorial.py carries this
file and the page into the guest, and no others. tests/unit/whole/test_tutorial.py reads the page,
too.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = [pytest.mark.runtime, pytest.mark.machine("tutorial")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"

RUN = {"", "debian"}
"""Whose blocks are carried out."""

LEFT_OUT = {"debian-kernel", "fedora", "arch"}
"""The guest was booted with its kernel; the others are other distributions'."""

STATUSES = {"ocihook doctor": {os.EX_OK, os.EX_DATAERR}}
"""Beside 0 for all others: a warning of the doctor's is no obstacle, as the page says."""

TIMEOUT_S = 900
"""For one command; pip takes minutes where the machine is emulated."""

_BLOCK = re.compile(r"^```(\w+) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A command of the page, and the lines that the page shows of its output."""

    command: str
    shown: tuple[str, ...]


def steps(page: str) -> Iterator[Step]:
    """Yield the commands in order; what a block of text shows is of the command before it."""
    found: list[Step] = []
    for language, tag, text in _BLOCK.findall(page):
        lines = tuple(text.splitlines())
        if language == "text":
            found[-1] = found[-1]._replace(shown=lines)
        elif tag in RUN:
            found += [Step(line, ()) for line in lines]
    yield from found


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """Return the lines whose words do not stand in one line of the output, in their order."""
    lines = output.splitlines()
    # Not \b: a word may begin or end with a sign, as a path does.
    patterns = {
        line: ".*".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in line.split())
        for line in shown
    }
    return [
        line
        for line, pattern in patterns.items()
        if not any(re.search(pattern, each) for each in lines)
    ]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What stands in for the network, and for a podman that was set up by Debian's package."""
    root = tmp_path / "root" / "bin"
    root.mkdir(parents=True)
    (root / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (root / "busybox").chmod(0o755)
    for name in ("sh", "sleep"):
        (root / name).symlink_to("busybox")
    image = tmp_path / "busybox.tar"
    with tarfile.open(image, "w") as tar:
        tar.add(root.parent, arcname=".")
    # The rig's own containers.conf is for guests without systemd.
    override = tmp_path / "containers.conf"
    override.write_text('[engine]\ncgroup_manager = "systemd"\n')
    names = os.environ | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": os.fspath(PAGE.parents[1] / "wheels"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "CONTAINERS_CONF_OVERRIDE": os.fspath(override),
    }
    # What apt knows is what is installed: that has to be enough. (The image has no caches.)
    Path("/etc/apt/sources.list").write_text("")
    for name in ("lib/apt/lists", "cache/apt/archives"):
        Path("/var", name, "partial").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["podman", "import", image, "busybox"],
        env=names,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return names


def test_every_command_does_what_the_page_says(environment: dict[str, str]) -> None:
    for step in steps(PAGE.read_text()):
        print(f"# {step.command}", flush=True)
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=PAGE.parents[1],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        print(done.stdout, flush=True)
        report = f"{step.command}: exit {done.returncode}\n{done.stdout}"
        assert done.returncode in STATUSES.get(step.command, {0}), report
        assert missing(step.shown, done.stdout) == [], report


def test_nothing_is_left() -> None:
    """After the page's last section, which the test before has carried out."""
    assert Path("/sys/kernel/sched_ext/state").read_text() == "disabled\n"
    left = [
        path
        for directory in ("/etc", "/usr", "/opt")
        for path in Path(directory).rglob("*ocihook*")
        if not path.is_dir()
    ]
    assert left == []
