# SPDX-License-Identifier: Apache-2.0
"""Choose the tests that a change can break: the arguments for pytest, one a line; why, on stderr.

A rule may leave out no test that can see the file. What no rule knows is tested by everything, and
so is what the guests' tests reach by many ways: the scheduler, the hook, most of the commands.
``tests/unit/whole/test_changed.py`` holds the rules to the tree. Standard library alone: ``./dev``
calls this before it makes anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[2]

GUESTS = "tests/vm/test_guest.py"

EVERYTHING = ("tests/unit", "tests/build", "tests/runtime", "tests/vm")

HERE = EVERYTHING[:3]
"""All that needs no guest."""

COMMANDS = ("doctor", "metrics", "validate")
"""Packages of ocihook that the command of the same name imports, and nothing else."""

RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("docs/tutorial.md", ("tests/unit", f"{GUESTS}::test_session[trixie-6.18-tutorial]")),
    ("docs/*", ("tests/unit",)),
    # It is in the wheel, as is the licence.
    ("README.md", ("tests/unit", "tests/build")),
    ("LICENSES/*", ("tests/unit", "tests/build")),
    ("CHANGELOG.md", ("tests/unit",)),
    # They fetch packages and run without ocihook, so by hand.
    ("findings/*", ("tests/unit",)),
    ("CONTRIBUTING.md", ("tests/unit",)),
    (".clang-format", ("tests/unit",)),
    (".editorconfig", ("tests/unit",)),
    # The runtime tests make metrics of the same cells.
    ("tests/unit/told_cells.py", ("tests/unit", "tests/runtime")),
    ("tests/unit/*", ("tests/unit",)),
    ("tests/data/metrics/*", ("tests/unit", "tests/runtime")),
    ("tests/data/*", ("tests/unit",)),
    ("tests/table/*", ("tests/unit",)),
    ("tests/build/*", ("tests/build",)),
    ("tests/runtime/*", ("tests/runtime",)),
    ("tests/vm/README.md", ("tests/unit",)),
    ("tests/vm/*", ("tests/vm",)),
    ("tests/guest/*", (GUESTS,)),
    ("tools/bench/*", ("tests/unit",)),
    ("tools/mutants/*", ("tests/unit",)),
    ("tools/timeline.py", ("tests/unit",)),
    ("tools/gen_reference.py", ("tests/unit",)),
    ("tools/gen_abi.py", ("tests/unit", "tests/build")),
    ("tools/dev/changed.py", ("tests/unit",)),
    *((f"ocihook/{name}/*", HERE) for name in COMMANDS),
    # Many ways lead from these to a guest's test.
    ("ocihook/*", EVERYTHING),
    ("bpf/*", EVERYTHING),
    ("schemas/*", EVERYTHING),
    ("hooks.d/*", EVERYTHING),
    ("tests/conftest.py", EVERYTHING),
    ("tests/go_patterns.py", ("tests/unit", GUESTS)),
    ("tests/snapshot.py", EVERYTHING),
    ("tools/dev/*", EVERYTHING),
    ("tools/demo.py", EVERYTHING),
    ("dev", EVERYTHING),
    (".ci/*", EVERYTHING),
    (".gitignore", EVERYTHING),
    ("pyproject.toml", EVERYTHING),
    ("setup.py", EVERYTHING),
    ("MANIFEST.in", EVERYTHING),
)


def rule(path: str) -> tuple[str, ...] | None:
    """Return the parts that the first rule for ``path`` names; None if there is no rule."""
    for pattern, parts in RULES:
        if fnmatchcase(path, pattern):
            return parts
    return None


def guest_files(path: str, guest: Path) -> set[str] | None:
    """Return the guests' test files that can see ``path``; None if all can.

    A test sees itself, and a command if the command's name is in it.
    """
    if re.fullmatch(r"tests/guest/test_\w+\.py", path):
        return {path} if (guest / Path(path).name).exists() else set()
    package = path.removeprefix("ocihook/").partition("/")[0]
    if path.startswith("ocihook/") and package in COMMANDS:
        word = re.compile(rf"\b{package}\b")
        found = {file.name for file in guest.glob("*.py") if word.search(file.read_text())}
        if all(name.startswith("test_") for name in found):
            return {f"tests/guest/{name}" for name in found}
        return None
    return None if GUESTS in (rule(path) or ()) else set()


def choose(paths: Iterable[str], guest: Path = ROOT / "tests" / "guest") -> dict[str, str]:
    """Return pytest's arguments, each with the first path that asks for it."""
    chosen: dict[str, str] = {}
    files: set[str] = set()
    for path in sorted(paths):
        parts = rule(path) or EVERYTHING
        seen = guest_files(path, guest)
        if seen is None:
            parts = (*parts, GUESTS)
        elif seen:
            files |= seen
            chosen.setdefault("--guest-tests", path)
        for part in parts:
            if seen is None or part != GUESTS:
                chosen.setdefault(part, path)
    return _arguments(chosen, files)


def _arguments(chosen: dict[str, str], files: set[str]) -> dict[str, str]:
    for_files = chosen.pop("--guest-tests", None)
    if "tests/vm" in chosen:
        chosen = {part: path for part, path in chosen.items() if not part.startswith(GUESTS)}
    elif GUESTS in chosen:
        chosen = {part: path for part, path in chosen.items() if not part.startswith(f"{GUESTS}:")}
    elif for_files:
        chosen.setdefault(GUESTS, for_files)
        chosen[f"--guest-tests={' '.join(sorted(files))}"] = for_files
    return chosen


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr)


def base() -> str:
    """Return the commit where this branch left the shared one; HEAD if there is no shared one."""
    for shared in ("origin/main", "@{upstream}"):
        if left := _git("merge-base", "HEAD", shared):
            return left.strip()
    return "HEAD"


def main() -> int:
    """Print the arguments; none if nothing differs."""
    asked = sys.argv[1] if len(sys.argv) > 1 else base()
    commit = _git("rev-parse", "--verify", "--quiet", "--short", f"{asked}^{{commit}}")
    if commit is None:
        _say(f"test --changed {asked}: no such commit in this clone")
        return os.EX_USAGE
    differ = _git("diff", "-z", "--name-only", "--no-renames", commit.strip(), "--") or ""
    untracked = _git("ls-files", "-z", "--others", "--exclude-standard") or ""
    paths = {path for path in (differ + untracked).split("\0") if path}
    if not paths:
        _say(f"test --changed: nothing differs from {commit.strip()}: checks alone")
        return os.EX_OK
    _say(f"test --changed: {len(paths)} changed since {commit.strip()}; the checks run, and")
    for argument, path in choose(paths).items():
        why = "" if rule(path) else ", which no rule knows"
        _say(f"  {argument}: for {path}{why}")
        print(argument)
    _say("continuous integration runs everything")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
