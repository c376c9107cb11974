# SPDX-License-Identifier: Apache-2.0
"""Limits that cannot be known, since the file has mistakes or is of no use, are the strictest."""

import errno
import os
import posix
from collections.abc import Callable
from pathlib import Path

import pytest

from ocihook.errors import ConfigError, PolicyError
from ocihook.hook import annotations, configured
from ocihook.policy import LIMITS, Policy, strictest

GOOD = '[limits]\nweight_max = 300\n[hook]\non_error = "refuse"\n'
SHARED = '[limits]\nshared_cells = ["web"]\nshared_scope = "host"\n'
WISHES = {"cell": "web", "weight": "7", "cpus": "1", "lend": "false", "borrow": "false"}

Answer = tuple[Policy, ConfigError | None]
Ask = Callable[[], Answer]
Write = Callable[[str | bytes], None]


@pytest.fixture
def write(config: Path) -> Write:
    def write(content: str | bytes) -> None:
        config.write_bytes(content if isinstance(content, bytes) else content.encode())
        config.chmod(0o644)

    return write


def refused(policy: Policy) -> set[str]:
    """Return which wishes the policy refuses, and demand that each line says why."""
    found = set()
    for key, value in WISHES.items():
        try:
            annotations.limit(annotations.parse({f"org.ocihook/{key}": value}), policy)
        except PolicyError as error:
            said = str(error)
            found.add(
                key if f" of {policy.file} cannot be known (repair the file" in said else said
            )
    return found


def problem_of(answer: Answer) -> str:
    assert answer[1] is not None
    return str(answer[1])


def test_a_wish_is_refused_with_the_key_that_cannot_be_known() -> None:
    policy = strictest("start", "/etc/c.toml")
    assert refused(policy) == set(WISHES)
    with pytest.raises(PolicyError) as caught:
        policy.check_weight(7, "annotation org.ocihook/weight")
    assert str(caught.value) == (
        "annotation org.ocihook/weight: 7 is refused while limits.weight_max of /etc/c.toml cannot "
        "be known (repair the file: ocihook config check)"
    )
    annotations.limit(annotations.parse({"org.ocihook/required": "true"}), policy)


@pytest.mark.parametrize(
    ("text", "allowed", "on_error"),
    [
        # A misspelt limit may have been any of those that are not there.
        ("[limits]\nweight_min = 1\nwieght_max = 5\nlend_off = true\n", {"lend"}, "start"),
        ('[limits]\nweight_min = 1\nweight_max = 9\nown_cpus = "x"\n[hook]\non_error = "refuse"\n',
         {"weight"}, "refuse"),
        ('[limit]\nown_cpus_max = 0\n[hook]\non_error = "refuse"\n', set(), "refuse"),
        (SHARED + 'borrow_off = true\n[hook]\non_eror = "refuse"\n', {"cell", "borrow"}, "start"),
        (SHARED + "weight_min = 9\nweight_max = 3\n", {"cell"}, "start"),
        ('[limits]\nshared_cells = ["web"]\nx = 1\n', set(), "start"),
        ('[limits]\nown_cpus_max = 1\nown_cpus = "all"\n[log]\nlevel = 1\n', {"cpus"}, "start"),
        ("limits = 1\n", set(), "start"),
        ("not TOML", set(), "start"),
        (b"\xff", set(), "start"),
        ("#" * (1 << 20), set(), "start"),
        (b"\x00", set(), "start"),
        ("[[[", set(), "start"),
        ("a.b.c=1\na.b=2", set(), "start"),
    ],
)  # fmt: skip
def test_of_a_file_with_mistakes_what_is_right_counts(
    write: Write, config: Path, text: str | bytes, allowed: set[str], on_error: str
) -> None:
    write(text)
    answer = configured.in_force()
    assert refused(answer[0]) == set(WISHES) - allowed
    assert answer[0].on_error == on_error
    assert str(config) in problem_of(answer)
    assert problem_of(answer).endswith(
        "; what is right in it counts, and wishes that the rest may limit are refused"
    )
    again = configured.in_force()
    assert again[0] == answer[0]
    assert problem_of(again) == problem_of(answer)


def test_a_limit_that_is_right_still_refuses(write: Write, config: Path) -> None:
    write("[limits]\nown_cpus_max = 0\nown_cpus = 'all'\nwieght_max = 5\n")
    with pytest.raises(PolicyError, match=rf"above limits.own_cpus_max = 0 of {config}$"):
        configured.in_force()[0].check_own_cpus(1, 0, "x")


def test_what_is_right_in_one_mistake_does_not_hold_in_the_next(write: Write) -> None:
    """Only what was right as a whole is worth keeping."""
    write("[limits]\nweight_min = 1\nweight_max = 5000\nx = 1\n")
    assert refused(configured.in_force()[0]) == set(WISHES) - {"weight"}
    write("[limits]\nx = 1\n")
    assert refused(configured.in_force()[0]) == set(WISHES)


def no_file(config: Path) -> None:
    config.unlink()
    config.mkdir()


def not_roots(config: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(config, 12345, 0)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "writable": (
        lambda config: config.chmod(0o664),
        "writable by others than its owner (mode 0664); not used",
    ),
    "not root's": (not_roots, "owned by uid 12345, and not by root; not used"),
    "no file": (no_file, "not a regular file; not used"),
    "a loop": (
        lambda config: (config.unlink(), config.symlink_to(config)),
        "too many levels of symbolic links",
    ),
}


@pytest.mark.parametrize("kind", UNUSABLE)
@pytest.mark.parametrize("before", [True, False], ids=["before", "nothing before"])
def test_a_file_that_is_of_no_use(write: Write, config: Path, kind: str, before: bool) -> None:
    """Its own text counts for nothing, whoever wrote it; what was stored of it is root's."""
    write(GOOD)
    if before:
        configured.in_force()
    else:
        write("[limits]\nweight_max = 9000\n")
    break_it, why = UNUSABLE[kind]
    break_it(config)
    policy, problem = configured.in_force()
    holds = "what it said before holds" if before else "until that is mended no wish counts"
    assert str(problem) == f"{config}: {why} ({holds})"
    if before:
        assert policy == Policy(
            weight_max=300, on_error="refuse", file=str(config), written=["weight_max"]
        )
    else:
        assert policy == strictest("start", str(config))


def test_a_file_that_may_not_be_read(write: Write, config: Path) -> None:
    write(GOOD)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # whom pytest's directory lets nothing see
    else:
        config.chmod(0)
    try:
        policy, problem = configured.in_force()
    finally:
        os.seteuid(user)
    assert policy == strictest("start", str(config))
    assert str(problem) == f"{config}: permission denied (until that is mended no wish counts)"


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_want_of_memory_or_files_is_no_fault_of_the_file(
    write: Write, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container can bring it about, so it is not for this module to say what holds."""
    write(GOOD)

    def fail(*_arguments: object, **_more: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(posix, "open", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        configured.in_force()


def test_the_strictest_policy_knows_no_limit() -> None:
    assert strictest("refuse", "f") == Policy(on_error="refuse", file="f", unknown=list(LIMITS))
    assert strictest("refuse", "f").fails_closed(False)
