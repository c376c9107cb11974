# SPDX-License-Identifier: Apache-2.0
"""systemd's part: a unit that starts the scheduler before containers, and a tmpfiles.d line."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from ocihook.errors import InstallError
from ocihook.install.marked import MARK
from ocihook.paths import BPFFS, RUN_DIR, SCHED_EXT

UNIT = "ocihook.service"
TMPFILES = "ocihook.conf"

WANTED_BY = Path("/etc/systemd/system/multi-user.target.wants") / UNIT
"""The link that ``systemctl enable`` makes of ``WantedBy=``."""

RUNNING = Path("/run/systemd/system")
"""There where systemd is the init (sd_booted(3))."""

_UNIT_TEXT = """\
# {mark}
# Change it with: systemctl edit {unit}
[Unit]
Description=ocihook, the scheduler of container cells
Documentation=man:ocihook(1) man:ocihook-scheduler(1)
After=local-fs.target sys-fs-bpf.mount
# Only the order: without it containers start all the same, and those that ran before the
# scheduler get their cells when it starts.
Before=podman.service podman-restart.service crio.service containerd.service docker.service
ConditionPathExists={sched_ext}
ConditionPathIsMountPoint={bpffs}
ConditionControlGroupController=v2

[Service]
Type=oneshot
# Nothing keeps running: the scheduler is in the kernel.
RemainAfterExit=yes
ExecStart={command} scheduler start
ExecReload={command} scheduler reload
ExecStop={command} scheduler stop
# The verifier takes a second; an emulated machine needs twenty.
TimeoutStartSec=120
TimeoutStopSec=60
# It writes below /sys/fs/bpf, marks cgroups, and keeps the configuration as the hook reads it.
RuntimeDirectory={run_name}
RuntimeDirectoryPreserve=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
NoNewPrivileges=yes
# Load BPF; marks (trusted.*); a real-time priority while it attaches; cgroups by their ids.
CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_ADMIN CAP_SYS_NICE CAP_DAC_READ_SEARCH
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
DevicePolicy=closed

[Install]
WantedBy=multi-user.target
"""

_TMPFILES_TEXT = """\
# {mark}
# Where the hook keeps the configuration as it reads it. Others must not write here.
d {run_dir} 0755 root root -
"""


def unit(command: Path | None = None) -> bytes:
    """Return the text of the unit.

    Args:
        command: the program ``ocihook``, instead of :func:`find_command`'s.

    Raises:
        InstallError: there is no such program.
    """
    text = _UNIT_TEXT.format(
        mark=MARK,
        unit=UNIT,
        sched_ext=SCHED_EXT,
        bpffs=BPFFS,
        run_name=os.path.basename(RUN_DIR),
        command=_quoted(command or find_command()),
    )
    return os.fsencode(text)


def tmpfiles() -> bytes:
    """Return the text of the tmpfiles.d file."""
    return _TMPFILES_TEXT.format(mark=MARK, run_dir=RUN_DIR).encode()


def find_command() -> Path:
    """Return the program that runs now if that is ``ocihook``, else the one of this Python.

    Raises:
        InstallError: this Python has none.
    """
    running = shutil.which(sys.argv[0])
    if running and os.path.basename(running) == "ocihook":
        return Path(os.path.abspath(running))  # a link is left as it is: somebody has made it
    command = Path(sysconfig.get_path("scripts"), "ocihook")
    if not command.exists():
        raise InstallError(f"{command}: no such program", "install ocihook with pip")
    return command


def _quoted(path: Path) -> str:
    """Write a path as a word of an ``Exec`` line (systemd.service(5), Command Lines)."""
    word = os.fspath(path)
    if any(char in word for char in "\n\r"):
        raise InstallError(f"{path!s}: no unit can name it", "install ocihook somewhere else")
    # A program's own path takes specifiers, but no variables.
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word}"' if any(char in word for char in " \t'\\;") else word
