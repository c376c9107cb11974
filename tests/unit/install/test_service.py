# SPDX-License-Identifier: Apache-2.0
"""systemd's files, read by systemd's own programs where they are there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from ocihook import cli
from ocihook.errors import InstallError
from ocihook.install import service
from ocihook.manual.commands import subcommands
from ocihook.paths import RUN_DIR


def lines(text: bytes, key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", text.decode())


def test_the_scheduler_starts_before_the_engines() -> None:
    (before,) = lines(service.unit(Path("/bin/ocihook")), "Before")
    engines = {"podman.service", "crio.service", "containerd.service", "docker.service"}
    assert engines <= set(before.split())
    assert lines(service.unit(Path("/bin/ocihook")), "RemainAfterExit") == ["yes"]


def test_it_is_confined() -> None:
    """As far as what loads BPF, marks cgroups and pins can be: not /sys, where both are."""
    text = service.unit(Path("/bin/ocihook"))
    for key, value in (
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("PrivateNetwork", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RuntimeDirectory", RUN_DIR.removeprefix("/run/")),
        ("RuntimeDirectoryPreserve", "yes"),
    ):
        assert lines(text, key) == [value], key
    (capabilities,) = lines(text, "CapabilityBoundingSet")
    assert not {"CAP_NET_ADMIN", "CAP_SYS_MODULE", "CAP_SETUID"} & set(capabilities.split())
    # These would make bpffs and cgroups read-only.
    assert lines(text, "ProtectKernelTunables") == lines(text, "ProtectControlGroups") == []


@pytest.mark.parametrize("key", ["ExecStart", "ExecReload", "ExecStop"])
def test_its_commands_are_there(key: str) -> None:
    (line,) = lines(service.unit(Path("/bin/ocihook")), key)
    program, group, name = shlex.split(line)
    assert program == "/bin/ocihook"
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    (found,) = [each for each in subcommands(root) if each.name == group]
    assert name in [each.name for each in subcommands(found)]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/opt/ocihook/bin/ocihook", "/opt/ocihook/bin/ocihook"),
        ("/opt/my apps/ocihook", '"/opt/my apps/ocihook"'),
        ("/opt/50%/ocihook", "/opt/50%%/ocihook"),
        ("/opt/a;b/ocihook", '"/opt/a;b/ocihook"'),
        ('/opt/a"b c/ocihook', '"/opt/a\\"b c/ocihook"'),
    ],
)
def test_the_path_is_written_as_systemd_reads_it(path: str, word: str) -> None:
    assert lines(service.unit(Path(path)), "ExecStart") == [f"{word} scheduler start"]


def test_a_path_that_no_unit_can_name_is_refused() -> None:
    with pytest.raises(InstallError, match="no unit can name it"):
        service.unit(Path("/opt/a\nExecStart=/bin/b"))


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """With a program that is there: the path of one that is not is what it would complain of."""
    path = tmp_path / service.UNIT
    path.write_bytes(service.unit(Path("/bin/true")))
    command = ["systemd-analyze", "verify", "--man=no", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("needs systemd's own programs")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_tmpfiles_makes_the_directory(tmp_path: Path) -> None:
    path = tmp_path / service.TMPFILES
    path.write_bytes(service.tmpfiles())
    command = ["systemd-tmpfiles", f"--root={tmp_path}", "--create", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("needs systemd's own programs")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / RUN_DIR.lstrip("/")).stat().st_mode & 0o7777 == 0o755


def test_the_program_that_runs_is_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = tmp_path / "ocihook"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(command)])
    assert service.find_command() == command
    link = tmp_path / "bin" / "ocihook"
    link.parent.mkdir()
    link.symlink_to(command)
    monkeypatch.setattr(sys, "argv", [str(link)])
    assert service.find_command() == link, "whoever made the link may let it lead elsewhere"


def test_another_program_takes_the_one_of_its_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/env"])
    assert service.find_command().name == "ocihook"
    monkeypatch.setattr(service.sysconfig, "get_path", lambda _name: "/nowhere")
    with pytest.raises(InstallError, match=r"/nowhere/ocihook: no such program \(install"):
        service.find_command()
