# SPDX-License-Identifier: Apache-2.0
"""bpffs: where what outlives the loader is pinned, and who may reach it."""

import os
from collections.abc import Iterator
from stat import S_IMODE, S_ISDIR

from ocihook import mountinfo
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason
from ocihook.paths import BPFFS, PIN_ROOT
from ocihook.sched.pins import OTHERS_HINT

TOPIC = Topic("bpffs")


def check(host: Host) -> Iterator[Finding]:
    """Look whether bpffs is where it belongs, and closed to everybody else."""
    try:
        table = mountinfo.read(host.mountinfo)
    except OSError as error:
        yield TOPIC.skipped("mount", f"/proc/self/mountinfo: {reason(error)}", "mount /proc")
        return
    found, cover = table.at(BPFFS), table.holding(BPFFS)
    covered = cover and table.covered_at(BPFFS, "bpf")
    if found is not None and found.kind == "bpf":
        if covered:
            yield TOPIC.note(
                "mount",
                f"/proc/self/mountinfo: bpffs is mounted at {BPFFS} over another bpffs, and covers"
                " what was pinned there",
            )
        else:
            yield TOPIC.ok("mount", f"/proc/self/mountinfo: bpffs is mounted at {BPFFS}")
        yield from _access(host)
    elif cover and covered:
        yield TOPIC.error(
            "mount",
            f"/proc/self/mountinfo: {cover.kind} at {cover.point} covers the bpffs at {BPFFS}",
            f"umount {cover.point}",
        )
    else:
        others = ", ".join(each.point for each in table.of_kind("bpf"))
        yield TOPIC.error(
            "mount",
            f"/proc/self/mountinfo: {found.kind if found else 'nothing'} is mounted at {BPFFS}"
            + (f", bpffs at {others}" if others else ""),
            f"mount -t bpf -o mode=0700 bpf {BPFFS}",  # without, anybody may write there (1777)
        )


def _access(host: Host) -> Iterator[Finding]:
    # Whoever can open a pinned program can run it, whatever unprivileged_bpf_disabled says.
    try:
        status = os.lstat(host.path(PIN_ROOT))
    except FileNotFoundError:
        return
    except PermissionError:
        yield TOPIC.skipped("access", f"{BPFFS}: permission denied", "run this command as root")
        return
    if not S_ISDIR(status.st_mode):
        yield TOPIC.error(
            "access", f"{PIN_ROOT}: is no directory; no scheduler starts", OTHERS_HINT
        )
        return
    mode = S_IMODE(status.st_mode)
    said = f"{PIN_ROOT}: mode {mode:04o}, owner {status.st_uid}"
    if status.st_uid != host.administrator:
        yield TOPIC.error(
            "access",
            f"{said}: somebody else's, so no pin counts and no scheduler starts",
            OTHERS_HINT,
        )
    elif mode & 0o077:
        yield TOPIC.warning(
            "access",
            f"{said}: others may change cells, and no scheduler starts",
            f"chmod 0700 {PIN_ROOT}",
        )
    else:
        yield TOPIC.ok("access", said)
