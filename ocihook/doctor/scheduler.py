# SPDX-License-Identifier: Apache-2.0
"""sched_ext's state and owner, what is pinned, of which ABI, and how the last scheduler ended."""

import os
import re
from collections.abc import Iterator

from ocihook import mountinfo
from ocihook._bpf.scheduler_object import LINK, MAPS, OPS, PROGRAMS, RMDIR_LINK
from ocihook.abi import OCIHOOK_ABI_VERSION, SchedulerRecord
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host
from ocihook.errors import AbiMismatch, OcihookError
from ocihook.paths import PIN_DIR, PIN_ROOT, SCHED_EXT
from ocihook.sched import probe
from ocihook.sched.pins import why_unseen

TOPIC = Topic("scheduler")

START = "ocihook scheduler start"
AGAIN = "ocihook scheduler reload"

PINS = frozenset((*MAPS, *PROGRAMS, OPS, LINK, RMDIR_LINK))


def check(host: Host) -> Iterator[Finding]:
    """Look at the scheduler that runs, and at what is pinned."""
    if not probe.supported(host.sched_ext):
        yield TOPIC.skipped("state", f"kernel {host.release} has no sched_ext")
        return
    ops = probe.running_ops(host.sched_ext)
    if ops is not None and not probe.is_ours(ops):
        yield TOPIC.error(
            "state",
            f"{SCHED_EXT}/root/ops: another scheduler runs: {ops}",
            f"stop {ops}, then: {START}; the kernel runs one at a time",
        )
    current = f"v{OCIHOOK_ABI_VERSION}"
    try:
        versions = _listed(host, PIN_ROOT)
        pins = _listed(host, PIN_DIR)
    except PermissionError:
        said = f"sched_ext runs {ops}" if ops else "sched_ext runs nothing"
        yield TOPIC.skipped(
            "pins", f"{said}; {PIN_ROOT}: permission denied", "run this command as root"
        )
        return
    yield from _versions(host, versions, current, probe.is_ours(ops))
    if current in versions:
        yield from _pinned(host, ops, pins)
    elif ops is None:
        yield TOPIC.error(
            "state",
            f"{SCHED_EXT}/state: {probe.kernel_state(host.sched_ext)}; nothing is pinned in"
            f" {PIN_DIR}, so no container has a cell",
            START,
        )


def _listed(host: Host, directory: str) -> list[str]:
    try:
        return sorted(os.listdir(host.path(directory)))
    except FileNotFoundError:
        return []


def _unseen(host: Host) -> Finding:
    try:
        unseen = why_unseen(mountinfo.read(host.mountinfo))
    except OSError:
        unseen = None  # said by the topics that need the mount table more
    if unseen is not None:
        sentence, mend = unseen
        return TOPIC.error("pins", f"/proc/self/mountinfo: {sentence}; no hook finds it", mend)
    return TOPIC.error(
        "pins",
        f"{PIN_ROOT}: a scheduler of ours runs and has no pins here, so no hook finds it",
        f"find what holds its link, and end it: bpftool link; then: {START}",
    )


def _versions(host: Host, found: list[str], current: str, ours: bool) -> Iterator[Finding]:
    """Judge the directories of other ABIs, and the one that a loader works in."""
    others = [name for name in found if re.fullmatch(r"v\d+", name) and name != current]
    if others and current not in found and ours:
        yield TOPIC.error(
            "abi",
            f"{PIN_ROOT}: {', '.join(others)} is pinned and runs, this ocihook speaks {current}:"
            " its hooks find no scheduler",
            "stop it with the version that started it, then: " + START,
            os.EX_PROTOCOL,
        )
    elif current not in found and ours:
        yield _unseen(host)
    elif others:
        yield TOPIC.warning(
            "abi",
            f"{PIN_ROOT}: pins of {', '.join(others)} beside those of this ocihook, {current}",
            f"rm -r {' '.join(f'{PIN_ROOT}/{name}' for name in others)}",
        )
    elif current in found:
        yield TOPIC.ok("abi", f"{PIN_ROOT}: {current}, as this ocihook speaks")
    if "new" in found:
        yield TOPIC.note(
            "start",
            f"{PIN_ROOT}/new: a scheduler is being started, or its start was killed",
            START,
        )


def _pinned(host: Host, ops: str | None, pins: list[str]) -> Iterator[Finding]:
    missing = PINS.difference(pins)
    if missing:
        yield TOPIC.error("pins", f"{PIN_DIR}: no {', '.join(sorted(missing))}", AGAIN)
    else:
        yield TOPIC.ok("pins", f"{PIN_DIR}: nothing is missing")
    try:
        record = host.read_record()
    except AbiMismatch as error:
        yield TOPIC.error("record", f"{PIN_DIR}: {error.args[0]}", AGAIN, os.EX_PROTOCOL)
        return
    except OcihookError as error:
        yield TOPIC.skipped("record", f"{PIN_DIR}: {error.args[0]}", error.hint)
        return
    if probe.is_ours(ops):
        yield TOPIC.ok("state", f"{SCHED_EXT}/root/ops: {ops} runs, live cells: {record.nr_live}")
        yield TOPIC.ok("last ejection", "none since this scheduler was started")
        return
    if ops is None:
        yield TOPIC.error(
            "state",
            f"{SCHED_EXT}/state: {probe.kernel_state(host.sched_ext)}; ours was pinned and"
            " has gone, so no container has a cell",
            START,
        )
    yield _ejection(record)


def _ejection(record: SchedulerRecord) -> Finding:
    reason = record.exit_reason.decode(errors="replace") or f"exit kind {record.exit_kind}"
    message = record.exit_message.decode(errors="replace")
    return TOPIC.warning(
        "last ejection",
        f"{PIN_DIR}/scheduler: {reason}" + (f": {message}" if message else ""),
        f"journalctl -k -g sched_ext tells more; `{START}` brings every cell back",
    )
