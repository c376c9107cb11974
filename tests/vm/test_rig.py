# SPDX-License-Identifier: Apache-2.0
"""The rig as its users see it: real guests, each booted for one question."""

from __future__ import annotations

import io
import subprocess
import sys
import time
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


def test_exit_status_and_output_are_the_commands() -> None:
    done = vm("--", "sh", "-c", "echo to stdout; echo to stderr >/dev/stderr; exit 7")
    assert (done.returncode, done.stdout) == (7, "to stdout\nto stderr\n"), done.stderr


def test_hang_is_124() -> None:
    done = vm("--timeout", "30", "--", "sleep 1000")
    assert done.returncode == 124, done.stderr
    assert "guest: not done after 30 s" in done.stderr


def test_panic_is_125_and_shows_the_console() -> None:
    done = vm("--", "echo c >/proc/sysrq-trigger; sleep 1000")
    assert done.returncode == 125, done.stderr
    assert "sysrq triggered crash" in done.stderr


def test_power_off_without_a_result_is_lost() -> None:
    request = Request(command=("echo o >/proc/sysrq-trigger; sleep 1000",), timeout_s=300)
    with pytest.raises(LostGuest, match="without a result"):
        run(request, io.BytesIO())


def test_status_124_of_a_command_is_no_hang() -> None:
    assert run(Request(command=("exit 124",)), io.BytesIO()) == 124


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


def test_with_and_out_round_trip(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "with" / "sub dir").mkdir(parents=True)
    (tmp_path / "with" / "sub dir" / "data").write_bytes(content)
    (tmp_path / "with" / "program").write_text("#!/bin/sh\ncp -r 'sub dir' /out/'copied here'\n")
    (tmp_path / "with" / "program").chmod(0o755)
    out = tmp_path / "out"
    request = Request(command=("./program",), with_dir=tmp_path / "with", out_dir=out)
    assert run(request, io.BytesIO()) == 0
    assert (out / "copied here" / "data").read_bytes() == content


def test_output_is_unchanged() -> None:
    output = io.BytesIO()
    assert run(Request(command=("printf 'a\\nb\\033[1m\\n'; test ! -t 1",)), output) == 0
    assert output.getvalue() == b"a\nb\033[1m\n"


def test_terminal_is_passed_on() -> None:
    output = io.BytesIO()
    request = Request(command=("test -t 1 && stty size </dev/stdout",), terminal=(93, 31))
    assert run(request, output) == 0
    assert output.getvalue() == b"31 93\n"


class Clock(io.BytesIO):
    """An output that remembers when each line came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[bytes, float] = {}

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        for line in data.splitlines():
            self.came[line] = time.monotonic()
        return len(data)


def test_output_streams_live() -> None:
    clock = Clock()
    assert run(Request(command=("echo first; sleep 4; echo second",)), clock) == 0
    assert clock.came[b"second"] - clock.came[b"first"] > 2


def test_left_behind_process_does_not_hold_the_guest() -> None:
    assert run(Request(command=("sleep 1000 & exit 3",), timeout_s=300), io.BytesIO()) == 3


PROMISED = """
set -e
for name in runc crun podman containerd ctr conmon ocihook; do command -v $name >/dev/null; done
runc --version; crun --version; podman --version; containerd --version
grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts
grep -q ' /sys/fs/bpf bpf ' /proc/mounts
test "$(cat /sys/kernel/sched_ext/state)" = disabled
for name in cpu cpuset memory pids; do grep -qw $name /sys/fs/cgroup/cgroup.subtree_control; done
test "$(id -u):$(nproc):$PWD" = 0:3:/with
test -f pyproject.toml
python3 -P -c 'import typer, jsonschema, rich'
python3 -P -c 'import _cffi_backend, pytest, pytest_timeout, hypothesis'
python3 -P -c 'import ocihook; print(ocihook.__file__)'
"""


@pytest.mark.parametrize(("suite", "kernel"), [("trixie", "6.18"), ("forky", "7.3")])
def test_guest_has_what_is_promised(suite: str, kernel: str, wheel: Path) -> None:
    output = io.BytesIO()
    request = Request(
        command=(PROMISED,),
        suite=suite,
        kernel=kernel,
        cpus=3,
        with_dir=CLONE,
        wheel=wheel,
    )
    assert run(request, output) == 0, output.getvalue().decode()
    assert "/dist-packages/ocihook/__init__.py" in output.getvalue().decode()
