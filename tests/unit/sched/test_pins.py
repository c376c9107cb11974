# SPDX-License-Identifier: Apache-2.0
"""Why pins are not in sight, with the whole message; on directories and mount tables of our own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_host import BPFFS, CGROUP2, ROOT

from ocihook.errors import AbiMismatch, OcihookError, SchedulerUnavailable
from ocihook.paths import PIN_ROOT
from ocihook.sched import pins, probe

OVER = BPFFS.replace("34 23 0:30", "77 34 0:66")
SYS = "78 23 0:67 / /sys rw - sysfs sysfs rw\n"

Look = Callable[..., OcihookError | None]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Have a scheduler run, directories pinned and mounts; return what is raised."""
    root = tmp_path / "ocihook"
    table = tmp_path / "mountinfo"
    read = pins.mountinfo.read
    monkeypatch.setattr(pins.mountinfo, "read", lambda *_: read(table))

    def asked(
        ops: str | None,
        *pinned: str,
        mounts: tuple[str, ...] = (ROOT, CGROUP2, BPFFS),
        require: Callable[..., None] = pins.require_own,
    ) -> OcihookError | None:
        monkeypatch.setattr(probe, "running_ops", lambda: ops)
        for name in pinned:
            (root / name).mkdir(parents=True)
        table.write_text("".join(mounts))
        try:
            require(str(root), str(root / "v2"))
        except OcihookError as error:
            return error
        return None

    return asked


@pytest.mark.parametrize(
    ("ops", "pinned"),
    [
        ("ocihook_1.0", ["v1", "v2"]),
        ("lavd", ["v1"]),
        ("lavd", []),
        (None, ["v1"]),
        (None, []),
    ],
)
def test_nothing_to_explain(look: Look, ops: str | None, pinned: list[str]) -> None:
    """Pins that are left over beside those of this version, or that nothing runs of, are none."""
    assert look(ops, *pinned) is None
    assert look(ops, mounts=(ROOT, CGROUP2, BPFFS, OVER)) is None


def test_ours_of_another_abi(look: Look, tmp_path: Path) -> None:
    error = look("ocihook_1.0", "v1")
    assert isinstance(error, AbiMismatch)
    assert str(error) == (
        f"an ocihook scheduler of another version runs, pinned in {tmp_path}/ocihook/v1 (stop it"
        " with that version, or remove the directory; then: ocihook scheduler start)"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((BPFFS, OVER),
         "another bpffs at /sys/fs/bpf covers the bpffs with its pins (umount /sys/fs/bpf)"),
        ((BPFFS, OVER.replace("- bpf bpf", "- tmpfs x")),
         "tmpfs at /sys/fs/bpf covers the bpffs with its pins (umount /sys/fs/bpf)"),
        ((BPFFS, SYS), "sysfs at /sys covers the bpffs with its pins (umount /sys)"),
        ((), "the bpffs with its pins is not mounted here (run this command on the host, not in a"
             " container)"),
        ((BPFFS, OVER.replace("/sys/fs/bpf ", f"{PIN_ROOT} ").replace("- bpf bpf", "- tmpfs x")),
         f"tmpfs at {PIN_ROOT} covers its pins (umount {PIN_ROOT})"),
        ((BPFFS,), "nothing of it is pinned in {root} (run this command where it was started, or"
                   " end what holds its link: bpftool link)"),
    ],
    ids=["second bpffs", "tmpfs", "second sysfs", "no bpffs", "tmpfs below", "nothing pinned"],
)  # fmt: skip
def test_pins_out_of_sight(look: Look, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    error = look("ocihook_1.0", mounts=(ROOT, CGROUP2, *more))
    assert isinstance(error, SchedulerUnavailable)
    said = said.replace("{root}", f"{tmp_path}/ocihook")
    assert str(error) == f"an ocihook scheduler runs, and {said}"


def test_without_sysfs_none_can_be_said_not_to_run(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = probe.require_sysfs
    monkeypatch.setattr(probe, "require_sysfs", lambda: ask(f"{tmp_path}/kernel/sched_ext"))
    error = look(None)
    assert isinstance(error, SchedulerUnavailable)
    assert str(error).startswith(f"{tmp_path}/kernel is not there: no sysfs is mounted")
    assert look("lavd") is None


def test_a_start_that_was_killed(look: Look) -> None:
    error = look("ocihook_1.0", "new")
    assert str(error) == (
        "an ocihook scheduler runs, and its start has not ended, or was killed"
        " (ocihook scheduler start waits for it, or does it anew)"
    )


def test_a_start_waits_for_one_that_is_going(look: Look) -> None:
    """What runs without pins may be on its way out; only what is out of sight is refused."""
    assert look("ocihook_1.0", require=pins.require_in_sight) is None
    assert look("ocihook_1.0", mounts=(ROOT, BPFFS, OVER), require=pins.require_in_sight)


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "ocihook"
    for umask in (0, 0o077):
        before = os.umask(umask)
        try:
            os.close(pins.open_private(str(root)))
        finally:
            os.umask(before)
        assert root.stat().st_mode & 0o7777 == 0o700
        root.rmdir()


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o770, 0o1777])
def test_one_that_others_may_enter_is_not_used(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(SchedulerUnavailable) as no:
        pins.open_private(str(tmp_path))
    assert str(no.value) == (
        f"{tmp_path}: mode {mode:04o}, so others may change cells (chmod 0700 {tmp_path})"
    )


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_stands_in_its_place_is_not_used(tmp_path: Path, kind: str) -> None:
    """Below a link, pins that are cleared away would be somebody's files."""
    root = tmp_path / "ocihook"
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    if kind == "file":
        root.touch()
    else:
        root.symlink_to("elsewhere" if kind == "link" else "nowhere")
    with pytest.raises(SchedulerUnavailable, match=rf"^{root}: is no directory") as no:
        pins.open_private(str(root))
    assert no.value.hint == "see what it is, remove it, and: chmod 0700 /sys/fs/bpf"


def test_one_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    real = os.fstat

    def fstat(fd: int) -> os.stat_result:
        return os.stat_result([*real(fd)[:4], 12345, *real(fd)[5:]])

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(SchedulerUnavailable, match=rf"^{tmp_path}: belongs to user 12345 \(see"):
        pins.open_private(str(tmp_path))
