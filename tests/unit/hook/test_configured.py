# SPDX-License-Identifier: Apache-2.0
"""The policy in force, after all that may happen to its file and to what was stored of it."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ocihook.config import compiling
from ocihook.errors import ConfigError
from ocihook.hook import configured
from ocihook.policy import FORMAT, LIMITS, Policy

GOOD = "[limits]\nweight_max = 300\n"
BROKEN = "[limits]\nweight_max = 0\n"
MISTAKE = "config.toml:2: limits.weight_max: 0 is neither an integer in 1..10000 nor 'cgroup'"

CURRENT = b'{"format": %d' % FORMAT

Answer = tuple[Policy, ConfigError | None]


class Files:
    """A configuration file, and what is stored of it."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "config.toml"
        self.stored = directory / "run" / "policy.json"

    def write(self, text: str) -> None:
        """As editors do: another file in its place."""
        other = self.config.with_suffix(".new")
        other.write_text(text)
        other.chmod(0o644)
        other.rename(self.config)

    def ask(self) -> Answer:
        return configured.in_force(str(self.config), str(self.stored))

    def policy(self, **members: Any) -> Policy:
        written = [name for name in LIMITS if name in members]
        return Policy(file=str(self.config), written=written, **members)

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stored.read_text())
        return document


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def problem_of(answer: Answer) -> str:
    assert answer[1] is not None
    return str(answer[1])


def test_no_file_is_the_defaults(files: Files) -> None:
    assert files.ask() == (Policy(), None)
    assert not files.stored.parent.exists()


def test_the_first_one_stores_what_it_read(files: Files) -> None:
    files.write(GOOD)
    assert files.ask() == (files.policy(weight_max=300), None)
    assert files.stored.stat().st_mode & 0o7777 == 0o600
    assert files.stored.parent.stat().st_mode & 0o7777 == 0o755
    assert os.listdir(files.stored.parent) == ["policy.json"]


def test_the_umask_of_a_hook_does_not_close_the_directory(files: Files) -> None:
    files.write(GOOD)
    old = os.umask(0o077)
    try:
        files.ask()
    finally:
        os.umask(old)
    assert files.stored.parent.stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("text", [GOOD, "", '[enrol.exclude]\nannotations = {"a" = "é*"}\n'])
def test_the_others_use_what_is_stored(
    files: Files, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(text)
    first = files.ask()
    monkeypatch.setattr(compiling, "policy_of", None)
    assert files.ask() == first


def test_a_change_in_place_that_keeps_size_and_time_counts(files: Files) -> None:
    """Programs may set the time of the last write, and not that of the last change."""
    files.write(GOOD)
    files.ask()
    before = files.config.stat()
    files.config.write_text(GOOD.replace("300", "400"))
    os.utime(files.config, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = files.config.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (
        before.st_size, before.st_mtime_ns, before.st_ino,
    )  # fmt: skip
    assert files.ask() == (files.policy(weight_max=400), None)


def test_another_file_of_the_same_number_on_another_device_counts(files: Files) -> None:
    files.write(GOOD)
    files.ask()
    document = files.document()
    assert document["made_of"][-1] == files.config.stat().st_dev
    document["made_of"][-1] += 1
    document["policy"]["weight_max"] = 5
    files.stored.write_text(json.dumps(document))
    assert files.ask() == (files.policy(weight_max=300), None)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_change_counts_at_once(files: Files, in_place: bool) -> None:
    files.write(GOOD)
    files.ask()
    changed = GOOD.replace("300", "400 ")  # a kernel before 6.13 may not see it by the time
    if in_place:
        files.config.write_text(changed)
    else:
        files.write(changed)
    assert files.ask() == (files.policy(weight_max=400), None)
    assert files.document()["policy"]["weight_max"] == 400


def test_a_file_that_is_gone_is_the_defaults_again(files: Files) -> None:
    files.write(GOOD)
    files.ask()
    files.config.unlink()
    assert files.ask() == (Policy(), None)


def test_a_mistake_leaves_what_was_before(files: Files) -> None:
    files.write(GOOD)
    files.ask()
    files.write(BROKEN)
    answer = files.ask()
    assert answer[0] == files.policy(weight_max=300)
    assert problem_of(answer).endswith(
        f"{MISTAKE} (see: ocihook config check); what it said before holds"
    )


@pytest.mark.parametrize("before", [GOOD, None])
def test_a_mistake_is_looked_at_once_and_told_each_time(
    files: Files, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        files.write(before)
        files.ask()
    files.write(BROKEN)
    first = files.ask()
    monkeypatch.setattr(compiling, "policy_of", None)
    second = files.ask()
    assert second[0] == first[0]
    assert problem_of(second) == problem_of(first)


def test_two_mistakes_in_a_row_leave_what_was_before_them(files: Files) -> None:
    files.write(GOOD)
    files.ask()
    files.write(BROKEN)
    files.ask()
    files.write("not TOML")
    assert files.ask()[0] == files.policy(weight_max=300)
    files.write(GOOD.replace("300", "400"))
    assert files.ask() == (files.policy(weight_max=400), None)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"{}", b'{"format": 0}', b'{"format": []}', b'{"format": 1}'],
)
def test_what_is_stored_and_of_no_use_is_made_anew(files: Files, content: bytes) -> None:
    files.write(GOOD)
    files.ask()
    files.stored.write_bytes(content)
    assert files.ask() == (files.policy(weight_max=300), None)
    assert files.document()["policy"]["weight_max"] == 300


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ((), {"format": FORMAT}, "policy: missing"),
        (("made_of",), ..., "made_of: missing"),
        (("problem",), 5, "problem: of the wrong type"),
        (("policy",), [], "policy: not an object"),
        (("policy", "later"), 1, "policy.later: unknown"),
        (("policy", "weight_max"), ..., "policy.weight_max: missing"),
        (("policy", "weight_max"), "300", "policy.weight_max: of the wrong type"),
        (("policy", "weight_max"), True, "policy.weight_max: of the wrong type"),
        (("policy", "lend_off"), None, "policy.lend_off: of the wrong type"),
        (("policy", "cgroups"), 0, "policy.cgroups: of the wrong type"),
        (("policy", "cgroups"), [5], "policy.cgroups: of the wrong type"),
        (("policy", "annotations"), [], "policy.annotations: of the wrong type"),
        (("policy", "annotations"), {"a": 1}, "policy.annotations: of the wrong type"),
        (("policy", "level"), "info", "policy.level: 'info' is unknown"),
        (("policy", "deadline_s"), 10**30, "policy.deadline_s: not in 1..600"),
        (("policy", "own_cpus"), "3-", "policy.own_cpus: "),
    ],
)
def test_what_is_stored_and_wrong_is_told_and_made_anew(
    files: Files, place: tuple[str, ...], value: Any, problem: str
) -> None:
    files.write(GOOD)
    files.ask()
    document = files.document() if place else value
    at = document["policy"] if len(place) == 2 else document
    if value is ...:
        del at[place[-1]]
    elif place:
        at[place[-1]] = value
    files.stored.write_text(json.dumps(document))
    answer = files.ask()
    assert answer[0] == files.policy(weight_max=300)
    said = problem_of(answer)
    assert said.startswith(f"{files.stored}: {problem}")
    assert said.endswith(" (not used)")
    assert files.ask() == (files.policy(weight_max=300), None)


def test_what_others_may_have_stored_is_not_used(files: Files) -> None:
    files.write(GOOD)
    files.ask()
    forged = files.document()
    forged["policy"]["weight_max"] = 10000
    files.stored.write_text(json.dumps(forged))
    files.stored.chmod(0o666)
    answer = files.ask()
    assert answer[0] == files.policy(weight_max=300)
    assert problem_of(answer).endswith(
        "policy.json: writable by others than its owner (mode 0666) (not used)"
    )
    assert files.stored.stat().st_mode & 0o7777 == 0o600
    assert files.ask() == (files.policy(weight_max=300), None)


def test_a_link_in_place_of_what_is_stored_is_not_followed(files: Files, tmp_path: Path) -> None:
    files.write(GOOD)
    files.ask()
    elsewhere = tmp_path / "elsewhere"
    files.stored.rename(elsewhere)
    files.stored.symlink_to(elsewhere)
    assert files.ask() == (files.policy(weight_max=300), None)
    assert not files.stored.is_symlink()


def test_nothing_can_be_stored(files: Files) -> None:
    files.write(GOOD)
    files.stored.parent.write_text("a file")
    for _ in range(2):
        assert files.ask() == (files.policy(weight_max=300), None)


@pytest.mark.parametrize("limit_bytes", [0, 100])
def test_a_store_that_does_not_fit_leaves_nothing_behind(
    files: Files, limit_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """crun runs the hook under the container's RLIMIT_FSIZE: the write fails, or is cut short."""
    write = os.write

    def cut(file: int, data: bytes) -> int:
        if not limit_bytes:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return write(file, data[:limit_bytes])

    files.write(GOOD)
    monkeypatch.setattr(os, "write", cut)
    assert files.ask() == (files.policy(weight_max=300), None)
    assert os.listdir(files.stored.parent) == []
