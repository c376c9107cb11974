# SPDX-License-Identifier: Apache-2.0
import os
import tomllib
from pathlib import Path

import pytest

from ocihook.config import source
from ocihook.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[limits\n", "c.toml:1: column 8: expected ']' at the end of a table declaration"),
        ("\n\nweight = \n", "c.toml:3: column 10: invalid value"),
        ('a = "b', "c.toml:1: unterminated string"),
        ("a = 1\n\nb = '", 'c.toml:3: expected "\'"'),
        ("a = 1\na = 2\n", "c.toml:2: column 6: cannot overwrite a value"),
        ("\na = " + "1" * 5000, "c.toml: exceeds the limit (4300 digits) for integer"),
        ("a = " + "[" * 100_000, "c.toml: nested too deep"),
    ],
)
def test_what_is_not_toml_has_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source.parse(text, "c.toml")
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(" (it has to be TOML)")


TEXT = """\
# limits.weight_max = 1
top = 1

[limits]  # of what may be asked for
weight_max = 5000
  own_cpus="all"
shared_cells = [
    "[web]",
]

[ enrol . exclude ]
cgroups = ["a"]
annotations."io.example/a.b" = 1

[log]
'level' = 1

[host]
"share_percent" = "weight_max = 1"
[enrol]
annotations = { "x" = 1 }
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("limits",), 4),
        (("limits", "weight_max"), 5),
        (("limits", "own_cpus"), 6),
        (("limits", "shared_cells", 0), 7),
        (("enrol", "exclude"), 11),
        (("enrol", "exclude", "cgroups", 0), 12),
        (("enrol", "exclude", "annotations", "io.example/a.b"), 13),
        (("log", "level"), 16),
        (("host", "share_percent"), 19),
        (("enrol", "annotations", "x"), 21),
        (("hook", "on_error"), 0),
    ],
)
def test_line_of(place: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert source.line_of(TEXT, place) == line


def test_a_line_ends_at_a_newline_alone() -> None:
    text = "# a\u2028b\x85c\n[limits]\nweight_max = 5\n"
    tomllib.loads(text)
    assert source.line_of(text, ("limits", "weight_max")) == 3


def open_for(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# \xe9t\xe9\n", r"config.toml:1: not UTF-8: byte 0xe9 \(write it in UTF-8\)"),
        (b"a = 1\n\n# \xff", r"config.toml:3: not UTF-8: byte 0xff \(write it in UTF-8\)"),
        (
            b"#" * (source.MAX_CONFIG_BYTES + 1),
            r"config.toml: more than 262144 bytes \(take out comments\)",
        ),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    file = open_for(path)
    with pytest.raises(ConfigError, match=f"{message}$"):
        source.read(file, "config.toml")
    os.close(file)


def test_a_fifo_in_its_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    file = open_for(tmp_path / "config.toml")
    with pytest.raises(ConfigError, match=r"config.toml: not a regular file \(put a file there"):
        source.read(file, "config.toml")
    os.close(file)


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[hook]\n")
    assert source.read(open_for(path), "config.toml") == "[hook]\n"
