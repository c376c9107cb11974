# SPDX-License-Identifier: Apache-2.0
"""Two tenants, and a service of the host: one of them tries all that he can, at random.

He acts as a user of his own in cgroups that are his (tenant.py), while an engine starts containers
for him with any annotations. Judged by what becomes of the others. ``OCIHOOK_TEST_SEED`` replays
his choices; the seed is printed. ``OCIHOOK_TENANTS_S`` is how long he goes on, 30 s without: a
minute for both tests.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import tenant
from bundle import TIMEOUT_S
from cells import Workload, Workloads
from kernel import enable_seq, kernel_state
from waiting import pause, ticks_until, until

from ocihook._bpf.pinned import cell_of, register
from ocihook.abi import CELL_LIVE
from ocihook.cell import CellSpec
from ocihook.paths import CELL_MARK, CONFIG_FILE, HOOK_PROGRAM

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler", "strict")]

SEED = int(os.environ.get("OCIHOOK_TEST_SEED") or random.randrange(1 << 32))
ATTACK_S = float(os.environ.get("OCIHOOK_TENANTS_S") or "30")
TOLERANCE = 0.05
LIMIT_TOLERANCE = 0.10
"""Below a limit: a host that is busy itself takes whole periods from an emulated guest."""
QUOTA_US = (20_000, 100_000)
SETTLE_S = 3

STRICT = """\
[limits]
weight_max = 100
own_cpus_max = 0
lend_off = false
shared_cells = ["tenant-b.*"]
"""
"""Nothing that takes from others, in words, whatever the defaults are."""

KEPT = ("cell", "generation", "name", "state", "weight", "quota", "cpus", "own_cpus")
"""Of the victim's row: nothing of it is another's to change."""

ANNOTATIONS: dict[str, Sequence[str]] = {
    "cell": ("off", "a", "service", "tenant-b.x", "host", "7", "\x1b[2J", "x" * 5000),
    "weight": ("1", "100", "10000", "99999", "-1"),
    "cpus": ("1", "1023", "0", "0-1", "all", ",".join(["0"] * 3000)),
    "lend": ("false", "true", "no"),
    "borrow": ("false", "true"),
    "required": ("true", "false", "True"),
    "misspelt": ("1",),
}


@pytest.fixture
def strict() -> Iterator[None]:
    """Have that configuration, and bring back what was installed."""
    file = Path(CONFIG_FILE)
    before = file.read_text() if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    file.write_text(STRICT)
    yield
    if before is None:
        file.unlink()
    else:
        file.write_text(before)


class Box(NamedTuple):
    """The attacker's cell, and the program that he is."""

    top: Path
    cgroup: Path
    program: subprocess.Popen[str]


@contextmanager
def attacker(parent: Path, victims: list[int]) -> Iterator[Box]:
    """Give him a cell with a tree of cgroups of his own, as an engine delegates one; let him go."""
    top = parent / "b"
    box = top / "box"
    (box / "init").mkdir(parents=True)
    (top / "cgroup.subtree_control").write_text("+cpu")
    for path in (box, box / "init"):
        for name in ("", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
            os.chown(path / name, tenant.UID, tenant.UID)
    spec = CellSpec(container="tenant-b", bundle_hash=1, name="tenant-b")
    register(spec.request(box.stat().st_ino))
    words = [tenant.__file__, str(SEED), str(ATTACK_S), str(box), *map(str, victims)]
    with subprocess.Popen(
        [sys.executable, "-P", *words], stdout=subprocess.PIPE, text=True, cwd="/"
    ) as program:
        try:
            yield Box(top, box, program)
        finally:
            (top / "cgroup.kill").write_text("1")
            program.kill()
            events = top / "cgroup.events"
            until(lambda: "populated 0" in events.read_text(), "the end of his tasks")
            for directory, _, _ in os.walk(top, topdown=False):
                os.rmdir(directory)


def start_containers(box: Box, bundle: Path, chance: random.Random) -> int:
    """Have the engine start a container for him with any annotations; return the hook's status."""
    pids = [int(pid) for path in box.cgroup.rglob("cgroup.procs") for pid in read_pids(path)]
    if not pids:
        return 0
    names = chance.sample(sorted(ANNOTATIONS), chance.randint(0, 4))
    annotations = {f"org.ocihook/{name}": chance.choice(ANNOTATIONS[name]) for name in names}
    config = {"ociVersion": "1.0.2", "annotations": annotations, "linux": {}}
    (bundle / "config.json").write_text(json.dumps(config))
    state = {
        "ociVersion": "1.0.2", "id": chance.choice(("host", "idle", "cell-a", "1", "b-1")),
        "status": "creating", "pid": chance.choice(pids), "bundle": str(bundle),
        "annotations": annotations,
    }  # fmt: skip
    stage = chance.choice(("createRuntime", "createRuntime", "poststart", "poststop"))
    done = subprocess.run(
        [HOOK_PROGRAM, stage], input=json.dumps(state).encode(),
        capture_output=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert b"internal error" not in done.stderr, done.stderr
    assert b"Traceback" not in done.stderr, done.stderr
    assert b"\x1b" not in done.stderr, done.stderr
    return done.returncode


def read_pids(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []  # a cgroup that ended, or one of threads


def run_s(cgroup: Path) -> float:
    text = (cgroup / "cpu.stat").read_text()
    return int(text.partition("usage_usec ")[2].split()[0]) / 1e6


def attacked(
    cells: Workloads, parties: Sequence[Workload], bundle: Path
) -> tuple[dict[str, float], float]:
    """Let the attacker go on; return what each used of CPU time, and how long that was."""
    victims = [pid for each in parties for pid in each.tasks()]
    chance = random.Random(SEED)
    with attacker(cells.parent, victims) as box:
        cells.begin()
        pause(SETTLE_S, "shares settle before they are judged")
        groups = {each.cgroup.name: each.cgroup for each in parties} | {"b": box.top}
        before, began_s = {name: run_s(path) for name, path in groups.items()}, time.monotonic()
        for _ in ticks_until(ATTACK_S - SETTLE_S, 1.0):
            assert box.program.poll() in (None, 0), box.program.stdout.read()  # type: ignore[union-attr]
            start_containers(box, bundle, chance)
        after, seconds = {name: run_s(path) for name, path in groups.items()}, time.monotonic()
    return {name: after[name] - before[name] for name in groups}, seconds - began_s


def kept(party: Workload) -> dict[str, object]:
    row = party.row()
    return {name: row[name] for name in KEPT}


def judge_cells(parties: Sequence[Workload], before: Sequence[dict[str, object]]) -> None:
    """Demand that each has its cell as it was, with its tasks in it, and its mark."""
    assert [kept(each) for each in parties] == list(before)
    for each in parties:
        assert each.cell().state == CELL_LIVE
        assert {cell_of(pid).cell for pid in each.tasks()} == {each.slot}
        assert json.loads(os.getxattr(each.cgroup, CELL_MARK))


@pytest.fixture
def bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    with capsys.disabled():
        print(f" OCIHOOK_TEST_SEED={SEED}", end=" ", flush=True)
    return tmp_path


@pytest.mark.timeout(ATTACK_S + 240)
def test_shares_and_limits_beside_a_hostile_tenant(cells: Workloads, bundle: Path) -> None:
    """Three of one weight, of which he is one: a third for each of the others, at least."""
    a, service = cells("a", 2), cells("service", 2)
    limited = cells("limited", 2, quota_us=QUOTA_US)
    service.release()  # a service of the host, without a cell
    before, attached = [kept(a), kept(limited)], enable_seq()
    used, seconds = attacked(cells, (a, service, limited), bundle)
    assert (kernel_state(), enable_seq()) == ("enabled", attached)
    judge_cells((a, limited), before)
    fair = (used["a"] + used["service"] + used["b"]) / 3
    assert used["a"] >= fair * (1 - TOLERANCE), used
    assert used["service"] >= fair * (1 - TOLERANCE), used
    assert used["b"] <= fair * (1 + TOLERANCE), used
    due = seconds * QUOTA_US[0] / QUOTA_US[1]
    assert due * (1 - LIMIT_TOLERANCE) <= used["limited"] <= due * (1 + TOLERANCE), (used, due)


@pytest.mark.timeout(ATTACK_S + 240)
def test_own_cpus_beside_a_hostile_tenant(cells: Workloads, bundle: Path) -> None:
    """A task that is always busy has the CPU that is its cell's own."""
    a, service = cells("a", 1, own_count=1), cells("service", 1)
    assert a.shortage == ""
    before, attached = [kept(a), kept(service)], enable_seq()
    used, _ = attacked(cells, (a, service), bundle)
    assert (kernel_state(), enable_seq()) == ("enabled", attached)
    judge_cells((a, service), before)
    cpus = os.cpu_count() or 1
    assert used["a"] >= sum(used.values()) / cpus * (1 - TOLERANCE), used
