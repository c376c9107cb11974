# SPDX-License-Identifier: Apache-2.0
"""What others may write of a path and of all that leads there; below a root as on a host."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ocihook.errors import InstallError
from ocihook.install import host, launcher, service, trust
from ocihook.install.layout import layout

FILE = Path("/opt/a/lib/file")
OWNER = os.geteuid()
WRITABLE = "others may write what root runs"
STRANGER = 12345


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one file, whose directories are its owner's."""
    made = tmp_path / "root"
    for each in ("opt", "opt/a", "opt/a/lib", "opt/b"):
        (made / each).mkdir(parents=True, exist_ok=True)
        (made / each).chmod(0o755)
    (made / "opt/a/lib/file").touch()
    (made / "opt/a/lib/file").chmod(0o644)
    return made


def way(root: Path, path: Path = FILE, owner: int = OWNER) -> list[str]:
    return list(trust.on_the_way(path, owner, root))


def test_what_is_its_owners_alone(root: Path) -> None:
    assert way(root) == []


@pytest.mark.parametrize("mode", [0o757, 0o777, 0o666 | 0o111])
@pytest.mark.parametrize("name", ["opt", "opt/a", "opt/a/lib", "opt/a/lib/file"])
def test_others_may_write_one_of_them(root: Path, name: str, mode: int) -> None:
    (root / name).chmod(mode)
    (line,) = way(root)
    assert line.startswith(f"/{name}: mode {mode:04o}, owner {OWNER}:")
    assert line.endswith(WRITABLE)


def test_a_group_may_write_one_of_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not root's, nor the user's own where it is theirs."""
    (root / "opt/a").chmod(0o775)
    assert way(root) == []
    real = os.lstat

    def lstat(path: Path) -> os.stat_result:
        return os.stat_result([*real(path)[:5], STRANGER, *real(path)[6:]])

    monkeypatch.setattr(Path, "lstat", lstat)
    (line,) = way(root)
    assert line == f"/opt/a: mode 0775, owner {OWNER}:{STRANGER}: {WRITABLE}"


def test_a_sticky_directory_above_is_no_way_in(root: Path) -> None:
    """Like /tmp: others can rename nothing there that is not theirs. They can add what is found."""
    (root / "opt/a").chmod(0o1777)
    assert way(root) == []
    assert len(way(root, Path("/opt/a"))) == 1


def test_an_owner_who_is_not_root(root: Path) -> None:
    if OWNER == 0:
        for each in (root / "opt/a", root / "opt/a/lib/file"):
            os.chown(each, STRANGER, 0)
        assert [line.split(":")[0] for line in way(root)] == ["/opt/a", "/opt/a/lib/file"]
        assert way(root, owner=STRANGER) == [], "who installs what is theirs"
    else:
        assert len(way(root, owner=OWNER + 1)) == 4


@pytest.mark.parametrize("target", ["../b/file", "/opt/b/file", "../../opt/b/file"])
def test_links_lead_on_below_the_root(root: Path, target: str) -> None:
    (root / "opt/b/file").touch()
    (root / "opt/b/file").chmod(0o644)
    (root / "opt/a/link").symlink_to(target)
    assert way(root, Path("/opt/a/link")) == []
    (root / "opt/b").chmod(0o777)
    (line,) = way(root, Path("/opt/a/link"))
    assert line.startswith("/opt/b: ")


def test_links_that_lead_nowhere(root: Path) -> None:
    (root / "opt/loop").symlink_to("loop")
    (root / "opt/gone").symlink_to("/nowhere/at/all")
    assert way(root, Path("/opt/loop/file")) == []
    assert way(root, Path("/opt/gone/file")) == []
    assert way(root, Path("/not/there")) == []


def test_all_that_is_below(root: Path) -> None:
    (root / "opt/a/lib/file").chmod(0o666)
    (root / "opt/b").chmod(0o777)
    found = sorted(line.split(":")[0] for line in trust.below(Path("/opt"), OWNER, root))
    assert found == ["/opt/a/lib/file", "/opt/b"]
    assert list(trust.below(Path("/opt/c"), OWNER, root)) == []


def open_up(path: Path, root: Path) -> None:
    here = root / path.relative_to("/")
    here.parent.mkdir(parents=True, exist_ok=True)
    here.touch()
    here.chmod(0o666)


PACKAGE = launcher.module_directories()[0] / "ocihook"
RUN_BY_ROOT: dict[str, Callable[[], Path]] = {
    "module": lambda: PACKAGE / "hook/main.py",
    "compiled": lambda: PACKAGE / "hook/__pycache__/main.cpython-399.pyc",
    "pack": lambda: PACKAGE / "hook/__pycache__/ocihook-hook.cpython-399.pack",
    "object": lambda: PACKAGE / "_bpf/ocihook.bpf.o",
    "backend": lambda: launcher.module_directories()[-1] / "_cffi_backend.cpython-399.so",
    "its library": lambda: launcher.module_directories()[-1] / "cffi.libs/libffi.so",
    "interpreter": launcher.find_interpreter,
    "command": service.find_command,
    "program": lambda: layout().program,
}


@pytest.mark.parametrize("what", RUN_BY_ROOT)
def test_each_part_of_what_root_runs_counts(tmp_path: Path, what: str) -> None:
    path = RUN_BY_ROOT[what]()
    open_up(path, tmp_path)
    if path == service.find_command():  # the interpreter's own directory may be the same
        path = path.resolve()
    found = trust.faults(layout(), tmp_path)
    assert [line for line in found if line.startswith(f"{path}: mode 0666")], found


@pytest.mark.parametrize("dry_run", [False, True])
def test_install_refuses_and_changes_nothing(tmp_path: Path, dry_run: bool) -> None:
    open_up(PACKAGE / "hook/main.py", tmp_path)
    open_up(PACKAGE / "hook/state.py", tmp_path)
    with pytest.raises(InstallError, match=rf"/hook/.*: {WRITABLE}, and 1 more \(give it to root"):
        host.install(layout(), [], root=tmp_path, dry_run=dry_run)
    shutil.rmtree(tmp_path / PACKAGE.parts[1])
    assert not any(tmp_path.iterdir())


def test_install_goes_on_by_force(tmp_path: Path) -> None:
    open_up(PACKAGE / "hook/main.py", tmp_path)
    host.install(layout(), [], root=tmp_path, force=True)
    assert (tmp_path / "usr/libexec/oci/hooks.d/ocihook-hook").exists()
