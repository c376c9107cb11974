# SPDX-License-Identifier: Apache-2.0
"""Try one fault: in a work tree of its own, build what the patch changes, and run its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.vm.guest_run import run_session
from tests.vm.sessions import PAIRS, Session, of_every_run

from .fault import Fault

CLONE = Path(__file__).parents[2]

OBJECT = "ocihook/_bpf/ocihook.bpf.o"

DEADLINE_S = 30
"""How long a state may take to come in a guest: in a test that fails, it does not come."""


class Verdict(NamedTuple):
    """The tests that failed over a fault; none if it was not noticed. ``trouble``: not tried."""

    failed: tuple[str, ...]
    trouble: str = ""


@contextmanager
def work_tree(at: Path) -> Iterator[Path]:
    """Check HEAD out into a directory, with what is built in this clone; remove it in the end."""
    _git("worktree", "add", "--quiet", "--force", "--detach", os.fspath(at), "HEAD", cwd=CLONE)
    try:
        for product in (*CLONE.glob("ocihook/_bpf/*.so"), CLONE / OBJECT):
            shutil.copy2(product, at / product.relative_to(CLONE))
        shutil.copytree(CLONE / "build" / "fault", at / "build" / "fault")
        yield at
    finally:
        _git("worktree", "remove", "--force", os.fspath(at), cwd=CLONE)


def attempt(fault: Fault, tree: Path, wheel: Path, results: Path) -> Verdict:
    """Plant the fault in the tree, run its tests, and take it out again."""
    try:
        _git("apply", os.fspath(fault.patch), cwd=tree)
    except subprocess.CalledProcessError as error:
        return Verdict((), f"the patch does not apply: {error.stderr.strip()}")
    try:
        if any(path.startswith("bpf/") for path in fault.changed()):
            _build_object(tree)
        return _in_guest(fault, tree, wheel, results) if fault.in_guest else _here(fault, tree)
    except subprocess.CalledProcessError as error:
        return Verdict((), f"it does not build:\n{error.stdout}{error.stderr}")
    finally:
        _git("checkout", "--quiet", ".", cwd=tree)


def _build_object(tree: Path) -> None:
    for option in ([], ["--fault-injection"]):
        # The patch may be of this very second, and the object as well.
        for product in (tree / OBJECT, tree / "build" / "fault" / "ocihook.bpf.o"):
            os.utime(product, (0, 0))
        command = [sys.executable, "setup.py", "--quiet", "build_bpf", *option]
        subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)


def _here(fault: Fault, tree: Path) -> Verdict:
    junit = tree / "build" / "junit.xml"
    command = [sys.executable, "-m", "pytest", *fault.tests, "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": os.fspath(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, f"--junitxml={junit}"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return _verdict(junit, done.stdout[-2000:])


def _in_guest(fault: Fault, tree: Path, wheel: Path, results: Path) -> Verdict:
    os.environ["OCIHOOK_TEST_DEADLINE_S"] = str(DEADLINE_S)
    outcome = run_session(
        _session(fault),
        results / fault.name,
        wheel=_with_fault(wheel, fault, tree, results),
        tests=(*fault.tests, "-x"),
        thorough=fault.long,
        with_dir=tree,
    )
    return _verdict(outcome.junit, outcome.log.read_text(errors="replace")[-2000:])


def _session(fault: Fault) -> Session:
    """Return a session on the first kernel, in the kind of guest that the tests are for."""
    sessions = (one for one in of_every_run() if (one.suite, one.kernel) == PAIRS[0])
    of_machine = next(one for one in sessions if one.machine == fault.machine)
    marks = "kernel or runtime or once" + (" or long" if fault.long else "")
    return of_machine._replace(marks=marks, part="mutant", beside_others=False)


def _with_fault(wheel: Path, fault: Fault, tree: Path, results: Path) -> Path:
    """Return a copy of the wheel with the files that the patch changes."""
    changed = {path for path in fault.changed() if path.startswith("ocihook/")} | {OBJECT}
    results.mkdir(parents=True, exist_ok=True)
    copy = results / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(copy, "w") as new:
        for member in old.infolist():
            name = member.filename
            new.writestr(member, (tree / name).read_bytes() if name in changed else old.read(name))
    return copy


def _verdict(junit: Path, output: str) -> Verdict:
    if not junit.exists():
        return Verdict((), f"no results:\n{output}")
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))
    if not cases:
        return Verdict((), f"no test was run:\n{output}")
    bad = [case for case in cases if any(each.tag in {"failure", "error"} for each in case)]
    return Verdict(tuple(f"{case.get('classname')}::{case.get('name')}" for case in bad))


def _git(*words: str, cwd: Path) -> None:
    subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True, text=True)
