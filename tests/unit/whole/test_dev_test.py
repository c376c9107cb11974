# SPDX-License-Identifier: Apache-2.0
"""./dev test: its options, before it makes anything."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick", "--changed"], "test --quick --changed: say one of them"),
        (["--changed", "HEAD", "--quick"], "test --changed --quick: say one of them"),
        (["--all-kernels", "--quick"], "test --quick --all-kernels: say one of them"),
        (["--changed", "--all-kernels"], "test --changed --all-kernels: say one of them"),
        (
            ["--quick", "tests/unit"],
            "test --quick tests/unit: --quick chooses itself; leave out tests/unit",
        ),
        (
            ["-x", "tests/unit/conftest.py::test_x", "--changed"],
            "test --changed tests/unit/conftest.py::test_x: --changed chooses itself; "
            "leave out tests/unit/conftest.py::test_x",
        ),
        (
            ["--changed", "no-such-commit"],
            "test --changed no-such-commit: no such commit in this clone",
        ),
        (
            # A file, and not a branch that somebody has.
            ["--changed", "pyproject.toml"],
            "test --changed pyproject.toml: no such commit in this clone",
        ),
    ],
)
def test_misuse_is_told_at_once(arguments: list[str], message: str) -> None:
    command = [ROOT / "dev", "test", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (os.EX_USAGE, f"· {message}\n", "")


SHELL = """
set -eu
here=/clone python=$PWD/python
say() { printf '· %s\\n' "$*" >&2; }
. tools/dev/test.sh
prepare_machine() { :; }
prepare() { sleep 0.2; }
check() { echo checked; }
prepare_wheel() { :; }
wheel() { echo /clone/the.whl; }
run_test "$@"
echo no pytest
"""

PYTEST = """#!/bin/sh
printf '[%s]' "$@"
printf '\\n%s\\n' "$OCIHOOK_WHEEL$OCIHOOK_STEPS_MS"
"""

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dev_test(tmp_path: Path) -> Call:
    """Run tools/dev/test.sh with a pytest, and a chooser, that print their arguments."""
    for name in ("tools", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)

    def program(path: str, text: str) -> None:
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)

    program(".venv/bin/pytest", PYTEST)

    def call(*arguments: str, chooser: str = "exit 3") -> subprocess.CompletedProcess[str]:
        program("python", f"#!/bin/sh\n{chooser}\n")
        return subprocess.run(
            ["sh", "-c", SHELL, "sh", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return call


ALL = "[tests/unit][tests/build][tests/runtime][tests/vm]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ALL),
        (["-k", "a b"], f"{ALL}[-k][a b]"),
        (["--all-kernels"], f"{ALL}[--all-kernels]"),
        (["tests/build", "-x"], "[tests/build][-x]"),
        (["--quick"], "[tests/unit][tests/vm/test_guest.py][--quick]"),
        (
            ["-x", "--quick", "-k", "a b"],
            "[tests/unit][tests/vm/test_guest.py][--quick][-x][-k][a b]",
        ),
    ],
)
def test_pytest_is_given(arguments: list[str], words: str, dev_test: Call) -> None:
    done = dev_test(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["checked", f"[-ptests.table]{words}"]


def test_steps_are_timed(dev_test: Call) -> None:
    last = dev_test().stdout.splitlines()[-1]
    wheel, *steps = last.split()
    assert wheel == "/clone/the.whl"
    assert [step.partition("=")[0] for step in steps] == ["prepare", "check", "wheel"]
    assert 200 <= int(steps[0].partition("=")[2]) < 60_000


CHOOSER = """
printf '%s|' "$@" >&2
echo tests/unit
echo '--guest-tests=a*.py b.py'
"""


@pytest.mark.parametrize(
    ("arguments", "asked", "words"),
    [
        (["--changed"], "-B|tools/dev/changed.py|", ""),
        (["--changed", "HEAD~2", "-x"], "-B|tools/dev/changed.py|HEAD~2|", "[-x]"),
        (["--changed", "-k", "a b"], "-B|tools/dev/changed.py|", "[-k][a b]"),
    ],
)
def test_changed_gives_pytest_what_was_chosen(
    arguments: list[str], asked: str, words: str, dev_test: Call
) -> None:
    done = dev_test(*arguments, chooser=CHOOSER)
    assert (done.returncode, done.stderr) == (0, asked)
    command = f"[-ptests.table][tests/unit][--guest-tests=a*.py b.py]{words}"
    assert done.stdout.splitlines()[1] == command


def test_nothing_changed_means_checks_alone(dev_test: Call) -> None:
    done = dev_test("--changed", chooser="exit 0")
    assert (done.returncode, done.stdout) == (0, "checked\nno pytest\n")


def test_chooser_that_fails_ends_it(dev_test: Call) -> None:
    done = dev_test("--changed", chooser="exit 64")
    assert (done.returncode, done.stdout) == (64, "")
