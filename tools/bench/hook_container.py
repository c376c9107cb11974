# SPDX-License-Identifier: Apache-2.0
"""What the hook is measured on: a container's process, its state and bundle, and the program."""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ocihook
from ocihook import mountinfo
from ocihook.install import launcher, pack

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""As of the hooks.d files."""

CORPUS = Path(__file__).parents[2] / "tests" / "data"
STATE = CORPUS / "state/good/captured-crun-1.21-createRuntime.json"
"""Its container is required: a run that fails ends with a status that is not 0."""

CONFIG = CORPUS / "config/good/captured-crun-1.21-spec.json"

STUBS = """
import posix as os
from ocihook._bpf import pinned
pinned.obj_get = lambda path: os.open("/", os.O_RDONLY | os.O_CLOEXEC)
pinned.prog_run = lambda fd, context: 0
from ocihook.hook import cgroup
take = cgroup.unified_path
# On a machine with v1 hierarchies the hook would stop at their lines.
cgroup.unified_path = lambda text, whose: take(text[text.index("0::"):], whose)
"""
"""In place of the kernel's scheduler. A module, so that it is compiled once as all others are."""


def hook_program(directory: Path) -> tuple[Path, Path]:
    """Write the launcher that ``ocihook install`` would, with the stubs, and one that does nothing.

    Return the paths of both.
    """
    (directory / "stubs.py").write_text(STUBS)
    py_compile.compile(str(directory / "stubs.py"), doraise=True)
    package = Path(ocihook.__file__).parent
    compileall.compile_dir(package, quiet=2)
    pack.write(package.parent)
    text = launcher.text(directories=(*launcher.module_directories(), directory)).decode()
    main = "    from ocihook.hook.main import run\n"
    assert main in text
    programs = {
        "ocihook-hook": text.replace(main, f"    import stubs\n{main}"),
        "bare": text.partition("\n")[0] + "\n",
    }
    for name, content in programs.items():
        (directory / name).write_text(content)
        (directory / name).chmod(0o755)
    return directory / "ocihook-hook", directory / "bare"


@contextmanager
def container(directory: Path) -> Iterator[Path]:
    """Start a process in a cgroup and a namespace of its own; yield the file of its state."""
    top = _cgroup2() / f"ocihook-bench-{os.getpid()}"
    home = top / "c1"
    home.mkdir(parents=True)
    enter = 'echo $$ >"$0/cgroup.procs"; exec unshare --cgroup sleep 100000'
    child = subprocess.Popen(["sh", "-c", enter, home])
    try:
        while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)
        bundle = directory / "bundle"
        bundle.mkdir()
        (bundle / "config.json").write_bytes(CONFIG.read_bytes())
        state = json.loads(STATE.read_text()) | {"pid": child.pid, "bundle": str(bundle)}
        (directory / "state.json").write_text(json.dumps(state))
        yield directory / "state.json"
    finally:
        child.kill()
        child.wait()
        home.rmdir()
        top.rmdir()


def _cgroup2() -> Path:
    for each in mountinfo.read().reachable("cgroup2"):
        return Path(each.point)
    raise SystemExit("bench hook: this machine has no cgroup2; mount it")
