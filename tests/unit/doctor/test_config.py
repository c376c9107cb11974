# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: the configuration file."""

import pytest
from fake_host import FakeHost

from ocihook.paths import CONFIG_FILE as FILE


def test_without_a_file_defaults_hold(fake: FakeHost) -> None:
    found, limits = fake.findings("config")
    assert (found.verdict, found.evidence) == ("ok", f"{FILE}: not there, so the defaults hold")
    assert (limits.name, limits.verdict) == ("limits", "ok")


def test_right(fake: FakeHost) -> None:
    fake.write(FILE, "[limits]\nweight_max = 200\n").chmod(0o644)
    found, limits = fake.findings("config")
    assert (found.verdict, found.evidence) == ("ok", f"{FILE}: right")
    assert limits.verdict == "ok"


ALL_BUT_ONE = "own_cpus = all: containers together may own all CPUs but one core"
ANOTHERS = "who gives the name of another's shared cell may change it"


@pytest.mark.parametrize(
    ("limits", "evidence"),
    [
        ("own_cpus_max = 1", [f"own_cpus_max = 1, {ALL_BUT_ONE}"]),
        ("own_cpus_max = 2\nlend_off = true",
         [f"own_cpus_max = 2, {ALL_BUT_ONE}, lent to nobody while they are idle"]),
        ('own_cpus_max = 2\nlend_off = true\nown_cpus = "2-3"', []),
        ('shared_scope = "host"\nshared_change = true',
         [f"shared_scope = host, shared_change = true: {ANOTHERS}"]),
        ('shared_scope = "host"\nshared_change = true\nshared_cells = []', []),
        ('shared_scope = "host"', []),
        ("shared_change = true", []),
    ],
)  # fmt: skip
def test_limits_by_which_one_takes_what_others_need(
    fake: FakeHost, limits: str, evidence: list[str]
) -> None:
    fake.write(FILE, f"[limits]\n{limits}\n").chmod(0o644)
    found = fake.bad("config")
    assert [each[:3] for each in found] == [
        ("warning", "limits", f"{FILE}: {one}") for one in evidence
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[host\n", ":1: column 6: expected ']' at the end of a table declaration"),
        (b"a = '\xff'\n", ":1: not UTF-8: byte 0xff"),
        (b"\n[limit]\n", ":2: limit: unknown; did you mean limits?"),
        (b"[limits]\nweight_min = 9\nweight_max = 3\n", ":2: limits.weight_min: 9 is above"),
    ],
)
def test_broken_file(fake: FakeHost, content: bytes, said: str) -> None:
    fake.write(FILE, content).chmod(0o644)
    ((verdict, name, evidence, mend),) = fake.bad("config")
    assert (verdict, name) == ("error", "file")
    assert evidence.startswith(f"{FILE}{said}")
    assert evidence.endswith("; what it said before holds, or what is right in it")
    assert "ocihook config check" in mend
    assert fake.documents()["exit_code"] == 78


def test_file_that_others_may_write(fake: FakeHost) -> None:
    fake.write(FILE, "").chmod(0o664)
    ((verdict, _, evidence, mend),) = fake.bad("config")
    assert verdict == "error"
    assert evidence == f"{FILE}: writable by others than its owner (mode 0664); it is not used"
    assert mend == f"chown root {FILE}; chmod 0644 {FILE}"


def test_no_file(fake: FakeHost) -> None:
    fake.path(FILE).mkdir(parents=True)
    ((verdict, _, evidence, _),) = fake.bad("config")
    assert (verdict, evidence) == ("error", f"{FILE}: not a regular file; it is not used")
