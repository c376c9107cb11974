# SPDX-License-Identifier: Apache-2.0
"""A standard output that takes nothing: the real command, and a real device that is full."""

import errno
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import IO

import pytest

from ocihook.cli import output

COMMAND = Path(sysconfig.get_path("scripts"), "ocihook")
WORDS = [
    ("version",), ("config", "show", "--json"), ("metrics",), ("doctor", "--only", "kernel"),
]  # fmt: skip


def told(words: tuple[str, ...], stdout: IO[bytes] | int) -> tuple[int, str]:
    """Run the command; return its status and what it says on standard error."""
    done = subprocess.run(
        [COMMAND, *words], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_full_disk_is_one_line(words: tuple[str, ...]) -> None:
    message = "no space left on device (make room there, and do it again)"
    with open("/dev/full", "wb") as full:
        assert told(words, full) == (os.EX_OSERR, f"ocihook: standard output: {message}\n")


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_error(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert told(words, writing) == (1, "")
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[red]x[/red]", "[red]x[/red]"),
        ("[/]", "[/]"),
        ("[link=file:///]", "[link=file:///]"),
        (":boom:", ":boom:"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eevil", "\\u202eevil"),
        ("\udcff", "\\udcff"),
        ("gr\u00fc\u00df \u4e2d", "gr\u00fc\u00df \u4e2d"),
    ],
)
def test_table_shows_names_as_they_are(
    capsys: pytest.CaptureFixture[str], name: str, shown: str
) -> None:
    """Whoever starts a container chooses its names; the terminal is the administrator's."""
    output.show_table((("NAME", False), ("N", True)), [[name, "1"]])
    _, row = capsys.readouterr().out.splitlines()
    assert row.split("  ")[0].rstrip() == shown


@pytest.mark.parametrize(
    ("number", "path", "said"),
    [
        (errno.ENOENT, "/proc/self/mountinfo",
         "/proc/self/mountinfo: no such file or directory (look whether procfs is mounted there)"),
        (errno.EROFS, "/sys/fs/bpf/ocihook/new", "/sys/fs/bpf/ocihook/new: read-only file system"
         " (look whether bpffs is mounted there, and not read-only)"),
        (errno.ENOENT, "/sys/kernel/x",
         "/sys/kernel/x: no such file or directory (look whether sysfs is mounted there)"),
    ],
)  # fmt: skip
def test_what_is_mounted_on_any_host_is_not(
    capsys: pytest.CaptureFixture[str], number: int, path: str, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        output.give_up(OSError(number, os.strerror(number), path))
    assert ended.value.code == os.EX_OSERR
    assert capsys.readouterr().err == f"ocihook: {said}\n"


def test_an_error_of_another_file_is_a_fault_of_ours() -> None:
    error = FileNotFoundError(errno.ENOENT, "x", "/procession")
    with pytest.raises(FileNotFoundError) as raised:
        output.give_up(error)
    assert raised.value is error


@pytest.mark.parametrize(
    ("cpus", "shown"),
    [(0, "-"), (0.0004, "0.0"), (0.0312, "3.1"), (0.9994, "99.9"), (0.9996, "100"), (12.3, "1230")],
)
def test_percent_of_a_cpu(cpus: float, shown: str) -> None:
    assert output.percent(cpus) == shown


def test_ids_are_as_long_as_podman_has_them() -> None:
    name = f"libpod-{'0123456789abcdef' * 4}.scope"
    assert output.short_ids(name) == "libpod-0123456789ab….scope"
    assert output.short_ids("a" * 63) == "a" * 63


HOSTILE = "a\x1b[2Jb\nocihook: all is well\u202e\x07"
WRITTEN = r"a\x1b[2Jb\nocihook: all is well\u202e\x07"


def test_no_line_is_raw(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of cells, cgroups and tasks are others': no escape, no second line, no turned text."""
    output.say(HOSTILE)
    output.complain(HOSTILE)
    assert capsys.readouterr() == (f"{WRITTEN}\n", f"ocihook: {WRITTEN}\n")
    output.say("a\tb")
    assert capsys.readouterr().out == "a\tb\n"
