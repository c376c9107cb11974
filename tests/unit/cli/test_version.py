# SPDX-License-Identifier: Apache-2.0
"""``ocihook version``: what it says of this machine and of others."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ocihook
from ocihook import schema
from ocihook.abi import OCIHOOK_ABI_VERSION
from ocihook.cli import version as version_command

Run = Callable[..., Any]
Snapshot = Callable[[str, str], None]
DOCUMENT = {
    "version": "0.1.0", "package": "/opt/ocihook/lib/python3.13/site-packages/ocihook", "abi": 2,
    "libbpf": "1.5", "python": "3.13.5", "interpreter": "/opt/ocihook/bin/python",
    "kernel": "6.18.1+deb14-amd64", "machine": "x86_64",
    "sched_ext": {"state": "enabled", "scheduler": "ocihook"},
    "btf": {"verdict": "sound", "kfunc": None},
}  # fmt: skip


def test_plain_it_is_one_line(run: Run) -> None:
    assert run("version") == (0, f"ocihook {ocihook.__version__}\n", "")
    assert run("version") == run("--version")


def test_this_machine(run: Run) -> None:
    outcome = run("version", "--json")
    assert (outcome.status, outcome.stderr) == (0, "")
    document = json.loads(outcome.stdout)
    assert schema.findings("version", document) == []
    assert (document["version"], document["abi"]) == (ocihook.__version__, OCIHOOK_ABI_VERSION)
    assert document["kernel"] == os.uname().release
    assert document["interpreter"] == sys.executable
    assert (document["sched_ext"] is None) is not Path("/sys/kernel/sched_ext").is_dir()
    assert run("version", "--verbose").status == 0
    assert run("version", "--verbose", "--json") == outcome


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("running", {}),
        ("idle", {"sched_ext": {"state": "disabled", "scheduler": None}}),
        ("without-sched-ext", {"sched_ext": None, "btf": {"verdict": "missing", "kfunc": None}}),
        (
            "malformed",
            {
                "sched_ext": {"state": "disabled", "scheduler": None},
                "btf": {"verdict": "malformed", "kfunc": "scx_bpf_dsq_move"},
            },
        ),
    ],
)
def test_screen(
    run: Run, monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot, name: str, members: Any
) -> None:
    document = {**DOCUMENT, **members}
    assert schema.findings("version", document) == []
    monkeypatch.setattr(version_command, "versions", lambda: document)
    outcome = run("version", "--verbose")
    assert (outcome.status, outcome.stderr) == (0, "")
    snapshot(f"version-{name}", outcome.stdout)
