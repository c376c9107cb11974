# SPDX-License-Identifier: Apache-2.0
"""What pyproject.toml cannot say: the BPF object, the cffi extensions, the abi3 tag."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "bpf" / "ocihook.bpf.c"
OBJECT = ROOT / "ocihook" / "_bpf" / "ocihook.bpf.o"
FAULT_OBJECT = ROOT / "build" / "fault" / "ocihook.bpf.o"
"""With forks that fail on demand, for tests/guest/test_forks.py. Never packaged."""

# clang 16 is the floor: 14 does not emit the type tags that kptrs need.
COMPILERS = ("clang-19", "clang", "clang-18", "clang-17", "clang-16")


def tool(names: tuple[str, ...], variable: str) -> str:
    """Return the first program of ``names`` that exists, or what the environment names."""
    for name in (os.environ.get(variable), *names):
        if name and shutil.which(name):
            return name
    raise SystemExit(f"none of {', '.join(names)} found (set {variable}, or run ./dev check)")


class BuildBpf(Command):
    """Compile bpf/ocihook.bpf.c into the package, unless the object is newer than its sources."""

    description = "compile the BPF object"
    user_options: ClassVar[list[tuple[str, str | None, str]]] = [
        ("fault-injection", None, f"build {FAULT_OBJECT.relative_to(ROOT)} instead, for tests"),
    ]
    boolean_options: ClassVar[list[str]] = ["fault-injection"]

    def initialize_options(self) -> None:
        """Build what is installed, unless asked otherwise."""
        self.fault_injection = False

    def finalize_options(self) -> None:
        """Choose between the two objects."""
        self.object = FAULT_OBJECT if self.fault_injection else OBJECT

    def run(self) -> None:
        """Compile, and drop DWARF: BTF is all that the kernel reads."""
        newest = max(path.stat().st_mtime for path in SOURCE.parent.glob("*.[ch]"))
        if self.object.exists() and self.object.stat().st_mtime > newest:
            return
        self.object.parent.mkdir(parents=True, exist_ok=True)
        prefix = os.environ.get("OCIHOOK_LIBBPF_PREFIX")
        includes = [f"-I{prefix}/include"] if prefix else []
        clang = tool(COMPILERS, "OCIHOOK_CLANG")
        flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"]
        # BTF's line info has the sources' paths: those of the clone, not of this machine.
        flags.append(f"-ffile-prefix-map={ROOT}=.")
        if self.fault_injection:
            flags.append("-DOCIHOOK_FAULT_INJECTION")
        ignored = ["-Wno-unused-parameter", "-Wno-sign-compare"]
        temporary = self.object.with_suffix(".tmp")
        subprocess.run(
            [clang, *flags, *ignored, *includes, "-c", "ocihook.bpf.c", "-o", os.fspath(temporary)],
            cwd=SOURCE.parent,
            check=True,
        )
        strip = tool((clang.replace("clang", "llvm-strip"), "llvm-strip"), "OCIHOOK_LLVM_STRIP")
        subprocess.run([strip, "-g", os.fspath(temporary)], check=True)
        temporary.replace(self.object)


class BuildPy(build_py):
    """Compile the object before the package's data files are collected."""

    def run(self) -> None:
        """Run both steps."""
        self.run_command("build_bpf")
        super().run()


class Abi3Wheel(bdist_wheel):
    """Tag the wheel for every CPython from 3.11 on: the extensions use the limited API."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return python, ABI and platform tag."""
        python, abi, platform = super().get_tag()
        return ("cp311", "abi3", platform) if python.startswith("cp") else (python, abi, platform)


setup(
    cffi_modules=[
        "ocihook/_bpf/syscalls_build.py:ffibuilder",
        "ocihook/_bpf/libbpf_build.py:ffibuilder",
    ],
    cmdclass={"build_bpf": BuildBpf, "build_py": BuildPy, "bdist_wheel": Abi3Wheel},
)
