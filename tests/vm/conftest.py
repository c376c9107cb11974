# SPDX-License-Identifier: Apache-2.0
"""The order of the rig's tests, the sessions that run, and the lanes of those beside others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .guest_run import RESULTS, Outcome, run_session
from .lanes import Lanes
from .sessions import Session
from .tutorial import run_tutorial

_LANES = pytest.StashKey[Lanes]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the options that ``./dev test`` passes on."""
    parser.addoption(
        "--all-kernels",
        action="store_true",
        help="run the guests' sessions on every kernel that the scheduler is made for",
    )
    parser.addoption(
        "--quick",
        action="store_true",
        help="run the core of the guests' tests, in one session",
    )
    parser.addoption(
        "--guest-tests",
        default=[],
        type=str.split,
        metavar="'FILE ...'",
        help="run these files of tests/guest alone in the sessions",
    )


def _session_of(item: pytest.Item) -> Session | None:
    """Return the session that the item runs; None for any other test."""
    call = getattr(item, "callspec", None)
    found: Session | None = call.params.get("guest_session") if call else None
    return found


def _left_out(item: pytest.Item, config: pytest.Config) -> bool:
    if _session_of(item) and (item.get_closest_marker("quick") is None) == config.option.quick:
        return True
    return bool(item.get_closest_marker("all_kernels")) and not config.option.all_kernels


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the guests' sessions last: they take minutes, and are in vain if the rig is broken."""
    items.sort(key=lambda item: item.path.name == "test_guest.py")
    left_out = [item for item in items if _left_out(item, config)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the lanes now: they have the time of all tests of this machine."""
    config = session.config
    if not config.option.collectonly:
        wanted = [one for item in session.items if (one := _session_of(item))]
        config.stash[_LANES] = Lanes(wanted, lambda one: _run(one, config))


def _run(session: Session, config: pytest.Config, *, live: bool = False) -> Outcome:
    """Run a session as the options say; its results are in build/guests."""
    directory = RESULTS / session.name
    if session.machine == "tutorial":
        return run_tutorial(session, directory, _wheel())
    chosen: list[str] = config.getoption("--guest-tests")
    return run_session(
        session,
        directory,
        wheel=_wheel(),
        tests=chosen or ("tests/guest",),
        thorough=config.getoption("--all-kernels"),
        live=live,
    )


def _wheel() -> Path:
    """Return the built project, which ``./dev test`` makes first."""
    if "OCIHOOK_WHEEL" not in os.environ:
        message = "OCIHOOK_WHEEL: not set; run the tests with ./dev test"
        raise pytest.UsageError(message)
    return Path(os.environ["OCIHOOK_WHEEL"])


@pytest.fixture
def lanes(request: pytest.FixtureRequest) -> Lanes:
    """Return the sessions that run beside others."""
    return request.config.stash[_LANES]


@pytest.fixture
def run_alone(request: pytest.FixtureRequest, lanes: Lanes) -> Callable[[Session], Outcome]:
    """Return a function that runs a session with nothing beside it, its output being shown."""

    def call(session: Session) -> Outcome:
        lanes.wait()
        return _run(session, request.config, live=True)

    return call
