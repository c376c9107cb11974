# SPDX-License-Identifier: Apache-2.0
"""The real command on a kernel that has no sched_ext: the machine that the tests run on.

tests/guest does the rest, on kernels that have it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocihook import schema
from ocihook._bpf.kernel_btf import NoKernelBtf, malformed_kfunc
from ocihook.abi import OCIHOOK_ABI_VERSION
from ocihook.paths import PIN_ROOT, SCHED_EXT

# Skips for this reason are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(Path(SCHED_EXT).is_dir(), reason="this kernel has sched_ext")

COMMAND = Path(sys.executable).with_name("ocihook")
RELEASE = os.uname().release
NO_SCHED_EXT = (
    f"ocihook: kernel {RELEASE} has no sched_ext (boot a kernel built with"
    " CONFIG_SCHED_CLASS_EXT=y; Debian's own has it from 6.16 on, in trixie-backports)\n"
)


def ocihook(*arguments: str) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of the command."""
    done = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_start_is_refused_and_leaves_nothing() -> None:
    assert ocihook("scheduler", "start") == (os.EX_UNAVAILABLE, "", NO_SCHED_EXT)
    assert not os.path.exists(PIN_ROOT)


def test_status() -> None:
    status, stdout, stderr = ocihook("scheduler", "status")
    assert (status, stderr) == (0, "")
    assert stdout.splitlines() == [
        "state      unsupported",
        f"kernel     {RELEASE}",
        f"abi        {OCIHOOK_ABI_VERSION}",
        "next       boot a kernel with sched_ext; see: ocihook doctor",
    ]


def test_status_as_json() -> None:
    status, stdout, stderr = ocihook("scheduler", "status", "--json")
    assert (status, stderr) == (0, "")
    document = json.loads(stdout)
    assert schema.findings("scheduler-status", document) == []
    assert (document["state"], document["kernel"]) == ("unsupported", RELEASE)


def test_doctor_says_what_to_boot() -> None:
    status, stdout, stderr = ocihook("doctor", "--json")
    assert stderr == ""
    document = json.loads(stdout)
    assert schema.findings("doctor", document) == []
    assert status == document["exit_code"] >= os.EX_UNAVAILABLE
    (found,) = [each for each in document["findings"] if each["name"] == "sched_ext"]
    assert found["verdict"] == "error"
    assert found["evidence"].startswith(f"kernel {RELEASE} has no sched_ext")
    assert "CONFIG_SCHED_CLASS_EXT=y" in found["mend"]


@pytest.mark.parametrize("arguments", [["cells"], ["cells", "--json"], ["cells", "tree"], ["gc"]])
def test_nothing_is_loaded(arguments: list[str]) -> None:
    status, stdout, stderr = ocihook(*arguments)
    assert stdout == ""
    if os.geteuid() == 0:
        assert (status, stderr) == (os.EX_UNAVAILABLE, NO_SCHED_EXT)
    else:
        # bpffs is root's where systemd mounts it (mode 0700); where it is not, or not mounted,
        # everybody may see that there is no pin.
        assert status in (os.EX_UNAVAILABLE, os.EX_NOPERM)
        assert stderr.startswith("ocihook: ")
        assert stderr.count("\n") == 1


def test_version_says_what_is_missing() -> None:
    status, stdout, stderr = ocihook("version", "--verbose")
    assert (status, stderr) == (0, "")
    assert f"\nkernel     {RELEASE} " in stdout
    missing = "not in this kernel; boot one built with CONFIG_SCHED_CLASS_EXT=y"
    assert f"\nsched_ext  {missing}\n" in stdout


def test_metrics_say_that_it_is_not_up(tmp_path: Path) -> None:
    status, stdout, stderr = ocihook("metrics")
    assert (status, stderr) == (0, "")
    assert "\nocihook_scheduler_up 0\n" in stdout
    assert f'kernel="{RELEASE}",state="unsupported"' in stdout
    path = tmp_path / "ocihook.prom"
    assert ocihook("metrics", "-o", str(path)) == (0, "", "")
    assert path.read_text() == stdout


def test_kernel_btf_is_read_where_there_is_some() -> None:
    """A kernel without sched_ext has none of its kfuncs, so none that is malformed."""
    if Path("/sys/kernel/btf/vmlinux").exists():
        assert malformed_kfunc() is None
    else:
        with pytest.raises(NoKernelBtf):
            malformed_kfunc()
