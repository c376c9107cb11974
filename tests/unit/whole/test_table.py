# SPDX-License-Identifier: Apache-2.0
"""The table at the end of ./dev test, in small pytest sessions of their own."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests import table

pytest_plugins = ["pytester"]

UNIT = """
import time
import pytest

@pytest.fixture
def slow_to_make():
    time.sleep(0.1)

def test_quick(): pass
def test_slow(slow_to_make): pass
def test_wrong(): assert False
"""

GUESTS = """
from pathlib import Path
from tests import table

def test_rig(): pass

def test_session(request):
    results = Path("results")
    table.part(request.node, "trixie-6.18", 120.5, results / "junit.xml", results / "waits.json")
    assert False, "as tests of the guest failed"
"""

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.guest.test_quota" name="test_half" time="9.5"><failure/></testcase>
<testcase classname="tests.guest.test_quota" name="test_burst" time="70.25"/>
</testsuite></testsuites>"""

WAITS = {"tests/guest/test_quota.py::test_burst": 12.5, "outside of tests": 1.25}


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A clone with tests in two folders, called as by a ./dev that began long ago."""
    monkeypatch.setenv("OCIHOOK_BEGAN_S", "1764248573.25")
    monkeypatch.setenv("OCIHOOK_STEPS_MS", " prepare=1500 check=41000")
    # hypothesis's plugin would import it anew for each of these sessions: 3 s.
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider -p no:hypothesispytest\n")
    for path, content in {
        "tests/unit/test_unit.py": UNIT,
        "tests/vm/test_vm.py": GUESTS,
        "results/junit.xml": JUNIT,
        "results/waits.json": json.dumps(WAITS),
    }.items():
        file = pytester.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return pytester


def document(suite: pytest.Pytester) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((suite.path / "build" / "test-times.json").read_text())
    return found


def rows(result: pytest.RunResult) -> dict[str, list[str]]:
    """The words of each row, by the first of them."""
    return {words[0]: words[1:] for line in result.outlines if (words := line.split())}


GUEST_ROW = ["120.5", "2", "1", "13.8"]


def test_table_and_document(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("tests", plugins=[table])
    found = document(suite)
    table_rows = rows(result)

    assert table_rows["prepare"] == ["1.5"]
    assert table_rows["check"] == ["41.0"]
    assert table_rows["unit"][1:] == ["3", "1"]
    assert float(table_rows["unit"][0]) >= 0.1, "the setup is part of a test's time"
    assert table_rows["vm"][1:] == ["1"], "the session stands in place of the test that ran it"
    assert table_rows["trixie-6.18"] == GUEST_ROW
    (whole,) = [line for line in result.outlines if line.startswith("the whole run")]
    assert whole.split()[4:] == ["6", "2", "13.8"]

    after = result.outlines[result.outlines.index("The slowest tests:") + 2 :]
    assert after[0].split() == [
        "70.2",
        "12.5",
        "trixie-6.18",
        "tests/guest/test_quota.py::test_burst",
    ]
    assert after[1].split() == ["9.5", "0.0", "trixie-6.18", "tests/guest/test_quota.py::test_half"]
    assert after[2].split()[1:] == ["unit", "tests/unit/test_unit.py::test_slow"]

    assert re.fullmatch(r"=+ 2 failed, 3 passed in [\d.]+s =+", result.outlines[-1])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert found["exit_status"] == 1
    assert found["arguments"] == ["tests"]
    assert found["began"] == "2025-11-27T13:02:53+00:00"
    names = [part["name"] for part in found["parts"]]
    assert names == ["prepare", "check", "collection", "unit", "vm", "trixie-6.18"]


def test_table_after_an_interruption(suite: pytest.Pytester) -> None:
    later = "def test_after():\n    raise KeyboardInterrupt\n"
    (suite.path / "tests" / "vm" / "test_z.py").write_text(later)
    result = suite.runpytest_subprocess(table.ARGUMENT, "tests")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert rows(result)["trixie-6.18"] == GUEST_ROW
    found = document(suite)
    assert found["exit_status"] == 2
    # What pytester adds stands before them.
    assert found["arguments"][-1] == "tests"
    assert table.ARGUMENT not in found["arguments"]


def test_table_if_a_file_cannot_be_collected(suite: pytest.Pytester) -> None:
    (suite.path / "tests" / "unit" / "test_broken.py").write_text("import gone\n")
    result = suite.runpytest_inprocess("tests", plugins=[table])
    assert rows(result)["check"] == ["41.0"]
    assert document(suite)["exit_status"] == result.ret == 2


def test_no_table_if_no_test_runs(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--collect-only", "tests", plugins=[table])
    assert result.ret == pytest.ExitCode.OK
    assert not (suite.path / "build").exists()


def test_without_the_table_a_session_reports_to_none(suite: pytest.Pytester) -> None:
    suite.runpytest_inprocess("tests/vm").assert_outcomes(passed=1, failed=1)
    assert not (suite.path / "build").exists()


def test_dev_asks_for_the_table() -> None:
    script = Path(__file__).parents[3] / "tools" / "dev" / "test.sh"
    assert f".venv/bin/pytest {table.ARGUMENT} " in script.read_text()
