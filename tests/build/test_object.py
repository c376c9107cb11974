# SPDX-License-Identifier: Apache-2.0
"""The BPF object that was built, and ocihook/abi.py beside it."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ocihook import abi
from ocihook.record import Record
from ocihook.sched.times import DEFAULT_TIMES

ROOT = Path(__file__).parents[2]
RECORDS = {
    value.__name__: value
    for value in vars(abi).values()
    if isinstance(value, type) and issubclass(value, Record) and value is not Record
}
ASSERTED = {
    name: int(size)
    for name, size in re.findall(
        r"_Static_assert\(sizeof\(struct (\w+)\) == (\d+),", (ROOT / "bpf" / "abi.h").read_text()
    )
}


FAULT_OBJECT = ROOT / "build" / "fault" / "ocihook.bpf.o"
"""Made by ./dev beside the one that is installed: ``setup.py build_bpf --fault-injection``."""


def symbols(path: Path) -> list[str]:
    done = subprocess.run(
        ["readelf", "--wide", "--symbols", path],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return re.findall(r" (\S+)$", done.stdout, re.MULTILINE)


@pytest.fixture(scope="module")
def sections(gen_abi: ModuleType) -> list[str]:
    done = subprocess.run(
        ["readelf", "--wide", "--section-headers", gen_abi.OBJECT],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return re.findall(r"^ +\[ *[1-9]\d*\] (\S+)", done.stdout, re.MULTILINE)


def test_abi_is_in_step() -> None:
    program = ROOT / "tools" / "gen_abi.py"
    done = subprocess.run(
        [sys.executable, program, "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_abi_changed_by_hand_is_refused_and_written_again(
    gen_abi: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = gen_abi.TARGET.read_text()
    changed = tmp_path / "abi.py"
    changed.write_text(text.replace("OCIHOOK_WEIGHT_MAX = 10000", "OCIHOOK_WEIGHT_MAX = 10001"))
    assert changed.read_text() != text
    monkeypatch.setattr(gen_abi, "TARGET", changed)

    monkeypatch.setattr(sys, "argv", ["gen_abi.py", "--check"])
    assert gen_abi.main() == 1
    message = "gen_abi: ocihook/abi.py is out of step with bpf/abi.h; run tools/gen_abi.py\n"
    assert capsys.readouterr().out == message

    monkeypatch.setattr(sys, "argv", ["gen_abi.py"])
    assert gen_abi.main() == 0
    assert changed.read_text() == text


def test_each_struct_has_its_size_asserted() -> None:
    """struct cpu_words is a member only."""
    names = {"".join(part.capitalize() for part in name.split("_")) for name in ASSERTED}
    assert names - {"CpuWords"} == set(RECORDS)


@pytest.mark.parametrize("name", sorted(set(ASSERTED) - {"cpu_words"}))
def test_struct_has_the_size_that_abi_h_asserts(name: str) -> None:
    record = RECORDS["".join(part.capitalize() for part in name.split("_"))]
    assert record.LAYOUT.size == ASSERTED[name]


def test_object_has_btf_and_no_dwarf(sections: list[str]) -> None:
    assert {".BTF", ".BTF.ext", ".struct_ops.link", ".maps"} <= set(sections)
    assert [name for name in sections if "debug" in name] == []


def test_object_has_the_times_that_python_passes(gen_abi: ModuleType) -> None:
    """bpf/abi.h is the one place where they stand; an object that is not configured has them."""
    image = gen_abi.OBJECT.read_bytes()
    config = abi.SchedulerConfig.unpack(gen_abi.elf_section(image, ".rodata.config"))
    assert (config.timeout_ms, config.stall_ns, config.throttle_max_ns) == DEFAULT_TIMES


def test_object_is_gpl(gen_abi: ModuleType) -> None:
    """The kernel lends most of its helpers and every kfunc of sched_ext to GPL programs only."""
    assert gen_abi.elf_section(gen_abi.OBJECT.read_bytes(), "license") == b"GPL\0"


def test_object_cannot_end_the_scheduler(gen_abi: ModuleType) -> None:
    """A call of scx_bpf_error() or scx_bpf_exit() would be of one of these kfuncs."""
    called = [name for name in symbols(gen_abi.OBJECT) if name.startswith("scx_bpf_")]
    assert "scx_bpf_kick_cpu" in called, "kfuncs are symbols"
    assert {"scx_bpf_error_bstr", "scx_bpf_exit_bstr"}.isdisjoint(called)


def test_forks_fail_in_the_object_for_tests_alone(gen_abi: ModuleType) -> None:
    """Neither a symbol nor a type of fault.bpf.h is in what is installed."""
    assert {"fault_forks", "fault_state"} <= set(symbols(FAULT_OBJECT))
    assert [name for name in symbols(gen_abi.OBJECT) if "fault_" in name] == []
    for path, expected in ((FAULT_OBJECT, True), (gen_abi.OBJECT, False)):
        names = gen_abi.elf_section(path.read_bytes(), ".BTF")
        assert (b"fault_request" in names) is expected
