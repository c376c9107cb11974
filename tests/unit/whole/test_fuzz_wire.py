# SPDX-License-Identifier: Apache-2.0
"""What is read back - marks, the scheduler's records, the stored policy, cgroups' files - gone bad.

For each: a value that fits the scheduler's request, or an error of ``errors.py``; no hang.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from case_watch import DOCUMENTED, Watch, watched
from fuzz_cases import AT_LEAST, SEED, mutated_text, tries
from wild import mutated_bytes, mutated_node

from ocihook import abi, control_file, cpulist, cpuset, kernel_cpulist, limits, mark
from ocihook.cell import CellSpec
from ocihook.config import compiling
from ocihook.cpuset import EFFECTIVE
from ocihook.errors import CpulistError, InputError, OcihookError, PolicyError
from ocihook.hook import configured
from ocihook.policy import Policy
from ocihook.record import Record
from ocihook.sched.cell_row import Counted, describe

PARTS = AT_LEAST["wire"]


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with watched() as made:
        yield made


MARKS = [
    mark.write(CellSpec(container=container, bundle_hash=hash_, name=name, **more))
    for container, hash_, name, more in (
        ("c1", 5, "web", {}),
        ('a"\u00e9', (1 << 64) - 1, "x", {"allowed": 0b1101, "exec_allowed": 1}),
        ("c" * 64, 0, "n" * 63, {"own": 6, "own_count": 2, "lend": False, "borrow": False}),
        ("c2", 7, "all", {"quota_ns": 5, "period_ns": 6, "burst_ns": 7, "fixed_quota": True}),
        ("c3", 8, "l", {"own_list": 12, "shared": True, "fixed_weight": True, "weight": 10000}),
    )
]


def test_marks(watch: Watch) -> None:
    chance = random.Random(SEED)
    seen, good, bad = set(), 0, 0
    for number in tries(PARTS["marks"]):
        data = (mutated_node, mutated_bytes)[number % 2](chance, chance.choice(MARKS))
        watch.begins(data)
        try:
            spec = mark.read(data)
        except InputError:
            bad += data not in seen
        else:
            spec.request(1).pack()
            assert mark.read(mark.write(spec)) == spec, data
            good += data not in seen
        seen.add(data)
        if min(good * 100, bad) >= PARTS["marks"]:
            break
    watch.ends()
    assert bad >= PARTS["marks"]
    assert good >= 30


RECORDS: list[type[Record]] = [
    abi.Cell, abi.CellRunNs, abi.CellStats, abi.CellWaits, abi.CellRequest, abi.CellRelease,
    abi.CellQuery, abi.CellSweep, abi.SwitchEvent, abi.SchedulerRecord,
]  # fmt: skip


def test_records(watch: Watch) -> None:
    """Whatever the bytes are, a cell is shown; a byte string ends at its first NUL."""
    chance = random.Random(SEED)
    counted = Counted([abi.CellRunNs(), abi.CellRunNs()], [abi.CellStats()], abi.CellWaits())
    seen = set()
    for number in range(PARTS["records"]):
        kind = RECORDS[number % len(RECORDS)]
        data = chance.randbytes(kind.LAYOUT.size)
        watch.begins(kind, data)
        record = kind.unpack(data)
        again = kind.unpack(record.pack())
        assert all(getattr(again, name) == getattr(record, name) for name in kind.__slots__), data
        if isinstance(record, abi.Cell):
            json.dumps(describe(number, record, counted, 0b11))
        seen.add((kind, data))
    watch.ends()
    assert len(seen) >= PARTS["records"]


def test_stored_policies(watch: Watch, tmp_path: Path) -> None:
    """One that is torn or foreign is made anew of the configuration."""
    file, stored = tmp_path / "config.toml", tmp_path / "policy.json"
    file.write_text("[limits]\nweight_max = 500\n")
    file.chmod(0o644)
    first, _ = configured.in_force(str(file), str(stored))
    assert first.weight_max == 500
    text = stored.read_bytes()
    chance = random.Random(SEED)
    seen, remade = set(), 0
    for number in tries(PARTS["policies"]):
        data = (mutated_node, mutated_bytes)[number % 2](chance, text)
        stored.write_bytes(data)
        watch.begins(data)
        policy, problem = configured.in_force(str(file), str(stored))
        assert isinstance(policy, Policy)
        assert problem is None or problem.exit_code in DOCUMENTED
        _use(policy)
        remade += policy == first
        seen.add(data)
        if len(seen) >= PARTS["policies"]:
            break
    watch.ends()
    assert len(seen) >= PARTS["policies"]
    assert remade >= 0.9 * PARTS["policies"], "a torn policy counts"
    assert compiling.policy_of("", "/x") != first


def _use(policy: Policy) -> None:
    """Ask a policy all that the hook asks; it may refuse everything."""
    for ask in (
        lambda: policy.enrols({"a": "b"}, True, "/a"),
        lambda: policy.check_weight(100, "x"),
        lambda: policy.check_own_cpus(0, 3, "x"),
        lambda: policy.check_switches(False, False, "x"),
        lambda: policy.check_name("a", "x"),
    ):
        with suppress(PolicyError):
            ask()
    policy.fails_closed(True)
    policy.logs("error")
    assert 1 <= policy.deadline_s <= 600


FILES = [
    b"100", b"max 100000\n", b"20000 100000", b"0", b"1", b"0x64", b"+5\n", b"0-3,8\n", b"",
    b"10000", b"18446744073709551615",
]  # fmt: skip
READERS: list[Callable[[str], object]] = [
    control_file.weight, control_file.limit, control_file.burst, control_file.idle,
    limits.weight_from_cgroup, lambda text: limits.quota_from_cgroup(text, None),
    lambda text: limits.quota_from_cgroup("5000 10000", text),
    lambda text: cpuset.read({EFFECTIVE: text, f"../{EFFECTIVE}": "0-3"}.get, "/a"),
]  # fmt: skip


def test_control_files(watch: Watch) -> None:
    _each_text("control files", FILES, READERS, InputError, watch)


def test_cpulists(watch: Watch) -> None:
    originals = [b"0-3", b"0,2-3", b"0-1:1/2", b"0-N", b"all", b"1023", b" 1 , 2-4 ", b"0-1151"]
    readers: list[Callable[[str], object]] = [cpulist.parse, kernel_cpulist.parse]
    _each_text("cpulists", originals, readers, CpulistError, watch)


def _each_text(
    part: str,
    originals: list[bytes],
    readers: list[Callable[[str], object]],
    error: type[OcihookError],
    watch: Watch,
) -> None:
    chance = random.Random(SEED)
    seen: set[tuple[int, str]] = set()
    refused = 0
    for number in tries(PARTS[part]):
        which = number % len(readers)
        text = mutated_text(chance, chance.choice(originals)).decode("utf-8", "surrogateescape")
        if (which, text) in seen:
            continue
        seen.add((which, text))
        watch.begins(which, text)
        try:
            readers[which](text)
        except error:
            refused += 1
        if len(seen) >= PARTS[part]:
            break
    watch.ends()
    assert len(seen) >= PARTS[part]
    assert refused >= PARTS[part] // 10
