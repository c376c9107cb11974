# SPDX-License-Identifier: Apache-2.0
"""tests/guest, run inside guests: one boot for each pair of a Debian suite and a kernel.

Each guest's whole session is one test here. Its output goes straight to the terminal; what failed
in it is named in the failure. With ``--all-kernels`` that is every kernel the scheduler is made
for, and those which it has to refuse. A kernel that Debian has no longer fails its test, by name.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .progress import say
from .run import Request, run

CLONE = Path(__file__).parents[2]

_ALL = pytest.mark.all_kernels

GUESTS = [
    pytest.param("trixie", "6.18"),
    pytest.param("forky", "7.3"),
    pytest.param("trixie", "6.16", marks=_ALL),
    pytest.param("trixie", "6.17", marks=_ALL),
    pytest.param("trixie", "6.19", marks=_ALL),
    pytest.param("trixie", "7.0", marks=_ALL),
]
"""Runtimes of a suite on a kernel: first the one most machines have, then the newest of both."""

REFUSED = [
    pytest.param("trixie", "7.1+deb13", marks=_ALL),
    pytest.param("trixie", "7.2+deb13", marks=_ALL),
]
"""Builds with malformed BTF: trixie-backports' own, not forky's of the same versions."""

LONG = {("forky", "7.3"): ("tests/guest/many_starts.py",)}
"""What takes minutes, and one session is enough for."""

ONCE = tuple(
    f"tests/guest/test_{topic}.py"
    for topic in (
        "clocks",
        "configuration",
        "denied",
        "doctor",
        "gc",
        "identity",
        "operator",
        "session",
    )
)
"""What depends on neither kernel nor runtime: in the first session, and with ``--all-kernels``."""

TWO_CACHES = [
    pytest.param("trixie", "6.18"),
    *(pytest.param(*guest.values, marks=_ALL) for guest in GUESTS[1:]),
]
"""The same kernels, on a machine of two last-level caches."""

SYSTEMD = [
    pytest.param("trixie", "6.18"),
    pytest.param("forky", "7.3", marks=_ALL),
]
"""Where systemd is the guest's init, and the runtimes' cgroups are units of it."""

EXPECTED_SKIPS: dict[str, str] = {}
"""Guest tests that may skip, with the reason. A skip that is not here is a failure."""

GUEST_TIMEOUT_S = 2400

HUNG = 128 + signal.SIGKILL
"""tests/guest/hang.py ended the session.

Seen once, on 7.3: ``podman rm`` was not to be ended by SIGKILL. What it waited for in the kernel is
not known, nor whether that was QEMU, the kernel or we; so the report is there for the next time.
"""

_LONG_WATCH_S = 60
"""How long it is watched beside load from outside of its namespace; without this: 8 s."""


def session_problems(junit: Path) -> list[str]:
    """Return what is wrong with a guest's session, one line each; nothing if all is right."""
    if not junit.exists():
        return ["the session wrote no results"]
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))
    problems = [] if cases else ["no test was run"]
    for case in cases:
        name = f"{case.get('classname')}::{case.get('name')}"
        for outcome in case:
            if outcome.tag in {"failure", "error"}:
                reason = (outcome.get("message") or "").splitlines() or ["no message"]
                problems.append(f"{name}: {reason[0]}")
            elif outcome.tag == "skipped" and name not in EXPECTED_SKIPS:
                problems.append(f"{name}: skipped unexpectedly: {outcome.get('message')}")
    return problems


@pytest.mark.timeout(2 * GUEST_TIMEOUT_S + 300)
@pytest.mark.parametrize(("suite", "kernel"), GUESTS)
def test_guest_session(
    suite: str,
    kernel: str,
    wheel: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tests = ("tests/guest", *LONG.get((suite, kernel), ()))
    if request.config.getoption("--all-kernels"):
        monkeypatch.setenv("OCIHOOK_TEST_WATCH_S", str(_LONG_WATCH_S))
    elif (suite, kernel) != GUESTS[0].values:
        tests += tuple(f"--ignore={path}" for path in ONCE)
    with capfd.disabled():
        status = session(tests, suite, kernel, wheel, tmp_path)
    problems = session_problems(tmp_path / "junit.xml")
    assert (status, problems) == (0, []), "\n".join(problems)


@pytest.mark.timeout(2 * GUEST_TIMEOUT_S + 300)
@pytest.mark.parametrize(("suite", "kernel"), REFUSED)
def test_malformed_kernel_is_refused(
    suite: str, kernel: str, wheel: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        status = session(("tests/guest/refused.py",), suite, kernel, wheel, tmp_path)
    problems = session_problems(tmp_path / "junit.xml")
    assert (status, problems) == (0, []), "\n".join(problems)


@pytest.mark.timeout(2 * GUEST_TIMEOUT_S + 300)
@pytest.mark.parametrize(("suite", "kernel"), TWO_CACHES)
def test_machine_of_two_caches(
    suite: str, kernel: str, wheel: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        tests = ("tests/guest/two_caches.py",)
        status = session(tests, suite, kernel, wheel, tmp_path, cpus=4, sockets=2)
    problems = session_problems(tmp_path / "junit.xml")
    assert (status, problems) == (0, []), "\n".join(problems)


@pytest.mark.timeout(2 * GUEST_TIMEOUT_S + 300)
@pytest.mark.parametrize(("suite", "kernel"), SYSTEMD)
def test_systemd_makes_the_cgroups(
    suite: str, kernel: str, wheel: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        tests = ("tests/guest/systemd.py", "tests/guest/systemd_unit.py")
        status = session(tests, suite, kernel, wheel, tmp_path, init="systemd")
    problems = session_problems(tmp_path / "junit.xml")
    assert (status, problems) == (0, []), "\n".join(problems)


def session(
    tests: tuple[str, ...],
    suite: str,
    kernel: str,
    wheel: Path | None,
    out_dir: Path,
    *,
    cpus: int = 2,
    sockets: int = 1,
    init: str = "plain",
    with_dir: Path = CLONE,
) -> int:
    """Run the tests of ``with_dir`` in a guest of their own and return pytest's exit status."""
    # pyproject.toml's faulthandler_timeout is for tests that hang here; the guest has its own.
    faulthandler.cancel_dump_traceback_later()
    # -P: the ocihook under test is the installed one, not the sources in /with.
    pytest_command = ("python3", "-P", "-m", "pytest", *tests, "--durations=10")
    request = Request(
        command=(*pytest_command, "-p", "no:cacheprovider", "--junitxml=/out/junit.xml"),
        suite=suite,
        kernel=kernel,
        cpus=cpus,
        sockets=sockets,
        timeout_s=GUEST_TIMEOUT_S,
        with_dir=with_dir,
        out_dir=out_dir,
        wheel=wheel,
        init=init,
    )
    print(flush=True)
    status = run(request, sys.stdout.buffer)
    if status == HUNG:
        say("a test hung, and the guest was ended (its kernel's report is above); once more")
        status = run(request, sys.stdout.buffer)
    return status
