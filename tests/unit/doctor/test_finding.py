# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: what all findings come to, and the mount table that several checks read."""

import os
from pathlib import Path

import pytest
from fake_host import BPFFS, CGROUP2, ROOT

from ocihook.doctor import mounts
from ocihook.doctor.finding import Finding, Topic, Verdict, exit_code, worst

TOPIC = Topic("kernel")
OK = TOPIC.ok("a", "seen")
NOTE = TOPIC.note("b", "seen")
SKIPPED = TOPIC.skipped("c", "not seen")
WARNING = TOPIC.warning("d", "seen", "do")
ERROR = TOPIC.error("e", "seen", "do")
ABI = TOPIC.error("f", "seen", "do", os.EX_PROTOCOL)
CONFIG = TOPIC.error("g", "seen", "do", os.EX_CONFIG)


@pytest.mark.parametrize(
    ("findings", "verdict", "code"),
    [
        ([], Verdict.OK, 0),
        ([OK], Verdict.OK, 0),
        ([NOTE, OK], Verdict.NOTE, 0),
        ([SKIPPED, NOTE], Verdict.SKIPPED, 77),
        ([WARNING, SKIPPED], Verdict.WARNING, 65),
        ([ERROR, WARNING], Verdict.ERROR, 69),
        ([ERROR, ABI], Verdict.ERROR, 76),
        ([CONFIG, ABI, ERROR, OK], Verdict.ERROR, 78),
    ],
)
def test_exit_code_says_the_worst(findings: list[Finding], verdict: Verdict, code: int) -> None:
    assert worst(findings) == verdict
    assert exit_code(findings) == code


def test_mount_that_holds_a_path(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(ROOT + CGROUP2 + BPFFS + BPFFS.replace("/sys/fs/bpf", "/a\\040b"))
    found = mounts.read(table)
    assert mounts.holding(found, "/sys/fs/bpf/ocihook/v2") == found[2]
    assert mounts.holding(found, "/sys/fs/bpfs") == found[0]
    assert mounts.holding(found, "/a b/c") == found[3]
    assert mounts.at(found, "/sys/fs/bpf/ocihook") is None
    assert mounts.holding([], "/") is None
    assert {"nsdelegate", "nodev"} <= found[1].options


def test_this_mount_table() -> None:
    """The real one, whatever is mounted here."""
    found = mounts.read(Path("/proc/self/mountinfo"))
    procfs = mounts.at(found, "/proc")
    assert procfs is not None
    assert procfs.kind == "proc"
