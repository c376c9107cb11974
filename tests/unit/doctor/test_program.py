# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the hook program, what it starts with, and where it stands."""

import os
from pathlib import Path

import pytest
from fake_host import BPFFS, CGROUP2, LIBRARY, ROOT, FakeHost

from ocihook import __version__
from ocihook.install import hooks, launcher
from ocihook.paths import HOOK_PROGRAM

NOEXEC = "40 23 0:40 / /usr/libexec rw,noexec - ext4 /dev/vdb rw\n"
LOCAL = "/usr/local/libexec/ocihook-hook"


def test_healthy(fake: FakeHost) -> None:
    assert [(each.verdict, each.name) for each in fake.findings("program")] == [
        ("ok", "file"),
        ("ok", "interpreter"),
        ("ok", "package"),
        ("ok", "owners"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        LIBRARY,
        f"{LIBRARY}/ocihook/__init__.py",
        f"{LIBRARY}/ocihook/hook/__pycache__/ocihook-hook.cpython-399.pack",
        f"{LIBRARY}/_cffi_backend.so",
        "/usr/bin/python3",
        "/usr/bin",
        "/opt",
        str(Path(HOOK_PROGRAM).parent),
    ],
)
def test_others_may_write_what_it_starts(fake: FakeHost, path: str) -> None:
    here = fake.path(path)
    if not here.exists():
        fake.write(path, "")
    mode = here.stat().st_mode & 0o7777 | 0o002
    here.chmod(mode)
    ((verdict, name, evidence, _),) = fake.bad("program")
    assert (verdict, name) == ("warning", "owners")
    assert evidence.startswith(f"{path}: mode {mode:04o}, owner {os.geteuid()}:")
    assert evidence.endswith("others may write what root runs")


def test_program_is_missing(fake: FakeHost) -> None:
    """podman leaves such hooks out and says nothing."""
    fake.path(HOOK_PROGRAM).unlink()
    assert fake.bad("program") == [
        (
            "error",
            "file",
            f"{HOOK_PROGRAM}: no such file or directory; engines leave our hooks out in silence",
            "ocihook install, or take the files away, too: ocihook uninstall",
        )
    ]


def test_nothing_is_installed(fake: FakeHost) -> None:
    hooks.uninstall(fake.root)
    assert fake.findings("program") == []


def test_every_program_that_our_files_name_is_looked_at(fake: FakeHost) -> None:
    elsewhere = hooks.hook_file("poststop", Path(LOCAL))
    fake.write("/usr/share/containers/oci/hooks.d/ocihook-poststop.json", elsewhere)
    ((verdict, name, evidence, _),) = fake.bad("program")
    assert (verdict, name) == ("error", "file")
    assert evidence.startswith(f"{LOCAL}: no such file")


@pytest.mark.parametrize(
    ("mode", "verdict", "said"),
    [
        (0o644, "error", "mode 0644, not executable"),
        (0o775, "warning", "runtimes run as root what others may write"),
    ],
)
def test_mode(fake: FakeHost, mode: int, verdict: str, said: str) -> None:
    fake.path(HOOK_PROGRAM).chmod(mode)
    ((seen, name, evidence, _),) = fake.bad("program")
    assert (seen, name) == (verdict, "file")
    assert said in evidence


def test_owner(fake: FakeHost) -> None:
    fake.become(administrator=os.geteuid() + 1)
    ((verdict, name, _, mend),) = fake.bad("program")
    assert (verdict, name) == ("warning", "file")
    assert mend.startswith(f"chown {os.geteuid() + 1} {HOOK_PROGRAM}")


def test_noexec(fake: FakeHost) -> None:
    """The deepest mount above the program counts, and of two at one place the later."""
    fake.mounts(ROOT, CGROUP2, BPFFS, NOEXEC)
    ((verdict, name, evidence, mend),) = fake.bad("program")
    assert (verdict, name) == ("error", "noexec")
    assert "/usr/libexec is mounted noexec" in evidence
    assert mend.startswith("mount -o remount,exec /usr/libexec")
    fake.mounts(ROOT.replace("rw,relatime", "rw,noexec"), NOEXEC.replace(",noexec", ""))
    assert fake.bad("program") == []
    fake.mounts(ROOT, NOEXEC, NOEXEC.replace(",noexec", ""))
    assert fake.bad("program") == []
    fake.path("/proc/self/mountinfo").unlink()
    assert fake.bad("program") == []


def test_interpreter_is_missing(fake: FakeHost) -> None:
    fake.path("/usr/bin/python3").unlink()
    ((verdict, name, evidence, mend),) = fake.bad("program")
    assert (verdict, name, mend) == ("error", "interpreter", "ocihook install")
    assert "/usr/bin/python3, which is not there: containers with our hooks fail" in evidence


def test_package_is_gone(fake: FakeHost) -> None:
    fake.path(f"{LIBRARY}/ocihook/__init__.py").unlink()
    ((verdict, name, evidence, _),) = fake.bad("program")
    assert (verdict, name) == ("error", "package")
    assert f"no package ocihook in {LIBRARY}, so the hook does nothing" in evidence


def test_package_of_another_version(fake: FakeHost) -> None:
    fake.write(f"{LIBRARY}/ocihook/__init__.py", '__version__ = "0.0.7"\n')
    ((verdict, name, evidence, _),) = fake.bad("program")
    assert (verdict, name) == ("warning", "package")
    assert f"starts ocihook 0.0.7, this command is {__version__}" in evidence


def test_version_is_what_is_assigned(fake: FakeHost) -> None:
    """Not a line of the docstring that looks like it."""
    text = f'"""Doc.\n\n__version__ = "0.0.1"\n"""\n\n__version__ = "{__version__}"\n'
    fake.write(f"{LIBRARY}/ocihook/__init__.py", text)
    assert fake.bad("program") == []
    fake.write(f"{LIBRARY}/ocihook/__init__.py", "__version__ = (\n")
    assert "starts ocihook unknown" in fake.bad("program")[0][2]
    fake.write(f"{LIBRARY}/ocihook/__init__.py", "x = " + "-" * 100_000 + "1\n")
    assert "starts ocihook unknown" in fake.bad("program")[0][2]


@pytest.mark.parametrize("char", ["\u2003", "\x0b", "\r", "\x85"], ids=ascii)
def test_interpreter_may_have_anything_in_its_name(fake: FakeHost, char: str) -> None:
    """The kernel ends it at a blank or a tab alone (fs/binfmt_script.c)."""
    interpreter = f"/opt/a{char}b/python3"
    fake.program(interpreter, "Python 3.13.5")
    text = launcher.text(fake.path("/usr/bin/python3"), (Path(LIBRARY),)).decode()
    first, rest = text.split("\n", 1)
    fake.write(HOOK_PROGRAM, f"#!{interpreter} -IS\n{rest}")
    assert first.startswith("#!")
    assert fake.bad("program") == []


@pytest.mark.parametrize("line", ["sys.path += [x]", "sys.path += [", "sys.path += [1]", ""])
def test_launcher_was_edited(fake: FakeHost, line: str) -> None:
    text = "".join(f"{each}\n" for each in ["#!", launcher.MARKER.decode(), line])
    fake.write(HOOK_PROGRAM, text)
    bad = fake.bad("program")
    assert [each[1] for each in bad] == ["interpreter", "package"]
    assert "no package ocihook in any directory" in bad[1][2]


def test_program_of_somebody_else(fake: FakeHost) -> None:
    fake.write(HOOK_PROGRAM, b"\x7fELF")
    ((verdict, name, evidence, _),) = fake.bad("program")
    assert (verdict, name) == ("note", "launcher")
    assert evidence.endswith("not written by `ocihook install`")


def test_selinux(fake: FakeHost) -> None:
    """Without a label, as on a file system that has none, an enforcing host says what to do."""
    fake.write("/sys/fs/selinux/enforce", "0")
    assert fake.bad("program") == []
    fake.write("/sys/fs/selinux/enforce", "1")
    ((verdict, name, evidence, mend),) = fake.bad("program")
    assert (verdict, name) == ("note", "selinux")
    assert "no label" in evidence
    assert mend.startswith(f"restorecon -v {HOOK_PROGRAM}")


@pytest.mark.parametrize(
    ("kind", "verdict"), [("bin_t", "ok"), ("container_runtime_exec_t", "note"), ("home_t", "note")]
)
def test_selinux_label(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, kind: str, verdict: str
) -> None:
    """Of a file system that has labels; only root may write one, so none is written."""
    label = f"system_u:object_r:{kind}:s0"
    fake.write("/sys/fs/selinux/enforce", "1")
    monkeypatch.setattr(os, "getxattr", lambda _path, _name: f"{label}\0".encode())
    (found,) = [each for each in fake.findings("program") if each.name == "selinux"]
    assert found.verdict == verdict
    assert f"{HOOK_PROGRAM} is {label}" in found.evidence
    assert bool(found.mend) == (verdict == "note")
