# SPDX-License-Identifier: Apache-2.0
"""Where things are. On the hook's path: imports the ABI version alone."""

from ocihook.abi import OCIHOOK_ABI_VERSION

BPFFS = "/sys/fs/bpf"
"""Where bpffs is mounted."""

PIN_ROOT = f"{BPFFS}/ocihook"
"""Parent of the pin directories, one an ABI version."""

PIN_DIR = f"{PIN_ROOT}/v{OCIHOOK_ABI_VERSION}"
"""Pinned link, maps and programs of this ABI version; mode 0700."""

CGROUPFS = "/sys/fs/cgroup"
"""Where cgroup2 is expected."""

SCHED_EXT = "/sys/kernel/sched_ext"
"""The kernel's own report on sched_ext; absent where the class is not built in."""

CELL_MARK = "trusted.ocihook.cell"
"""Extended attribute of a cgroup directory: the desired cell, as compact JSON."""

JOURNAL_SOCKET = "/run/systemd/journal/socket"
"""Where systemd-journald takes records (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

HOOK_PROGRAM = "/usr/libexec/oci/hooks.d/ocihook-hook"
"""The lean program that runtimes call."""

HOOKS_DIR = "/usr/share/containers/oci/hooks.d"
"""The only directory that podman reads by default (containers/common, pkg/hooks DefaultDir)."""

CONFIG_FILE = "/etc/ocihook/config.toml"
"""The administrator's configuration; where it is absent, defaults hold."""

RUN_DIR = "/run/ocihook"
"""What lasts until the next boot; mode 0755, written by root alone."""

POLICY_FILE = f"{RUN_DIR}/policy.json"
"""The configuration, checked and as the hook reads it (ocihook/hook/configured.py)."""
