# SPDX-License-Identifier: Apache-2.0
"""The world of the guest's tests: one scheduler a session, cells, containers of real runtimes."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import trusting
import waiting
from bundle import BURN, Container, Make, config
from cells import Workloads, workloads
from command import Configure, command
from hang import BETWEEN_S, MARGIN_S, Watch
from kernel import enable_seq
from session import RUNTIMES

from ocihook.paths import CONFIG_FILE
from ocihook.sched import loader
from ocihook.sched.status import scheduler_status

WHERE = ("kernel", "runtime", "once", "long")
"""The marks of which each test has one: the sessions that it belongs to. See pyproject.toml."""

OUT = Path("/out")
"""What is written there goes to the machine outside."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know ``--machine``."""
    parser.addoption(
        "--machine",
        default="plain",
        help="the kind of guest this is: tests of another kind are left out (default: %(default)s)",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a file of which no test belongs here: its import costs an emulated guest time.

    All tests of a file are for one kind of guest. A file without marks is imported, and refused.
    """
    if not collection_path.match("test_*.py"):
        return None
    text = collection_path.read_text()
    marks = set(re.findall(r"\bmark\.(\w+)", text))
    machine = re.search(r'\bmark\.machine\("([\w-]+)"\)', text)
    wanted = set(re.findall(r"\w+", config.option.markexpr)) or marks
    here = (machine[1] if machine else "plain") == config.getoption("--machine")
    return True if marks.intersection(WHERE) and not (here and wanted & marks) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for another kind of guest; refuse a test that says not where it runs."""
    here: str = config.getoption("--machine")
    kept, left_out = [], []
    for item in items:
        marks = [name for name in WHERE if item.get_closest_marker(name)]
        if len(marks) != 1:
            message = f"{item.nodeid}: has the marks {marks}, not one of {', '.join(WHERE)}"
            raise pytest.UsageError(message)
        if item.get_closest_marker("alone") and marks != ["once"]:
            raise pytest.UsageError(f"{item.nodeid}: has the mark alone, and not once")
        machine = item.get_closest_marker("machine")
        (kept if here == (machine.args[0] if machine else "plain") else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


_WATCH = pytest.StashKey[Watch]()


def pytest_configure(config: pytest.Config) -> None:
    """Have the rig watch this session; a hang of its own has no test's name."""
    config.stash[_WATCH] = Watch()
    config.stash[_WATCH].say(BETWEEN_S, "the collection of tests")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Announce that nothing follows."""
    config.stash[_WATCH].close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Announce each test with all of its fixtures."""
    own = item.get_closest_marker("timeout")
    seconds = float(own.args[0] if own else item.config.getini("timeout"))
    with item.config.stash[_WATCH].over(item.nodeid, seconds + MARGIN_S):
        return (yield)


def pytest_sessionfinish() -> None:
    """Hand the fixed waits to the table at the end of the whole run."""
    if OUT.is_dir():
        (OUT / "waits.json").write_text(json.dumps(waiting.fixed_s()))


@pytest.fixture(scope="session", autouse=True)
def installed() -> Iterator[None]:
    """Install the hook program and the hooks.d files for the session, and trust its containers."""
    file = Path(CONFIG_FILE)
    file.parent.mkdir(exist_ok=True)
    file.write_text(trusting.TEXT)
    file.chmod(0o644)
    command("install")
    yield
    command("uninstall")
    file.unlink()


@pytest.fixture
def scheduler() -> Iterator[None]:
    """Run the scheduler, and demand that the test did not get it ejected."""
    loader.start()
    attached = enable_seq()
    yield
    document = scheduler_status()
    assert document["state"] == "running", document["exit"]
    assert enable_seq() == attached


@pytest.fixture(scope="session", autouse=True)
def _stopped_at_the_end() -> Iterator[None]:
    yield
    command("scheduler", "stop", check=False)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime in turn."""
    name: str = request.param
    return name


@pytest.fixture
def cells(scheduler: None) -> Iterator[Workloads]:
    """Return a maker of cells without a runtime, all removed after the test."""
    yield from workloads()


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Write the configuration, and bring back what was there."""
    file = Path(CONFIG_FILE)
    before = file.read_text()

    def write(text: str) -> None:
        file.write_text(text)

    yield write
    file.write_text(before)
    command("install")


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Return a maker of containers, all removed after the test."""
    made: list[Container] = []
    prefix = "".join(c if c.isalnum() else "-" for c in request.node.name)[:40]

    def maker(
        runtime: str, name: str = "c", command: tuple[str, ...] = BURN, **options: object
    ) -> Container:
        container = f"{prefix}-{name}"
        document = config(container, command, **options)  # type: ignore[arg-type]
        made.append(Container(runtime, container, tmp_path / container, document))
        return made[-1]

    yield maker
    for container in made:
        container.kill_tasks()
    for container in made:
        container.clean_up()
