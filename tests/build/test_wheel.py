# SPDX-License-Identifier: Apache-2.0
"""The wheel: what is in it, what it needs of the machine, and that it works installed."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import ocihook
from ocihook import schema

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "build", "tests", "*.egg-info", "__pycache__", "*.so", "*.bpf.o"
)
BPF = Path("ocihook", "_bpf")
TEXTS = {".py", ".pyi", ".json", ".txt", ".typed", ""}
"""Suffixes of text files; those without one are METADATA, RECORD, WHEEL and licences."""


class Wheel(NamedTuple):
    path: Path
    source: Path
    """The directory it was built in."""
    static: bool
    """Whether libbpf is inside."""
    content: Path
    """Where it is unpacked."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """The wheel that ./dev test built, else one built from a copy of the sources."""
    work = tmp_path_factory.mktemp("wheel")
    prefix = os.environ.get("OCIHOOK_LIBBPF_PREFIX") or str(ROOT / "build" / "libbpf")
    static = Path(prefix, "lib", "libbpf.a").exists()
    given = os.environ.get("OCIHOOK_WHEEL")
    if given:
        path, source = Path(given), ROOT
    else:
        source = work / "source"
        shutil.copytree(ROOT, source, symlinks=True, ignore=NOT_SOURCE)
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        environment = os.environ | ({"OCIHOOK_LIBBPF_PREFIX": prefix} if static else {})
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", work, source],
            check=True,
            timeout=250,
            env=environment,
        )
        (path,) = work.glob("*.whl")
    content = work / "content"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(content)
    return Wheel(path, source, static, content)


def needed(library: Path) -> set[str]:
    """Return the shared libraries that `library` asks for."""
    done = subprocess.run(
        ["readelf", "--wide", "--dynamic", library],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(re.findall(r"\(NEEDED\) +Shared library: \[(.+)\]", done.stdout))


def test_content(wheel: Wheel) -> None:
    files = {
        str(path.relative_to(wheel.content)) for path in wheel.content.rglob("*") if path.is_file()
    }
    hooks = {f"ocihook/hooks.d/ocihook-{stage}.json"
             for stage in ("createRuntime", "poststart", "poststop")}  # fmt: skip
    schemas = {f"ocihook/schemas/{name}.schema.json" for name in schema.NAMES}
    parts = {"ocihook.bpf.o", "_libbpf.abi3.so", "_syscalls.abi3.so"}
    others = {"ocihook/py.typed", "ocihook/timeline/page.html"}
    expected = hooks | schemas | others | {str(BPF / part) for part in parts}
    assert expected <= files
    data = {
        name for name in files if not name.endswith((".py", ".pyi")) and "dist-info" not in name
    }
    assert data == expected
    assert {name.split("/")[0] for name in files} == {
        "ocihook",
        f"ocihook-{ocihook.__version__}.dist-info",
    }
    assert {Path(name).name for name in files if "/licenses/" in name} == {
        "Apache-2.0.txt",
        "GPL-2.0-only.txt",
    }


def test_tag(wheel: Wheel) -> None:
    """One wheel for every CPython from 3.11 on."""
    tag = r"cp311-abi3-(linux|manylinux\w+)_x86_64"
    assert re.fullmatch(rf"ocihook-{re.escape(ocihook.__version__)}-{tag}\.whl", wheel.path.name)
    (written,) = wheel.content.glob("*.dist-info/WHEEL")
    lines = written.read_text().splitlines()
    assert "Root-Is-Purelib: false" in lines
    assert [line for line in lines if re.fullmatch(f"Tag: {tag}", line)]


def test_no_text_names_the_directory_of_the_build(wheel: Wheel) -> None:
    texts = [path for path in wheel.content.rglob("*") if path.is_file() and path.suffix in TEXTS]
    assert len(texts) > 40
    named = re.compile(rf"(?<![\w.-]){re.escape(str(wheel.source))}/")
    assert [path for path in texts if named.search(path.read_text())] == []


def test_loader_needs_no_libbpf_of_the_machine(wheel: Wheel) -> None:
    libraries = needed(wheel.content / BPF / "_libbpf.abi3.so")
    libbpf = {name for name in libraries if name.startswith("libbpf.so")}
    # Without OCIHOOK_LIBBPF_PREFIX the machine's libbpf is what was asked for.
    assert bool(libbpf) is not wheel.static
    assert libraries - libbpf == {"libelf.so.1", "libz.so.1", "libc.so.6"}


def test_hook_needs_nothing_but_libc(wheel: Wheel) -> None:
    assert needed(wheel.content / BPF / "_syscalls.abi3.so") == {"libc.so.6"}


def test_abi_is_in_step_with_the_object(wheel: Wheel, gen_abi: ModuleType) -> None:
    image = (wheel.content / BPF / "ocihook.bpf.o").read_bytes()
    assert (wheel.content / "ocihook" / "abi.py").read_text() == gen_abi.generate(image)


@pytest.fixture(scope="module")
def installed(wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed away from this clone; its dependencies are those of this Python."""
    site = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--root-user-action=ignore"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", site, wheel.path],
        check=True,
        timeout=120,
    )
    return site


def run(site: Path, *command: str | Path) -> str:
    done = subprocess.run(
        command,
        cwd=site,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_installed_command(installed: Path) -> None:
    assert run(installed, installed / "bin" / "ocihook", "--version") == (
        f"ocihook {ocihook.__version__}\n"
    )


def test_installed_package(installed: Path) -> None:
    """Both extensions load, and the package data is found: in the wheel's copy, not the clone's."""
    program = """
import json, importlib.resources as resources
import ocihook, ocihook.schema
from ocihook._bpf import _libbpf, _syscalls
image = resources.files("ocihook._bpf").joinpath("ocihook.bpf.o").read_bytes()
from ocihook._bpf.scheduler_object import SchedulerObject
with SchedulerObject(image):
    pass
for name in ocihook.schema.NAMES:
    ocihook.schema.validator(name)
print(json.dumps([ocihook.__file__, _libbpf.__file__, _syscalls.__file__]))
"""
    found = json.loads(run(installed, sys.executable, "-c", program))
    assert [Path(path).parent for path in found] == [
        installed / "ocihook",
        installed / BPF,
        installed / BPF,
    ]
