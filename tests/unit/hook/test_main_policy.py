# SPDX-License-Identifier: Apache-2.0
"""The real hook program under a configuration: exit status, lines, what it imports and stores."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
State = Callable[..., dict[str, Any]]
REQUIRED = {"org.ocihook/required": "true"}
WRONG = {"org.ocihook/weight": "x"}
HEAVY = {"org.ocihook/weight": "5000"}

FOUND = """
import os
from ocihook.hook import cgroup
cgroup.find = lambda pid, joined: cgroup.Cgroup(77, "/machine.slice/c1", os.open("/", os.O_RDONLY))
cgroup.Cgroup.mark = lambda self, mark: None
"""
REGISTERED = (
    FOUND
    + """
from ocihook._bpf import pinned
def register(request):
    os.write(2, b"registered\\n")
    return 3, 1
pinned.register = register
"""
)
"""A scheduler that says when it is asked for a cell."""

ABSENT = "from ocihook._bpf import pinned; pinned.PIN_DIR = '/nonexistent'\n"
LIMIT = "annotation org.ocihook/weight: 5000 is above limits.weight_max = 1000 of"


@pytest.fixture
def run_under(run_hook: Run, config: Path) -> Run:
    """Run the hook under the configuration `text`; None leaves the file as it is."""

    def run(text: str | None, stage: str, state: Any, **options: Any) -> Any:
        if text is not None:
            config.write_text(text)
            config.chmod(0o644)
        return run_hook(stage, state, **options)

    return run


def test_an_annotation_above_a_limit(run_under: Run, make_state: State, config: Path) -> None:
    """The container starts with a plain cell, and a line names limit and file."""
    text = "[limits]\nweight_max = 1000\n"
    state = make_state(annotations=HEAVY)
    run = run_under(text, "createRuntime", state, prelude=REGISTERED)
    line = f"ocihook: createRuntime: container c1: {LIMIT} {config}"
    assert (run.status, run.lines) == (0, ["registered", line])
    required = make_state(annotations=HEAVY | REQUIRED)
    refused = run_under(None, "createRuntime", required, prelude=REGISTERED)
    assert (refused.status, refused.lines) == (os.EX_NOPERM, [line])
    within = make_state(annotations={"org.ocihook/weight": "1000"})
    assert run_under(None, "createRuntime", within, prelude=REGISTERED).lines == ["registered"]


@pytest.mark.parametrize("stage", ["createRuntime", "poststart"])
def test_on_error_refuse_stops_every_container_that_fails(
    run_under: Run, make_state: State, bundle: Path, stage: str
) -> None:
    text = '[hook]\non_error = "refuse"\n'
    assert run_under(text, stage, make_state(), prelude=FOUND + ABSENT).status == os.EX_UNAVAILABLE
    assert run_under(None, stage, b"{").status == os.EX_DATAERR
    broken = "from ocihook.hook import bundle; bundle.read = lambda path: 1 / 0\n"
    assert run_under(None, stage, make_state(), prelude=broken).status == os.EX_SOFTWARE
    assert run_under(None, stage, make_state(), prelude=REGISTERED).status == 0
    (bundle / "config.json").write_text("{")
    assert run_under(None, stage, make_state(), prelude=REGISTERED).status == os.EX_DATAERR


def test_on_error_refuse_does_not_count_at_poststop_or_for_an_unknown_stage(
    run_under: Run, make_state: State
) -> None:
    text = '[hook]\non_error = "refuse"\n'
    broken = "from ocihook._bpf import pinned; pinned.unregister = None\n"
    run = run_under(text, "poststop", make_state(), prelude=broken)
    assert (run.status, len(run.lines)) == (0, 1)
    assert run_under(None, "poststop", b"{").status == 0
    assert run_under(None, "prestart", make_state()).status == 0


def test_required_counts_only_where_it_may(run_under: Run, make_state: State, config: Path) -> None:
    state = make_state(annotations=REQUIRED)
    text = "[limits]\nrequired = false\n"
    run = run_under(text, "createRuntime", state, prelude=FOUND + ABSENT)
    assert run.status == 0
    (line,) = run.lines
    assert line.endswith(f"; required does not count: limits.required = false of {config}")
    assert run_under(text, "createRuntime", state, prelude=REGISTERED).lines == ["registered"]


@pytest.mark.parametrize("asks", [False, True])
def test_who_is_excluded_has_no_cell(
    run_under: Run, make_state: State, config: Path, asks: bool
) -> None:
    text = '[enrol]\nwho = "all"\n[enrol.exclude]\ncgroups = ["/machine.slice/**"]\n'
    state = make_state(annotations=HEAVY if asks else {})
    run = run_under(text, "createRuntime", state, prelude=REGISTERED)
    assert run.status == 0
    assert run.lines == asks * [
        "ocihook: createRuntime: container c1: the container is excluded by enrol.exclude.cgroups: "
        f"'/machine.slice/**' of {config} (its annotations cannot change that)"
    ]


@pytest.mark.parametrize(
    ("pattern", "annotations", "lines"),
    [
        ("/machine.slice/*", {}, ["registered"]),
        ("/kubepods.slice/**", {}, []),
        ("/kubepods.slice/**", {"org.ocihook/weight": "50"}, ["registered"]),
        ("/machine.slice/*", {"org.ocihook/cell": "off"}, []),
    ],
)
def test_a_pattern_selects(
    run_under: Run, make_state: State, pattern: str, annotations: Any, lines: list[str]
) -> None:
    text = f'enrol.cgroups = ["{pattern}"]\n'
    state = make_state(annotations=annotations)
    run = run_under(text, "createRuntime", state, prelude=REGISTERED)
    assert (run.status, run.lines) == (0, lines)


def test_a_mistake_is_one_line_and_the_container_has_its_cell(
    run_under: Run, make_state: State, config: Path
) -> None:
    run = run_under("[limits]\nwieght_max = 5\n", "createRuntime", make_state(), prelude=REGISTERED)
    line = (
        f"ocihook: createRuntime: {config}:2: limits.wieght_max: unknown; did you mean weight_max? "
        "(see: ocihook config check); what is right in it counts, and wishes that the rest may "
        "limit are refused"
    )
    assert (run.status, run.lines) == (0, [line, "registered"])
    again = run_under(None, "createRuntime", make_state(), prelude=REGISTERED)
    assert (again.status, again.lines) == (0, [line, "registered"])


def test_after_a_mistake_the_limits_from_before_hold(
    run_under: Run, make_state: State, config: Path
) -> None:
    state = make_state(annotations=HEAVY)
    run_under("[limits]\nweight_max = 1000\n", "createRuntime", state, prelude=REGISTERED)
    run = run_under("[limits]\nweight_max = 1000000\n", "createRuntime", state, prelude=REGISTERED)
    mistake, registered, limit = run.lines
    assert registered == "registered"
    assert "1000000 is neither an integer in 1..10000 nor 'cgroup'" in mistake
    assert LIMIT in limit


def test_a_file_that_others_may_write_decides_nothing(
    run_under: Run, make_state: State, config: Path
) -> None:
    config.write_text('[enrol]\nwho = "all"\n[hook]\non_error = "refuse"\n')
    config.chmod(0o666)
    run = run_under(None, "createRuntime", make_state(), prelude=FOUND + ABSENT)
    assert run.status == 0
    assert "writable by others than its owner (mode 0666)" in run.lines[0]


def test_the_deadline_of_the_configuration(run_under: Run) -> None:
    read_end, write_end = os.pipe()
    began_s = time.monotonic()
    text = '[hook]\ndeadline_s = 1\non_error = "refuse"\n'
    with os.fdopen(read_end, "rb") as stdin, os.fdopen(write_end, "wb"):
        run = run_under(text, "createRuntime", b"", stdin=stdin)
    assert time.monotonic() - began_s < 15  # and not the 20 of the default
    assert run.status == os.EX_TEMPFAIL
    assert "the deadline has passed" in run.lines[0]


def test_nothing_on_standard_error(run_under: Run, make_state: State) -> None:
    run = run_under("[log]\nstderr = false\n", "createRuntime", make_state(annotations=WRONG))
    assert (run.status, run.lines) == (0, [])


def test_level_error_tells_only_what_keeps_a_container_from_starting(
    run_under: Run, make_state: State
) -> None:
    text = '[log]\nlevel = "error"\n'
    assert run_under(text, "createRuntime", make_state(annotations=WRONG)).lines == []
    run = run_under(None, "createRuntime", make_state(annotations=WRONG | REQUIRED))
    assert (run.status, len(run.lines)) == (os.EX_DATAERR, 1)


SPY = """
from ocihook._bpf import pinned
def register(request):
    import sys
    os.write(2, " ".join(sorted(sys.modules)).encode() + b"\\n")
    return 3, 1
pinned.register = register
"""


def test_toml_is_read_once(run_under: Run, make_state: State) -> None:
    """The first run reads the file; those after it load what is stored, and nothing more."""
    text = '[limits]\nweight_max = 1000\n[enrol.exclude]\ncgroups = ["/a"]\n'
    first = set(
        run_under(text, "createRuntime", make_state(), prelude=FOUND + SPY).lines[0].split()
    )
    assert {"tomllib", "ocihook.config.compiling"} <= first
    assert "jsonschema" not in first, "the checks are by hand"
    second = run_under(None, "createRuntime", make_state(), prelude=FOUND + SPY).lines[0].split()
    slow = {"tomllib", "re", "json", "typing", "ocihook.config", "ocihook.config.check", "difflib"}
    assert not slow & set(second)
    assert {"ocihook.policy", "ocihook.hook.configured", "ocihook.glob"} <= set(second)


def test_a_package_in_the_midst_of_an_upgrade(
    run_under: Run, make_state: State, config: Path
) -> None:
    """What reads the file fails: standard input is read all the same, and the cell is there."""
    broken = "import sys; sys.modules['ocihook.hook.configured'] = None\n"
    config.write_text('[hook]\non_error = "refuse"\n')
    state = make_state(annotations=REQUIRED | {"a": "x" * 200_000})
    read_end, write_end = os.pipe()
    writer = os.fork()
    if writer == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.close(read_end)
        data = json.dumps(state).encode()
        while data:
            data = data[os.write(write_end, data) :]
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stdin:
        run = run_under(None, "createRuntime", b"", prelude=REGISTERED + broken, stdin=stdin)
    assert os.waitpid(writer, 0)[1] == 0
    problem, cell = run.lines
    assert problem.startswith("ocihook: createRuntime: internal error: ModuleNotFoundError: ")
    assert (run.status, cell) == (0, "registered")


def test_hooks_at_once_after_a_boot(run_under: Run, make_state: State, config: Path) -> None:
    """Each reads the file, one of them stores it last, and none sees half of it."""
    from concurrent.futures import ThreadPoolExecutor

    config.write_text("[limits]\nweight_max = 1000\n")
    config.chmod(0o644)
    state = make_state(annotations=HEAVY)

    def start(_number: int) -> list[str]:
        lines: list[str] = run_under(None, "createRuntime", state, prelude=FOUND).lines
        return lines

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(start, range(8)))
    assert all(len(lines) == 1 and LIMIT in lines[0] for lines in answers)
    stored = config.parent / "run"
    assert os.listdir(stored) == ["policy.json"]
    assert json.loads((stored / "policy.json").read_text())["policy"]["weight_max"] == 1000
