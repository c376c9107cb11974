# SPDX-License-Identifier: Apache-2.0
"""What runs here, on kernels of every kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook import schema
from ocihook._bpf.kernel_btf import NoKernelBtf
from ocihook.sched import versions as found


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
