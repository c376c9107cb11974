# SPDX-License-Identifier: Apache-2.0
"""``ocihook version``: what runs here, on kernels of every kind."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ocihook
from ocihook import schema
from ocihook._bpf.kernel_btf import NoKernelBtf, libbpf_version
from ocihook.abi import OCIHOOK_ABI_VERSION
from ocihook.cli import version as version_command
from ocihook.sched import versions as found

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


def test_libbpf_is_one_that_can_load_the_scheduler() -> None:
    """1.4 is the floor (ocihook/_bpf/libbpf_build.py)."""
    assert re.fullmatch(r"[0-9]+\.[0-9]+(\.[0-9]+)?", libbpf_version())
    assert tuple(map(int, libbpf_version().split(".")[:2])) >= (1, 4)


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


@pytest.fixture
def sched_ext(tmp_path: Path) -> Path:
    (tmp_path / "state").write_text("enabled\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "ops").write_text("lavd\n")
    return tmp_path


def test_a_kernel_with_sched_ext(sched_ext: Path) -> None:
    assert found.versions(str(sched_ext))["sched_ext"] == {"state": "enabled", "scheduler": "lavd"}
    (sched_ext / "root" / "ops").unlink()
    (sched_ext / "state").write_text("disabled\n")
    document = found.versions(str(sched_ext))
    assert document["sched_ext"] == {"state": "disabled", "scheduler": None}
    assert schema.findings("version", document) == []


def test_a_kernel_without_sched_ext(tmp_path: Path) -> None:
    assert found.versions(str(tmp_path / "none"))["sched_ext"] is None


def no_btf() -> str | None:
    raise NoKernelBtf


@pytest.mark.parametrize(
    ("malformed_kfunc", "verdict"),
    [
        (no_btf, {"verdict": "missing", "kfunc": None}),
        (lambda: None, {"verdict": "sound", "kfunc": None}),
        (lambda: "scx_bpf_x", {"verdict": "malformed", "kfunc": "scx_bpf_x"}),
    ],
)
def test_btf(
    monkeypatch: pytest.MonkeyPatch, malformed_kfunc: Callable[[], Any], verdict: Any
) -> None:
    monkeypatch.setattr(found, "malformed_kfunc", malformed_kfunc)
    assert found.versions()["btf"] == verdict
