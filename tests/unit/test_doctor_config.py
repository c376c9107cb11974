# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the configuration file."""

import os
from pathlib import Path

import pytest
from fake_host import FakeHost

FILE = "/etc/ocihook/config.toml"


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def test_without_a_file_defaults_hold(fake: FakeHost) -> None:
    (found,) = fake.findings("config")
    assert (found.verdict, found.evidence) == ("ok", f"{FILE}: not there, so the defaults hold")


def test_well_formed(fake: FakeHost) -> None:
    fake.write(FILE, "").chmod(0o644)
    assert fake.bad("config") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[host\n", "expected ']' at the end of a table declaration (at line 1, column 6)"),
        (b"a = '\xff'\n", "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_broken_file(fake: FakeHost, content: bytes, said: str) -> None:
    fake.write(FILE, content).chmod(0o644)
    ((verdict, name, evidence, mend),) = fake.bad("config")
    assert (verdict, name, mend) == ("error", "file", "repair the file")
    assert evidence.startswith(f"{FILE}: {said}")
    assert fake.documents()["exit_code"] == 78


def test_file_that_others_may_write(fake: FakeHost) -> None:
    fake.write(FILE, "").chmod(0o664)
    ((verdict, name, evidence, mend),) = fake.bad("config")
    assert (verdict, name) == ("error", "access")
    assert "mode 0664" in evidence
    assert mend.endswith(f"chmod go-w {FILE}")
    fake.path(FILE).chmod(0o600)
    fake.become(administrator=os.geteuid() + 1)
    assert fake.bad("config")[0][1] == "access"


def test_no_file(fake: FakeHost) -> None:
    fake.path(FILE).mkdir(parents=True)
    ((verdict, name, evidence, _),) = fake.bad("config")
    assert (verdict, name, evidence) == ("error", "file", f"{FILE}: not a regular file")
