# SPDX-License-Identifier: Apache-2.0
"""The command `ocihook doctor`: its screens, its JSON, its exit codes."""

import json
import os
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fake_host import LIBRARY, FakeHost
from rich.console import Console
from situations import another_abi, foreign, unprivileged, without_sched_ext

from ocihook import schema
from ocihook.abi import OCIHOOK_ABI_VERSION, SchedulerRecord
from ocihook.cli import doctor
from ocihook.doctor import TOPICS, program
from ocihook.install import service
from ocihook.paths import PIN_ROOT

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]
HOOKS_DIR = "/usr/share/containers/oci/hooks.d"


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


@pytest.fixture
def command(run: Run, monkeypatch: pytest.MonkeyPatch, fake: FakeHost) -> Run:
    """The command, on the fake host."""
    monkeypatch.setattr("ocihook.doctor.host.Host", lambda: fake.host)
    return run


def sick(fake: FakeHost) -> None:
    """Break something of every topic."""
    fake.path("/sys/kernel/sched_ext/root/ops").unlink()
    fake.write("/sys/kernel/sched_ext/state", "disabled\n")
    fake.record = SchedulerRecord(
        exited_ns=2,
        exit_kind=1026,
        exit_reason=b"runnable task stall",
        exit_message=b"stress-ng[4242] failed to run for 30.104s",
    )
    fake.path(PIN_ROOT).chmod(0o755)
    fake.path(f"{PIN_ROOT}/v1").mkdir()
    fake.write("/sys/fs/cgroup/cgroup.controllers", "memory pids\n")
    fake.program("/usr/bin/crun", "crun version 1.28")
    fake.program("/usr/bin/podman", "podman version 5.4.2")
    fake.write(f"{HOOKS_DIR}/10-other.json", '{"version": "1.0.0",}')
    fake.path(f"{HOOKS_DIR}/ocihook-poststop.json").unlink()
    fake.write(f"{LIBRARY}/ocihook/__init__.py", '__version__ = "0.0.9"\n')
    fake.path(str(service.WANTED_BY)).unlink()
    fake.write("/etc/ocihook/config.toml", "[limits]\nweight_max 10\n").chmod(0o644)


HOSTS: dict[str, Callable[[FakeHost], None]] = {
    "healthy": lambda _fake: None,
    "sick": sick,
    "without-sched-ext": without_sched_ext,
    "foreign": foreign,
    "another-abi": another_abi,
    "unprivileged": unprivileged,
}
EXIT_CODES = {
    "healthy": 0, "sick": 78, "without-sched-ext": 69, "foreign": 69, "another-abi": 76,
    "unprivileged": 77,
}  # fmt: skip


def screen(fake: FakeHost, width: int) -> str:
    # What differs from one user and ABI to the next, and nothing more.
    said = re.sub(rf"\bv{OCIHOOK_ABI_VERSION}\b", "vN", json.dumps(fake.documents()))
    said = re.sub(r"\b(owner|chown) \d+", r"\1 0", said)
    text = StringIO()
    console = Console(file=text, width=width, highlight=False, color_system=None)
    console.print(doctor.screen(json.loads(said)))
    return text.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", HOSTS)
def test_screen(
    fake: FakeHost, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    monkeypatch.setattr(program, "__version__", "9.9.9")
    fake.write(f"{LIBRARY}/ocihook/__init__.py", '__version__ = "9.9.9"\n')
    HOSTS[name](fake)
    text = screen(fake, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    snapshot(f"doctor-{name}-{width}", text)


@pytest.mark.parametrize("name", HOSTS)
def test_json_and_exit_code(command: Run, fake: FakeHost, name: str) -> None:
    HOSTS[name](fake)
    outcome = command("doctor", "--json")
    found = json.loads(outcome.stdout)
    assert schema.findings("doctor", found) == []
    assert outcome.status == found["exit_code"] == EXIT_CODES[name]
    assert outcome.stderr == ""
    assert sum(found["counts"].values()) == len(found["findings"])


def test_this_host(run: Run) -> None:
    """The real one, which has sched_ext or not, and a scheduler or not."""
    outcome = run("doctor", "--json")
    found = json.loads(outcome.stdout)
    assert schema.findings("doctor", found) == []
    assert outcome.status == found["exit_code"]
    assert {each["topic"] for each in found["findings"]} >= {"kernel", "bpffs", "cgroups", "config"}
    if not os.path.isdir("/sys/kernel/sched_ext"):
        assert outcome.status >= os.EX_UNAVAILABLE


def test_only(command: Run, fake: FakeHost) -> None:
    sick(fake)
    for topics in (["bpffs"], ["cgroups", "kernel"], ["program"]):
        options = [part for topic in topics for part in ("--only", topic)]
        found = json.loads(command("doctor", "--json", *options).stdout)
        assert {each["topic"] for each in found["findings"]} == set(topics)
    outcome = command("doctor", "--only", "bpffs")
    assert outcome.status == os.EX_DATAERR
    assert outcome.stdout.startswith("bpffs\n  ok       mount")


def test_unknown_topic(command: Run) -> None:
    outcome = command("doctor", "--only", "nonsense")
    assert (outcome.status, outcome.stdout) == (2, "")
    for topic in TOPICS:
        assert topic in outcome.stderr


def test_a_pipe_gets_each_finding_on_a_line(command: Run, fake: FakeHost) -> None:
    sick(fake)
    lines = command("doctor").stdout.splitlines()
    (line,) = [line for line in lines if "10-other.json: no JSON" in line]
    assert line.split()[:2] == ["error", "file"]
    assert line.endswith("podman starts no container while it is there")


def test_names_of_files_do_not_reach_the_terminal(command: Run, fake: FakeHost) -> None:
    fake.write(f"{HOOKS_DIR}/\x1b[31m[red]x.json", "{")
    outcome = command("doctor", "--only", "hooks.d")
    assert "\\x1b[31m[red]x.json: no JSON" in outcome.stdout
    assert "\x1b" not in outcome.stdout


def test_schema_has_every_topic() -> None:
    members = schema.load("doctor")["properties"]["findings"]["items"]["properties"]
    assert tuple(members["topic"]["enum"]) == TOPICS
