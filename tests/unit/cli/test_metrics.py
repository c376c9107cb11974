# SPDX-License-Identifier: Apache-2.0
"""``ocihook metrics``: where the text goes, and what a textfile collector may see of it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocihook.cli import metrics as metrics_command
from ocihook.errors import SystemCallError

Run = Callable[..., Any]
TEXT = '# HELP x X.\n# TYPE x gauge\nx{name="gr\u00fc\u00df\x1b[31m\u2028"} 1\n'


@pytest.fixture(autouse=True)
def _collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_command, "collect", lambda: TEXT)


def test_a_pipe_gets_the_text_as_it_is(run: Run) -> None:
    assert run("metrics") == (0, TEXT, "")


def test_a_terminal_is_not_told_what_to_do(run: Run, terminal: Callable[[int], None]) -> None:
    """Whoever starts a container chooses its names."""
    terminal(80)
    shown = run("metrics").stdout
    assert shown.splitlines()[-1] == 'x{name="gr\u00fc\u00df\\x1b[31m\\u2028"} 1'


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_a_file_is_readable_for_the_collector(run: Run, tmp_path: Path, option: str) -> None:
    path = tmp_path / "ocihook.prom"
    before = os.umask(0o077)
    try:
        assert run("metrics", option, str(path)) == (0, "", "")
    finally:
        os.umask(before)
    assert path.read_bytes() == TEXT.encode()
    assert path.stat().st_mode & 0o7777 == 0o644
    assert os.listdir(tmp_path) == ["ocihook.prom"]


def test_a_file_is_new_each_time(run: Run, tmp_path: Path) -> None:
    """node_textfile_mtime_seconds is how somebody learns that nothing is written any more."""
    path = tmp_path / "ocihook.prom"
    run("metrics", "-o", str(path))
    os.utime(path, (1, 1))
    run("metrics", "-o", str(path))
    assert path.stat().st_mtime > 1


def test_a_reader_never_sees_half_a_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "x 1\n" * 100_000
    monkeypatch.setattr(metrics_command, "collect", lambda: long)
    path = tmp_path / "ocihook.prom"
    run("metrics", "-o", str(path))
    ended = threading.Event()
    seen = set()

    def read() -> None:
        while not ended.is_set():
            seen.add(len(path.read_bytes()))
            assert [name for name in os.listdir(tmp_path) if name.endswith(".prom")] == [path.name]

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        run("metrics", "-o", str(path))
    ended.set()
    reader.join()
    assert seen == {len(long)}


def test_another_suffix_is_refused(run: Run, tmp_path: Path) -> None:
    outcome = run("metrics", "-o", str(tmp_path / "ocihook.txt"))
    assert outcome.status == 2
    assert "names that end with .prom" in " ".join(outcome.stderr.split())
    assert os.listdir(tmp_path) == []


def test_a_directory_that_is_not_there(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none" / "ocihook.prom"
    message = "cannot be written: no such file or directory (make its directory first)"
    assert run("metrics", "-o", str(path)) == (
        os.EX_CANTCREAT, "", f"ocihook: {path}: {message}\n"
    )  # fmt: skip


def test_no_link_is_replaced_or_followed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ocihook.prom"
    path.symlink_to("/dev/null")
    message = f"ocihook: {path}: is no plain file (name one, or a new one)\n"
    assert run("metrics", "-o", str(path)) == (os.EX_CANTCREAT, "", message)
    assert path.is_symlink()


def test_what_cannot_be_asked_leaves_the_file_as_it_was(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied() -> str:
        raise SystemCallError("pin /sys/fs/bpf/ocihook", 13, "run this command as root")

    path = tmp_path / "ocihook.prom"
    path.write_text("before")
    monkeypatch.setattr(metrics_command, "collect", denied)
    outcome = run("metrics", "-o", str(path))
    assert outcome == (
        os.EX_NOPERM,
        "",
        "ocihook: pin /sys/fs/bpf/ocihook: permission denied (run this command as root)\n",
    )
    assert path.read_text() == "before"
