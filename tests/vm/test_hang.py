# SPDX-License-Identifier: Apache-2.0
"""A test that nothing in the guest ends: the rig does, names it, and keeps the kernel's report."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .errors import HungGuest
from .run import HANG, Request, run

CLONE = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)

SLEEPS = """
import time, hang
watch = hang.Watch()
with watch.over("the first", 1):
    pass
time.sleep(2)
print("none is over", flush=True)
with watch.over("the second", 1):
    time.sleep(1000)
"""

STARVES_S = 4
STARVES = f"""
import os, pathlib, time, hang
pathlib.Path("/proc/sys/kernel/sched_rt_runtime_us").write_text("-1")
watch = hang.Watch()
with watch.over("the starving one", {STARVES_S}):
    if os.fork():
        os.sched_setaffinity(0, [0])
    else:
        os.sched_setaffinity(0, [1])
    print("spins", flush=True)
    time.sleep(0.5)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
    while True:
        pass
"""


class Clock(io.BytesIO):
    """An output that remembers when the last of it came."""

    last_s = 0.0

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        self.last_s = time.monotonic()
        return super().write(data)


def fill(directory: Path, program: str) -> None:
    """Put there what goes into the guest."""
    (directory / "hangs.py").write_text(program)
    (directory / "hang.py").write_bytes((CLONE / "tests" / "guest" / "hang.py").read_bytes())


def test_session_that_sleeps_is_ended(tmp_path: Path) -> None:
    program, out = tmp_path / "program", tmp_path / "out"
    program.mkdir()
    out.mkdir()
    fill(program, SLEEPS)
    options = ["--timeout", "300", "--with", str(program), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.vm", "vm", *options, "--", "python3", "hangs.py"],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (123, "none is over\n"), done.stderr
    assert "rig: guest: the second hangs; the kernel says:\n" in done.stderr
    assert "Show Blocked State" in done.stderr
    assert "the first hangs" not in done.stderr
    kept = (out / HANG).read_text()
    assert kept.startswith("guest: the second hangs; the kernel says:\n")
    assert "Show clockevent devices" in kept


@pytest.mark.parametrize(("kernel", "suite"), [("6.18", "trixie"), ("7.3", "forky")])
def test_guest_without_cpu_time_is_ended(tmp_path: Path, kernel: str, suite: str) -> None:
    """That its output comes as it is written is seen here too: the guest's end is far from it."""
    fill(tmp_path, STARVES)
    output = Clock()
    request = Request(("python3 hangs.py",), kernel, suite, with_dir=tmp_path, timeout_s=300)
    with pytest.raises(HungGuest) as caught:
        run(request, output)
    after_s = time.monotonic() - output.last_s
    assert output.getvalue() == b"spins\nspins\n"
    assert caught.value.test == "the starving one"
    # Both CPUs are in user space, and the kernel names what runs there: the spinners.
    assert caught.value.report.count("Comm: python3") == 2, caught.value.report
    assert STARVES_S - 1 < after_s < 40
