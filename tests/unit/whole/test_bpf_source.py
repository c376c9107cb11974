# SPDX-License-Identifier: Apache-2.0
"""What bpf/ promises to whoever reads it: short functions, all topics listed, versions named."""

import re
from pathlib import Path

import pytest

from ocihook._bpf.scheduler_object import MAPS

BPF = Path(__file__).parents[3] / "bpf"
SOURCES = {path.name: path.read_text() for path in sorted(BPF.glob("*.[ch]"))}

SCREEN_LINES = 60
"""A body of so many lines still fits on a screen."""


def bodies(text: str) -> list[tuple[int, int]]:
    """Return the line where each function's body begins, and how many lines it has.

    clang-format puts the braces of functions, and only those, alone at the beginning of a line.
    """
    found = []
    began = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            began = number
        elif line == "}":
            found.append((began, number - began - 1))
    return found


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", SOURCES)
def test_no_function_needs_scrolling(name: str) -> None:
    assert [body for body in bodies(SOURCES[name]) if body[1] > SCREEN_LINES] == []


def test_functions_are_found() -> None:
    assert sum(len(bodies(text)) for text in SOURCES.values()) > 150
    assert bodies("int f(void)\n{\n" + "\treturn 0;\n" * 61 + "}\n") == [(2, 61)]


@pytest.mark.parametrize("name", SOURCES)
def test_no_data_ends_the_scheduler(name: str) -> None:
    assert not re.search(r"scx_bpf_(error|exit)", without_comments(SOURCES[name]))


def test_every_topic_is_in_the_table_of_contents() -> None:
    contents = SOURCES["ocihook.bpf.c"].split("#include")[0]
    listed = re.findall(r"^ \*\t(\S+\.h)\t", contents, re.MULTILINE)
    assert sorted(listed) == sorted(set(SOURCES) - {"ocihook.bpf.c"})


def test_each_map_with_a_timer_is_pinned() -> None:
    """The kernel frees the timers of a map that nothing holds: then none can be started."""
    text = "\n".join(SOURCES.values())
    timed = re.findall(r"struct (\w+) \{\n\tstruct bpf_timer ", text)
    maps = [
        name
        for value in timed
        for name in re.findall(rf"\(value, struct {value}\);\n\}} (\w+) SEC", text)
    ]
    assert maps
    assert set(maps) <= set(MAPS)


def test_a_kfunc_that_some_kernels_lack_has_the_version_that_brought_it() -> None:
    weak = re.findall(r"(/\*(?:[^*]|\*(?!/))*\*/)?\n[^;/]*__weak;", SOURCES["scx.bpf.h"])
    assert weak
    for comment in weak:
        assert re.search(r"came with \d\.\d+", comment), comment
