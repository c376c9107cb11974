# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the unit that starts the scheduler after a boot."""

from pathlib import Path

import pytest
from fake_host import COMMAND, UNIT_FILE, FakeHost

from ocihook.install import service

WANTED_BY = str(service.WANTED_BY)
DROP_IN = "/etc/systemd/system/ocihook.service.d/override.conf"


def test_enabled(fake: FakeHost) -> None:
    (found,) = fake.findings("service")
    assert (found.verdict, found.evidence) == ("ok", f"{UNIT_FILE}: enabled")


def test_not_enabled(fake: FakeHost) -> None:
    fake.path(WANTED_BY).unlink()
    ((verdict, name, evidence, mend),) = fake.bad("service")
    assert (verdict, name, mend) == ("warning", "unit", "systemctl enable ocihook.service")
    assert evidence.startswith(f"{UNIT_FILE}: not enabled; after a boot no container has a cell")
    assert fake.documents()["exit_code"] == 65


@pytest.mark.parametrize("directory", ["podman.service.requires", "graphical.target.wants"])
def test_enabled_by_another_unit(fake: FakeHost, directory: str) -> None:
    fake.path(WANTED_BY).unlink()
    fake.link(f"/etc/systemd/system/{directory}/ocihook.service", UNIT_FILE)
    assert fake.bad("service") == []


def test_command_that_is_gone(fake: FakeHost) -> None:
    """A virtual environment that was removed; the link stays."""
    fake.path(COMMAND).unlink()
    ((verdict, _, evidence, mend),) = fake.bad("service")
    assert verdict == "warning"
    assert evidence.startswith(f"{UNIT_FILE}: starts {COMMAND}, which is no program")
    assert mend.startswith("ocihook install")


def test_command_that_may_not_be_run(fake: FakeHost) -> None:
    fake.path(COMMAND).chmod(0o644)
    ((_, _, evidence, _),) = fake.bad("service")
    assert f"starts {COMMAND}, which is no program" in evidence


@pytest.mark.parametrize(
    ("path", "there"),
    [("/opt/my apps/50%/ocihook", True), ("/opt/my apps/50%/ocihook", False), ("/o\\p;t/o", True)],
)
def test_command_is_read_as_it_was_written(fake: FakeHost, path: str, there: bool) -> None:
    fake.write(UNIT_FILE, service.unit(Path(path)))
    if there:
        fake.program(path, "ocihook 1")
    assert [path in evidence for _, _, evidence, _ in fake.bad("service")] == [True] * (not there)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[Service]\nExecStart=\nExecStart=-/opt/x scheduler start\n", "/opt/x"),
        ("[Service]\nExecStart=/opt/x\n", None),  # a second one, after ours
        ("[Service]\nExecStart=\nExecStart=/%H/x\n", None),
        ("[Service]\nExecStart=\nExecStart=ocihook scheduler start\n", None),
        ('[Service]\nExecStart=\nExecStart="/opt/x\n', None),
        ("[Service]\nX=a\u2028ExecStart=\nX=a\x0bExecStart=/opt/x\n", None),
        ("[Service]\rExecStart=\rExecStart=/opt/x\r", "/opt/x"),
        ("[Service]\nExecStart=\nExecStart=/opt/\u00a0\n", "/opt/\u00a0"),
    ],
)
def test_what_systemctl_edit_has_written_counts(
    fake: FakeHost, text: str, named: str | None
) -> None:
    fake.write(DROP_IN, text)
    found = [evidence for _, _, evidence, _ in fake.bad("service")]
    assert [f"starts {named}," in evidence for evidence in found] == [True] * (named is not None)


def test_a_unit_of_the_administrators_goes_first(fake: FakeHost) -> None:
    fake.write("/etc/systemd/system/ocihook.service", service.unit(Path("/gone/ocihook")))
    ((_, _, evidence, _),) = fake.bad("service")
    assert evidence.startswith("/etc/systemd/system/ocihook.service: starts /gone/ocihook,")


def test_masked(fake: FakeHost) -> None:
    fake.link("/etc/systemd/system/ocihook.service", "/dev/null")
    ((verdict, _, evidence, _),) = fake.bad("service")
    assert (verdict, evidence.split(",")[0]) == (
        "note",
        "/etc/systemd/system/ocihook.service: masked",
    )


def test_not_installed(fake: FakeHost) -> None:
    fake.path(UNIT_FILE).unlink()
    ((verdict, _, evidence, mend),) = fake.bad("service")
    assert verdict == "note"
    assert evidence.startswith("no ocihook.service: after a boot")
    assert mend == "ocihook install, then: systemctl enable ocihook.service"


def test_without_systemd(fake: FakeHost) -> None:
    fake.path(str(service.RUNNING)).rmdir()
    ((verdict, _, evidence, mend),) = fake.bad("service")
    assert (verdict, mend) == ("note", "")
    assert evidence.startswith("/run/systemd/system: not there")


@pytest.mark.parametrize("path", [COMMAND, str(Path(COMMAND).parent)])
def test_others_may_write_its_command(fake: FakeHost, path: str) -> None:
    fake.path(path).chmod(0o777)
    ((verdict, name, evidence, _),) = fake.bad("service")
    assert (verdict, name) == ("warning", "unit")
    assert evidence.startswith(f"{UNIT_FILE}: {path}: mode 0777, owner ")
