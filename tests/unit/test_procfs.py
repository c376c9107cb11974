# SPDX-License-Identifier: Apache-2.0
"""Text of the kernel's, with all that Python takes for the end of a line or of a word."""

from pathlib import Path

import pytest

from ocihook import procfs

ENDS = ["\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
"""str.splitlines() ends a line at each of these."""

SPACES = [*ENDS, "\x1f", "\u00a0", "\u1680", "\u2003", "\u202f", "\u3000"]
"""str.split() ends a word at each of these."""


@pytest.mark.parametrize("char", ENDS, ids=ascii)
def test_a_line_ends_at_a_newline_alone(tmp_path: Path, char: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(f"a{char}b\nc{char}\n".encode())
    assert procfs.lines(procfs.read(path)) == [f"a{char}b", f"c{char}"]


@pytest.mark.parametrize("char", SPACES, ids=ascii)
def test_a_field_ends_at_a_blank_alone(char: str) -> None:
    assert procfs.words(f" a{char}b  c ", " ") == [f"a{char}b", "c"]
    if char not in procfs.BLANKS:
        assert procfs.words(f"a{char}b c") == [f"a{char}b", "c"]


def test_lines_without_a_last_newline() -> None:
    assert procfs.lines("") == []
    assert procfs.lines("a") == ["a"]
    assert procfs.lines("a\n\n") == ["a", ""]


def test_words_between_blanks_of_several_kinds() -> None:
    assert procfs.words(" a\tb \n c\r\n") == ["a", "b", "c"]
    assert procfs.words(" \n") == []


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"/mnt/\xff\n")
    assert procfs.read(path).encode("utf-8", "surrogateescape") == b"/mnt/\xff\n"


def test_a_file_without_a_size() -> None:
    assert procfs.read("/proc/self/stat").endswith("\n")
