# SPDX-License-Identifier: Apache-2.0
"""What is asked of the pinned programs and tables, and what their answers mean."""

import errno
import os
import posix
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook._bpf import pinned, pinned_array
from ocihook._bpf.pinned_array import PinnedArray
from ocihook.abi import CellQuery, CellRelease, CellRequest, CellStats, CellSweep
from ocihook.errors import (
    AbiMismatch,
    CellTableFull,
    CgroupError,
    OcihookError,
    OwnCpusTaken,
    SchedulerUnavailable,
    SystemCallError,
)
from ocihook.paths import PIN_DIR

REQUEST = CellRequest(cgid=77, weight=300, container=b"c1")
RELEASE = CellRelease(bundle_hash=5, container=b"c1")
EJECTED = (
    "the ocihook scheduler was ejected (see: ocihook scheduler status; start it again with:"
    " ocihook scheduler start)"
)


class Kernel:
    """In place of the two system calls: answers with `codes`, the last one for ever."""

    def __init__(self) -> None:
        self.codes = [0]
        self.runs: list[tuple[str, bytes]] = []
        self.open: dict[int, str] = {}
        self.answer: Callable[[bytearray], None] = lambda _context: None

    def obj_get(self, path: str) -> int:
        fd = os.open("/dev/null", os.O_RDONLY)
        self.open[fd] = path
        return fd

    def prog_run(self, fd: int, context: bytearray) -> int:
        self.runs.append((self.open[fd], bytes(context)))
        self.answer(context)
        return self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(pinned, "obj_get", kernel.obj_get)
    monkeypatch.setattr(pinned, "prog_run", kernel.prog_run)
    return kernel


def all_closed(kernel: Kernel) -> bool:
    return not any(os.path.exists(f"/proc/self/fd/{fd}") for fd in kernel.open)


def filled(**members: int) -> Callable[[bytearray], None]:
    """Return what writes the members of a request that the program fills."""

    def fill(context: bytearray) -> None:
        request = CellRequest.unpack(context)
        for name, value in members.items():
            setattr(request, name, value)
        context[:] = request.pack()

    return fill


@pytest.mark.parametrize(
    ("call", "program"), [(pinned.register, "cell_register"), (pinned.update, "cell_update")]
)
def test_register_and_update(kernel: Kernel, call: Callable[..., Any], program: str) -> None:
    kernel.answer = filled(cell=3, generation=9)
    assert call(REQUEST) == (3, 9)
    assert kernel.runs == [(f"/sys/fs/bpf/ocihook/v4/{program}", bytes(REQUEST.pack()))]
    assert all_closed(kernel)


def test_registration_that_lost_a_race_is_tried_again(kernel: Kernel) -> None:
    kernel.codes = [-errno.EAGAIN, -errno.EAGAIN, 0]
    kernel.answer = filled(cell=4, generation=1)
    assert pinned.register(REQUEST) == (4, 1)
    # Each time with the request as it was, not with what the last attempt wrote into it.
    assert kernel.runs == [kernel.runs[0]] * 3
    assert all_closed(kernel)


def test_registration_that_loses_every_race(kernel: Kernel) -> None:
    kernel.codes = [-errno.EAGAIN]
    with pytest.raises(SystemCallError) as failure:
        pinned.register(REQUEST)
    assert failure.value.errno == errno.EAGAIN
    assert str(failure.value) == ("registration of cgroup 77: resource temporarily unavailable")
    assert len(kernel.runs) == 3


def test_other_failures_are_not_tried_again(kernel: Kernel) -> None:
    kernel.codes = [-errno.ENOSPC, 0]
    with pytest.raises(CellTableFull):
        pinned.register(REQUEST)
    assert len(kernel.runs) == 1


def test_unregister(kernel: Kernel) -> None:
    def fill(context: bytearray) -> None:
        context[272:276] = (2).to_bytes(4, "little")

    kernel.answer = fill
    assert pinned.unregister(RELEASE) == 2
    assert kernel.runs == [("/sys/fs/bpf/ocihook/v4/cell_unregister", bytes(RELEASE.pack()))]


def test_cell_of(kernel: Kernel) -> None:
    def fill(context: bytearray) -> None:
        context[:] = CellQuery(pid=5, cell=3, generation=2, cgid=77).pack()

    kernel.answer = fill
    query = pinned.cell_of(5)
    assert (query.cell, query.generation, query.cgid) == (3, 2, 77)
    assert kernel.runs == [("/sys/fs/bpf/ocihook/v4/cell_of", bytes(CellQuery(pid=5).pack()))]


def test_sweep(kernel: Kernel) -> None:
    def fill(context: bytearray) -> None:
        context[:] = CellSweep(claims=1, dead=2, drained=3).pack()

    kernel.answer = fill
    swept = pinned.sweep()
    assert (swept.claims, swept.dead, swept.drained) == (1, 2, 3)
    assert kernel.runs[0][0] == "/sys/fs/bpf/ocihook/v4/cell_gc"


CALLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: pinned.register(REQUEST), "registration of cgroup 77"),
    (lambda: pinned.update(REQUEST), "update of cgroup 77"),
    (lambda: pinned.unregister(RELEASE), "release"),
    (lambda: pinned.cell_of(5), "cell of thread 5"),
    (lambda: pinned.cell_of(), "cell of thread self"),
    (pinned.sweep, "sweep"),
]
GONE = ": no such cgroup or cell (it may have ended meanwhile)"


@pytest.mark.parametrize(("call", "what"), CALLS, ids=[what for _, what in CALLS])
@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (errno.ENODEV, SchedulerUnavailable, EJECTED),
        (
            errno.EBUSY,
            OwnCpusTaken,
            "{what}: CPUs wished as its own are taken (see: ocihook cells)",
        ),
        (errno.ENOSPC, CellTableFull, "every cell is taken (see: ocihook cells)"),
        (errno.ESRCH, CgroupError, "{what}" + GONE),
        (errno.ENOENT, CgroupError, "{what}" + GONE),
        (
            errno.ENAMETOOLONG,
            CgroupError,
            "{what}: more than 31 levels deep (cells are told apart down to there)",
        ),
        (errno.EINVAL, SystemCallError, "{what}: invalid argument"),
    ],
)
def test_failures(
    kernel: Kernel,
    call: Callable[[], Any],
    what: str,
    code: int,
    kind: type[OcihookError],
    message: str,
) -> None:
    kernel.codes = [-code]
    with pytest.raises(OcihookError) as failure:
        call()
    assert type(failure.value) is kind
    assert str(failure.value) == message.format(what=what)
    assert all_closed(kernel)


def test_program_that_cannot_be_run_leaves_no_fd(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fd: int, _context: bytearray) -> int:
        raise SystemCallError("run of BPF program", errno.EPERM)

    monkeypatch.setattr(pinned, "prog_run", refuse)
    with pytest.raises(SystemCallError) as failure:
        pinned.sweep()
    assert failure.value.exit_code == os.EX_NOPERM
    assert all_closed(kernel)


def failing(number: int) -> Callable[[str], int]:
    def obj_get(path: str) -> int:
        raise SystemCallError(f"open of pin {path}", number)

    return obj_get


def test_nothing_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "obj_get", failing(errno.ENOENT))
    with pytest.raises(SchedulerUnavailable) as failure:
        pinned.register(REQUEST)
    assert str(failure.value) == (
        "no ocihook scheduler is loaded (start it with: ocihook scheduler start)"
    )


def test_nothing_is_pinned_and_something_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A start would only say what stands in its way: a bpffs over ours, or another scheduler."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/ops").write_text("ocihook_1.0\n")
    monkeypatch.setattr(pinned, "SCHED_EXT", str(tmp_path))
    monkeypatch.setattr(pinned, "obj_get", failing(errno.ENOENT))
    with pytest.raises(SchedulerUnavailable) as failure:
        pinned.register(REQUEST)
    assert str(failure.value) == (
        f"sched_ext runs ocihook_1.0, and nothing is pinned in {PIN_DIR} (see: ocihook doctor)"
    )


def test_one_pin_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pinned, "obj_get", failing(errno.ENOENT))
    with pytest.raises(SchedulerUnavailable) as failure:
        pinned.open_pin("cells", str(tmp_path))
    assert str(failure.value) == f"{tmp_path}: no cells (see: ocihook doctor)"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
@pytest.mark.parametrize(
    ("user", "hint"),
    [
        (1000, "run this command as root"),
        (0, "it takes CAP_BPF, which this root does not have: run it on the host"),
    ],
)
def test_pin_that_may_not_be_opened(
    monkeypatch: pytest.MonkeyPatch, number: int, user: int, hint: str
) -> None:
    monkeypatch.setattr(pinned, "obj_get", failing(number))
    monkeypatch.setattr(posix, "geteuid", lambda: user)
    with pytest.raises(SystemCallError) as failure:
        pinned.open_pin("cells", "/pins")
    why = os.strerror(number).lower()
    assert str(failure.value) == f"open of pin /pins/cells: {why} ({hint})"
    assert failure.value.exit_code == os.EX_NOPERM


@pytest.fixture
def map_value(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> dict[int, bytes]:
    """Elements of the map that is pinned; their size is that of struct cell_stats."""
    elements: dict[int, bytes] = {}

    def lookup(_fd: int, key: int, value: bytearray) -> None:
        assert len(value) == len(elements[key])
        value[:] = elements[key]

    monkeypatch.setattr(pinned_array, "map_sizes", lambda _fd: (4, CellStats.LAYOUT.size))
    monkeypatch.setattr(pinned_array, "map_lookup", lookup)
    return elements


def test_array_with_a_part_for_each_cpu(kernel: Kernel, map_value: dict[int, bytes]) -> None:
    map_value[7] = bytes(CellStats(wait_ns=1).pack() + CellStats(wait_ns=2, nr_runs=3).pack())
    array = PinnedArray("cell_stats", CellStats, copies=2, directory="/pins")
    assert [(part.wait_ns, part.nr_runs) for part in array.read(7)] == [(1, 0), (2, 3)]
    assert list(kernel.open.values()) == ["/pins/cell_stats"]
    array.close()
    assert all_closed(kernel)


@pytest.mark.parametrize(("entries", "copies"), [(4, 1), (12, 3)])
def test_array_with_elements_for_each_slot(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, entries: int, copies: int
) -> None:
    """Of four slots; the map itself says how many elements each has. Their values are numbers."""
    values = [bytes(CellStats(wait_ns=number).pack()) for number in range(entries)]

    def lookup(_fd: int, key: int, value: bytearray) -> None:
        value[:] = values[key]

    def lookup_many(_fd: int, first: int, count: int, found: bytearray) -> int:
        assert len(found) == count * CellStats.LAYOUT.size
        found[:] = b"".join(values[first : first + count])
        return len(values[first : first + count])

    monkeypatch.setattr(pinned_array, "map_sizes", lambda _fd: (4, CellStats.LAYOUT.size))
    monkeypatch.setattr(pinned_array, "map_max_entries", lambda _fd: entries)
    monkeypatch.setattr(pinned_array, "map_lookup", lookup)
    monkeypatch.setattr(pinned_array, "map_lookup_many", lookup_many)
    array = PinnedArray("cell_stats", CellStats, directory="/pins", slots=4)
    assert array.copies == copies
    numbers = list(range(3 * copies, 4 * copies))
    assert [part.wait_ns for part in array.read(3)] == numbers
    assert array.read_first(2) == b"".join(values[: 2 * copies])
    array.close()
    assert all_closed(kernel)


def test_array_of_another_build_is_not_read(kernel: Kernel, map_value: dict[int, bytes]) -> None:
    """bpf(2) takes no buffer length: reading a larger element would overwrite memory."""
    with pytest.raises(AbiMismatch) as failure:
        PinnedArray("cells", CellQuery)
    assert str(failure.value) == (
        "map cells has values of 64 bytes, not 24 (replace it by this version: ocihook scheduler"
        " reload)"
    )
    assert failure.value.exit_code == os.EX_PROTOCOL
    assert all_closed(kernel)


def test_pins_of_somebody_else_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bpffs that was mounted by hand, any user makes what we look for."""
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        return os.stat_result([*real(path)[:4], 12345, *real(path)[5:]])

    monkeypatch.setattr(pinned.os, "lstat", lstat)
    with pytest.raises(SchedulerUnavailable) as no:
        pinned.open_pin("cells", str(tmp_path / "v1"))
    assert str(no.value) == (
        f"{tmp_path}: belongs to user 12345, so nothing in it counts (see: ocihook doctor)"
    )
