# SPDX-License-Identifier: Apache-2.0
"""The rig as its users see it: real guests. One boot answers as many questions as it can."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from .errors import LostGuest
from .run import Request, run

CLONE = Path(__file__).parents[2]

# A boot takes 5 s under emulation, and ten times that on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(600)


def vm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the rig's command line as ./dev does."""
    return subprocess.run(
        [sys.executable, "-m", "tests.vm", "vm", *arguments],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )


EVERYTHING = """
echo to stdout; echo to stderr >/dev/stderr; printf 'a\\nb\\033[1m\\n'
test ! -t 1 || echo a terminal
./program
sleep 1000 &
exit 7
"""


def test_status_output_and_files_come_back(tmp_path: Path) -> None:
    """They are the command's, unchanged, and a process that it left behind does not hold them."""
    content = bytes(range(256)) * 5000
    (tmp_path / "with" / "sub dir").mkdir(parents=True)
    (tmp_path / "with" / "sub dir" / "data").write_bytes(content)
    (tmp_path / "with" / "program").write_text("#!/bin/sh\ncp -r 'sub dir' /out/'copied here'\n")
    (tmp_path / "with" / "program").chmod(0o755)
    out = tmp_path / "out"
    options = ("--with", str(tmp_path / "with"), "--out", str(out), "--timeout", "300")
    done = vm(*options, "--", "sh", "-c", EVERYTHING)
    said = "to stdout\nto stderr\na\nb\033[1m\n"
    assert (done.returncode, done.stdout) == (7, said), done.stderr
    assert (out / "copied here" / "data").read_bytes() == content


def test_end_of_its_time_is_124() -> None:
    """Wherever the guest is by then; emulated, it is not up after 3 s and gives no answer."""
    done = vm("--timeout", "3", "--", "sleep 1000")
    assert done.returncode == 124, done.stderr
    assert "guest: not done after 3 s; try a longer --timeout; the kernel says:\n" in done.stderr
    asked = "Show Blocked State" in done.stderr
    assert asked or "gives no answer; its CPUs are at\nCPU#0" in done.stderr, done.stderr


def test_panic_is_125_and_shows_the_console() -> None:
    done = vm("--", "echo c >/proc/sysrq-trigger; sleep 1000")
    assert done.returncode == 125, done.stderr
    assert "sysrq triggered crash" in done.stderr


def test_power_off_without_a_result_is_lost() -> None:
    request = Request(command=("echo o >/proc/sysrq-trigger; sleep 1000",), timeout_s=300)
    with pytest.raises(LostGuest, match="without a result"):
        run(request, io.BytesIO())


def test_systemd_as_init_hands_back_the_same() -> None:
    """Status, output and environment are the command's, as with the rig's own init."""
    command = """
    cat /proc/1/comm; systemctl is-active rig.service
    systemd-cat -t from-the-test echo kept; journalctl --sync; journalctl -o cat -t from-the-test
    test "$PWD:$(id -u)" = /with:0 && exit 7
    """
    done = vm("--init", "systemd", "--", command)
    assert (done.returncode, done.stdout) == (7, "systemd\nactivating\nkept\n"), done.stderr


def test_systemd_that_does_not_get_to_the_command_is_lost() -> None:
    command = "kill -9 $(systemctl show -P MainPID rig.service); sleep 1000"
    request = Request(command=(command,), init="systemd", timeout_s=300)
    with pytest.raises(LostGuest, match="without a result"):
        run(request, io.BytesIO())


def test_cpus_terminal_and_a_status_like_the_rigs_own() -> None:
    """The status is that of a guest whose time is up, and does not get mixed up with it."""
    output = io.BytesIO()
    command = "nproc; test -t 1; stty size </dev/stdout; exit 124"
    assert run(Request(command=(command,), cpus=3, terminal=(93, 31)), output) == 124
    assert output.getvalue() == b"3\n31 93\n"
