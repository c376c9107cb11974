# SPDX-License-Identifier: Apache-2.0
"""From a pid to its cgroup with the real kernel: cgroup, user and pid namespaces, bind mounts.

Of /proc, what v1 hierarchies add is left out, so that machines with some can show the rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runtimes import cgroup2, remove_cgroups

HIERARCHY = cgroup2()

# Skips for this reason are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not HIERARCHY, reason="needs root and cgroup2")

ASK = """
import json, os, sys
from pathlib import Path
from ocihook.errors import OcihookError
from ocihook.hook import cgroup
pid, directory = int(sys.argv[1]), Path(sys.argv[2])
proc = directory / f"proc-{os.getpid()}"
for name in (str(os.getpid()), str(pid)):
    (proc / name).mkdir(parents=True)
    for part in ("ns", "stat", "mountinfo"):
        (proc / name / part).symlink_to(f"/proc/{name}/{part}")
    lines = Path(f"/proc/{name}/cgroup").read_text().splitlines()
    (proc / name / "cgroup").write_text("".join(f"{x}\\n" for x in lines if x.startswith("0::")))
(proc / "self").symlink_to(str(os.getpid()))
try:
    with cgroup.find(pid, str(proc), joined="joined" in sys.argv) as home:
        print(json.dumps([home.path, home.cgid]))
except OcihookError as error:
    print(json.dumps(str(error)))
"""
"""The hook's part, in a process of its own since it does not come back from a namespace."""

Start = Callable[..., int]


class Tree:
    """A cgroup for the test, and the question which one a process is found in."""

    def __init__(self, hierarchy: Path, scratch: Path) -> None:
        self.top = hierarchy / f"ocihook-identity-{os.getpid()}"
        self.scratch = scratch
        self.hierarchy = hierarchy

    def make(self, path: str) -> Path:
        directory = self.top / path
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def ask(self, pid: int, *wrap: str, joined: bool = False) -> Any:
        """Return the path and id that are found, or the error's text."""
        more = ["joined"] if joined else []
        done = subprocess.run(
            [*wrap, sys.executable, "-P", "-c", ASK, str(pid), self.scratch, *more],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def expected(self, path: str) -> list[Any]:
        directory = self.top / path
        return [f"/{directory.relative_to(self.hierarchy)}", directory.stat().st_ino]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    assert HIERARCHY
    tree = Tree(HIERARCHY, tmp_path)
    tree.make("c1")
    yield tree
    remove_cgroups(tree.top)


@pytest.fixture
def start(tree: Tree) -> Iterator[Start]:
    """Start a process in a cgroup of the tree, then with ``unshare`` and the options given."""
    started = []

    def process(cgroup: str, *options: str, by: str = "unshare") -> int:
        enter = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"'
        sleep = [*([by, *options] if options else []), "sleep", "1000"]
        child = subprocess.Popen(["sh", "-c", enter, "sh", tree.make(cgroup), *sleep])
        started.append(child)
        give_up_s = time.monotonic() + 30
        while True:
            assert time.monotonic() < give_up_s
            pid = child.pid
            if "--fork" in options:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                pid = int(children[0]) if children else pid
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                return pid
            time.sleep(0.01)

    yield process
    for child in started:
        child.kill()
        child.wait()


NAMESPACES = {
    "of the host": (),
    "of its own": ("--cgroup",),
    "user namespace": ("--cgroup", "--user", "--map-root-user"),
    "user namespace without a cgroup namespace": ("--user", "--map-root-user"),
    "pid namespace": ("--cgroup", "--pid", "--fork", "--kill-child"),
    "all": ("--cgroup", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount"),
}


@pytest.mark.parametrize("options", NAMESPACES.values(), ids=NAMESPACES.keys())
def test_namespaces(tree: Tree, start: Start, options: tuple[str, ...]) -> None:
    assert tree.ask(start("c1", *options)) == tree.expected("c1")


def test_task_that_was_moved_deeper(tree: Tree, start: Start) -> None:
    """As systemd in the container does, and crun's delegation; without a namespace nobody knows."""
    private, shared = start("c1", "--cgroup"), start("c1")
    for pid in (private, shared):
        (tree.make("c1/payload") / "cgroup.procs").write_text(str(pid))
    assert tree.ask(private) == tree.expected("c1")
    assert tree.ask(shared) == tree.expected("c1/payload")


def test_task_that_was_moved_out(tree: Tree, start: Start) -> None:
    pid = start("c1", "--cgroup")
    (tree.make("c2") / "cgroup.procs").write_text(str(pid))
    assert "not below the root of its cgroup namespace" in tree.ask(pid)


def test_joined_namespace(tree: Tree, start: Start) -> None:
    """As podman's --cgroupns=container:ID: of a container beside it, or of what is above both."""
    first, above = start("pod/c1", "--cgroup"), start("pod", "--cgroup")
    for other in (first, above):
        pid = start("pod/c2", f"--cgroup=/proc/{other}/ns/cgroup", by="nsenter")
        assert tree.ask(pid, joined=True) == tree.expected("pod/c2")
    assert "has joined another container's" in tree.ask(
        start("pod/c2", f"--cgroup=/proc/{first}/ns/cgroup", by="nsenter")
    )


@pytest.mark.parametrize("options", [(), ("--cgroup",)], ids=["", "namespace"])
@pytest.mark.parametrize("hook", ["c1", "c1/runtime"])
def test_cgroup_of_the_hook_and_above_is_refused(
    tree: Tree, start: Start, options: tuple[str, ...], hook: str
) -> None:
    pid = start("c1", *options)
    enter = ("sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', str(tree.make(hook)))
    answer = tree.ask(pid, *enter)
    assert answer.startswith(f"cgroup {tree.expected('c1')[0]}: shared with the runtime")


def test_hierarchy_of_which_a_part_is_mounted(tree: Tree, start: Start) -> None:
    """As an engine in a container may see it: the mount's root is not the hierarchy's."""
    pid = start("c1", "--cgroup")
    point = tree.scratch / "part"
    point.mkdir()
    only = 'mount --bind "$0" "$1"; umount --recursive --lazy /sys/fs/cgroup; shift; exec "$@"'
    wrap = ("unshare", "--mount", "sh", "-c", only, str(tree.top), str(point))
    assert tree.ask(pid, *wrap) == tree.expected("c1")
    wrap = ("unshare", "--mount", "sh", "-c", only, str(tree.make("c2")), str(point))
    assert "no mount of cgroup v2 shows it" in tree.ask(pid, *wrap)


def test_covered_mount_is_not_the_one_that_counts(tree: Tree, start: Start) -> None:
    """A hybrid layout over which cgroup2 is mounted later; then something over that, too."""
    pid = start("c1", "--cgroup")
    point = tree.scratch / "a\rb\u2028c"
    point.mkdir()
    lay = (
        'mount -t tmpfs tmpfs "$1"; mkdir "$1/unified"; mount --bind "$0" "$1/unified"\n'
        'mount --bind "$0" "$1"; umount --recursive --lazy /sys/fs/cgroup; shift'
    )
    over = lay.replace("; shift", '; mount -t tmpfs tmpfs "$1"; shift')
    wrap = ("unshare", "--mount", "sh", "-c")
    places = (str(tree.hierarchy), str(point))
    assert tree.ask(pid, *wrap, f'{lay}; exec "$@"', *places) == tree.expected("c1")
    said = tree.ask(pid, *wrap, f'{over}; exec "$@"', *places)
    assert said.endswith(f"is covered by tmpfs at {point} (umount {point})")


def test_hook_in_a_cgroup_namespace_sees_what_is_below(tree: Tree, start: Start) -> None:
    """A nested engine: its own containers are found, those beside it are refused."""
    inside, beside = start("engine/c1", "--cgroup"), start("c1", "--cgroup")
    enter = 'echo $$ >"$0/cgroup.procs"; exec unshare --cgroup sh -c "$1" sh "$@"'
    stay = 'mkdir -p "$2"; echo $$ >"$2/cgroup.procs"; shift 2; exec "$@"'
    runtime = str(tree.make("engine/runtime"))
    wrap = ("sh", "-c", enter, str(tree.make("engine")), stay, runtime)
    point = tree.scratch / "engine"
    point.mkdir()
    mount = 'mount -t cgroup2 cgroup2 "$0"; umount --recursive --lazy /sys/fs/cgroup; exec "$@"'
    see = ("unshare", "--mount", "sh", "-c", mount, str(point))
    assert tree.ask(inside, *wrap, *see) == ["/c1", tree.expected("engine/c1")[1]]
    assert "is outside of the hook's cgroup namespace" in tree.ask(beside, *wrap, *see)


def test_proc_of_another_pid_namespace_is_refused(tree: Tree, start: Start) -> None:
    """The numbers that the engine knows are other processes there."""
    code = (
        "from ocihook.errors import CgroupError\n"
        "from ocihook.hook import cgroup\n"
        "try: cgroup.find(1)\n"
        "except CgroupError as error: print(error)\n"
    )
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-P", "-c", code],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("/proc: of another pid namespace than the hook's (")
