# SPDX-License-Identifier: Apache-2.0
"""./dev test --changed leaves out no test that can see what changed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import grimp
import pytest

ROOT = Path(__file__).parents[3]

EVERYTHING = ["tests/unit", "tests/build", "tests/runtime", "tests/vm"]


def load(root: Path = ROOT) -> ModuleType:
    spec = importlib.util.spec_from_file_location("changed", root / "tools" / "dev" / "changed.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


changed = load()


def tracked() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in done.stdout.split("\0") if path]


def test_every_file_has_a_rule() -> None:
    assert [path for path in tracked() if changed.rule(path) is None] == []


def test_every_part_exists() -> None:
    parts = {part.partition("::")[0] for _, rule in changed.RULES for part in rule}
    assert [part for part in parts if not (ROOT / part).exists()] == []


@pytest.mark.parametrize("package", changed.COMMANDS)
def test_only_the_command_imports_such_a_package(package: str) -> None:
    """Otherwise a guest's test could reach it with no word of it."""
    graph = grimp.build_graph("ocihook", cache_dir=None)
    ours = f"ocihook.{package}"
    members = {ours, *graph.find_descendants(ours)}
    importers = {
        one for member in members for one in graph.find_modules_that_directly_import(member)
    }
    assert importers - members == {f"ocihook.cli.{package}"}


def chosen(tmp_path: Path, *paths: str) -> list[str]:
    """What is chosen if the guests' tests are these three files."""
    for name, text in {
        "test_quota.py": "",
        "test_doctor.py": 'ocihook("doctor")',
        "test_gc.py": "from ocihook.doctor.host import Host",
    }.items():
        (tmp_path / name).write_text(text)
    return list(changed.choose(paths, tmp_path))


@pytest.mark.parametrize(
    ("paths", "arguments"),
    [
        (["docs/cells.md"], ["tests/unit"]),
        (["README.md"], ["tests/unit", "tests/build"]),
        (["tests/runtime/test_identity.py", "docs/cells.md"], ["tests/unit", "tests/runtime"]),
        (["ocihook/hook/main.py", "docs/cells.md"], EVERYTHING),
        (["bpf/timer.bpf.h"], EVERYTHING),
        (["ocihook/doctors/kernel.py"], EVERYTHING),
        (["a-file-of-tomorrow"], EVERYTHING),
        (["tests/a-folder-of-tomorrow/file.py"], EVERYTHING),
        (["tests/vm/image.py"], ["tests/vm"]),
        (["tests/vm/image.py", "tests/guest/test_quota.py"], ["tests/vm"]),
        (["tests/guest/waiting.py"], ["tests/vm/test_guest.py"]),
        (["tests/guest/waiting.py", "tests/guest/test_quota.py"], ["tests/vm/test_guest.py"]),
        (
            ["tests/guest/test_quota.py"],
            ["tests/vm/test_guest.py", "--guest-tests=tests/guest/test_quota.py"],
        ),
        (["tests/guest/test_removed.py"], []),
        (
            ["ocihook/doctor/kernel.py", "tests/guest/test_quota.py"],
            [
                *EVERYTHING[:3],
                "tests/vm/test_guest.py",
                "--guest-tests=tests/guest/test_doctor.py tests/guest/test_gc.py "
                "tests/guest/test_quota.py",
            ],
        ),
        (["ocihook/validate/known.py"], EVERYTHING[:3]),
        (
            ["docs/tutorial.md"],
            ["tests/unit", "tests/vm/test_guest.py::test_session[trixie-6.18-tutorial]"],
        ),
        (["docs/tutorial.md", "tests/guest/kernel.py"], ["tests/vm/test_guest.py", "tests/unit"]),
        (["docs/tutorial.md", "tests/vm/run.py"], ["tests/unit", "tests/vm"]),
    ],
)
def test_choice(paths: list[str], arguments: list[str], tmp_path: Path) -> None:
    assert sorted(chosen(tmp_path, *paths)) == sorted(arguments)


def test_a_guests_module_that_names_a_command_reaches_all_its_tests(tmp_path: Path) -> None:
    (tmp_path / "world.py").write_text('run("ocihook", "doctor")')
    assert chosen(tmp_path, "ocihook/doctor/kernel.py") == [*EVERYTHING[:3], changed.GUESTS]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and the program in it."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "ocihook")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ocihook@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "clone"
    program = root / "tools" / "dev" / "changed.py"
    program.parent.mkdir(parents=True)
    program.write_text((ROOT / "tools" / "dev" / "changed.py").read_text())
    (root / "docs").mkdir()
    (root / "docs" / "cells.md").write_text("cells\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=first")
    return root


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def call(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "tools/dev/changed.py", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_nothing_differs(clone: Path) -> None:
    done = call(clone)
    head = git(clone, "rev-parse", "--short", "HEAD")
    said = f"· test --changed: nothing differs from {head}: checks alone\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)


def test_what_was_chosen_is_told_with_its_reason(clone: Path) -> None:
    (clone / "docs" / "cells.md").write_text("more cells\n")
    (clone / "new.c").write_text("")
    done = call(clone)
    head = git(clone, "rev-parse", "--short", "HEAD")
    assert done.stdout.split() == EVERYTHING
    assert done.stderr.splitlines() == [
        f"· test --changed: 2 changed since {head}; the checks run, and",
        "·   tests/unit: for docs/cells.md",
        "·   tests/build: for new.c, which no rule knows",
        "·   tests/runtime: for new.c, which no rule knows",
        "·   tests/vm: for new.c, which no rule knows",
        "· continuous integration runs everything",
    ]


def test_both_names_of_a_moved_file_count(clone: Path) -> None:
    (clone / "hooks.d").mkdir()
    git(clone, "mv", "docs/cells.md", "hooks.d/cells.md")
    git(clone, "commit", "--quiet", "--message=second")
    done = call(clone, "HEAD~1")
    assert "2 changed since" in done.stderr
    assert "tests/unit: for docs/cells.md" in done.stderr
    assert "tests/vm: for hooks.d/cells.md" in done.stderr


def test_branch_is_compared_with_where_it_left_the_shared_one(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(clone), str(other))
    (other / "docs" / "cells.md").write_text("cells of the branch\n")
    git(other, "commit", "--quiet", "--all", "--message=second")
    (clone / "setup.py").write_text("")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message=on main")
    git(other, "fetch", "--quiet")
    assert call(other).stdout.split() == ["tests/unit"]
    assert call(other, "HEAD").stdout == ""
    assert call(other, "origin/main").stdout.split() == EVERYTHING


def test_commit_must_exist(clone: Path) -> None:
    done = call(clone, "gone")
    said = "· test --changed gone: no such commit in this clone\n"
    assert (done.returncode, done.stdout, done.stderr) == (os.EX_USAGE, "", said)
