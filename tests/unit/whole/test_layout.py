# SPDX-License-Identifier: Apache-2.0
"""Where tests are: each unit test beside its module, and none is a module that others import."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "tests/unit"
FOLDERS = ("unit", "build", "runtime", "vm", "guest")
NAMES = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}


def module_of(test: Path) -> Path | None:
    """Return the module that a test is of, by its name: the longest one that is there.

    ``hook/test_cgroup_kinds.py`` is of ``hook/cgroup.py``, of which it tests one aspect.
    """
    words = test.stem.split("_")[1:]
    folder = ROOT / "ocihook" / test.parent.relative_to(UNIT)
    for length in range(len(words), 0, -1):
        name = "_".join(words[:length])
        for path in (folder / f"{name}.py", folder / name / "__init__.py"):
            if path.exists():
                return path
    return None


def imported(file: Path) -> set[str]:
    """Return the tests that a file imports, and those that the programs in its strings do."""
    lines = re.findall(r"(?m)^\s*(?:from|import)\s.*", file.read_text())
    return {word for line in lines for word in re.findall(r"\btest_\w+", line)} & NAMES


def test_each_unit_test_is_where_its_module_is() -> None:
    mirrored = [path for path in UNIT.rglob("test_*.py") if path.parent != UNIT / "whole"]
    assert len(mirrored) > 100
    assert [str(path) for path in mirrored if module_of(path) is None] == []


def test_an_aspect_is_beside_the_test_of_its_module() -> None:
    for path in UNIT.rglob("test_*.py"):
        module = module_of(path) if path.parent != UNIT / "whole" else None
        if module is not None:
            stem = module.parent.name if module.stem == "__init__" else module.stem
            assert path.with_name(f"test_{stem}.py").exists(), path


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_test_imports_a_test(folder: str) -> None:
    files = sorted((ROOT / "tests" / folder).rglob("*.py"))
    assert len(files) > 2
    assert {file.name: imported(file) for file in files if imported(file)} == {}


@pytest.mark.parametrize(
    "line",
    ["import test_cells", "from .test_guest import session", "from tests.vm import test_guest"],
)
def test_an_import_of_a_test_is_found(tmp_path: Path, line: str) -> None:
    file = tmp_path / "test_x.py"
    file.write_text(f'PROGRAM = """\n{line}\n"""\n')
    assert len(imported(file)) == 1
