# SPDX-License-Identifier: Apache-2.0
"""The modules of the hook's path in one file: used while it is in step, and never missed."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hook_modules import OF_BPF, OF_OURS

import ocihook
from ocihook.errors import InstallError
from ocihook.install import launcher, pack

OF_C = {"ocihook._bpf._syscalls", "_cffi_backend"}
LINE = "ocihook: createRuntime: state: empty\n"
OTHER = "ocihook: createRuntime: STATE: empty\n"


class Installed:
    """A copy of the package with its pack, and a launcher for it."""

    def __init__(self, directory: Path) -> None:
        self.package = directory / "site/ocihook"
        source = Path(ocihook.__file__).parent
        shutil.copytree(source, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        pack.write(self.package.parent)
        self.pack = pack.path(self.package.parent)
        self.program = directory / "ocihook-hook"
        others = launcher.module_directories()
        self.program.write_bytes(launcher.text(directories=(self.package.parent, *others)))
        self.program.chmod(0o755)

    def change_source(self, *, time: bool) -> None:
        """Change what the program says, and the time of the file's change or not."""
        path = self.package / "hook/state.py"
        before = path.stat()
        path.write_text(path.read_text().replace('"state", StateError', '"STATE", StateError'))
        after_ns = before.st_mtime_ns + 10**9 if time else before.st_mtime_ns
        os.utime(path, ns=(before.st_atime_ns, after_ns))

    def run(self) -> str:
        done = subprocess.run(
            [self.program, "createRuntime"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert done.stdout == ""
        return done.stderr


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_it_has_what_a_good_run_imports() -> None:
    assert set(pack.MODULES) == (OF_OURS | OF_BPF) - OF_C
    assert len(pack.content(Path(ocihook.__file__).parents[1])) < pack.MAX_BYTES


def test_it_is_used_and_its_sources_are_not_read(installed: Installed) -> None:
    installed.change_source(time=False)
    assert installed.run() == LINE


def test_a_source_that_has_changed_counts(installed: Installed) -> None:
    installed.change_source(time=True)
    assert installed.run() == OTHER


def test_a_source_of_another_size_counts(installed: Installed) -> None:
    path = installed.package / "hook/fields.py"
    status = path.stat()
    path.write_text(path.read_text() + "\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    installed.change_source(time=False)
    assert installed.run() == OTHER


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\0\0\0\0garbage", pack.MAGIC_NUMBER, pack.MAGIC_NUMBER + b"garbage"],
    ids=["missing", "empty", "of another Python", "cut", "broken"],
)
def test_without_it_all_is_imported(installed: Installed, content: bytes | None) -> None:
    if content is None:
        installed.pack.unlink()
    else:
        installed.pack.write_bytes(content)
    installed.change_source(time=False)
    assert installed.run() == OTHER


def test_a_source_that_is_gone_is_told(installed: Installed) -> None:
    (installed.package / "hook/fields.py").unlink()
    assert installed.run().startswith("ocihook: cannot be imported: ModuleNotFoundError(")


def test_its_order_is_that_of_imports(installed: Installed) -> None:
    """Each module comes after what it imports: none is looked for on the way."""
    code = (
        "import marshal, sys\n"
        f"data = open({str(installed.pack)!r}, 'rb').read()\n"
        f"sys.path += {list(map(str, launcher.module_directories()[1:]))!r}\n"
        "before = set(sys.modules)\n"
        "code, packed = marshal.loads(data[4:])\n"
        "exec(code, unpack := {})\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.startswith('ocihook') and '_syscalls' not in name: print(name)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "assert unpack['load'](packed)\n"
    )
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", code],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout == ""


def test_it_cannot_be_written(installed: Installed) -> None:
    installed.pack.unlink()
    installed.pack.mkdir()
    (installed.pack / "file").touch()
    with pytest.raises(InstallError, match=r"\.pack: is no plain file"):
        pack.write(installed.package.parent)
    assert list(installed.pack.parent.iterdir()) == [installed.pack]


def test_its_directory_cannot_be_made(installed: Installed) -> None:
    shutil.rmtree(installed.pack.parent)
    installed.pack.parent.touch()
    with pytest.raises(InstallError, match=r"\.pack: cannot be written: .+ \(run as the owner"):
        pack.write(installed.package.parent)


@pytest.mark.parametrize("umask", [0, 0o002, 0o077])
def test_only_its_owner_may_write_it(installed: Installed, umask: int) -> None:
    """Its code runs as root, and what it says of its sources is as easily forged."""
    shutil.rmtree(installed.pack.parent)
    before = os.umask(umask)
    try:
        pack.write(installed.package.parent)
    finally:
        os.umask(before)
    assert installed.pack.stat().st_mode & 0o7777 == 0o644
    assert installed.pack.parent.stat().st_mode & 0o7777 == 0o755


def test_no_link_in_place_of_a_half_written_one_is_followed(
    installed: Installed, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    half = f"{installed.pack.name}.{os.getpid()}"
    for name in (half, f".{half}.tmp"):
        (installed.pack.parent / name).symlink_to(target)
    with suppress(InstallError):  # what is there is in the way
        pack.write(installed.package.parent)
    assert not target.exists()
