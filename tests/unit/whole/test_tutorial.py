# SPDX-License-Identifier: Apache-2.0
"""The commands that the documentation shows: those of the tutorial, which a guest carries out, and
that every one of ocihook's is one."""

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.core import TyperGroup

from ocihook import cli
from ocihook.manual.commands import subcommands

ROOT = Path(__file__).parents[3]
PAGES = sorted(ROOT.glob("docs/*.md"))


@pytest.fixture(scope="module")
def tutorial() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tutorial", ROOT / "tests/guest/test_tutorial.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(page: Path) -> list[str]:
    """Return the command lines of ocihook in a page's blocks, without comments."""
    lines = re.findall(r"(?m)^(?: {4})?(ocihook(?: .*)?)$", page.read_text())
    return [re.sub(r" +#.*", "", line) for line in lines]


def test_its_parts(tutorial: ModuleType) -> None:
    page = "```sh\na\nb\n```\n```text\nx y\n```\n```sh debian\nc\n```\n```sh arch\nd\n```\n"
    assert [tuple(step) for step in tutorial.steps(page)] == [
        ("a", ()),
        ("b", ("x y",)),
        ("c", ()),
    ]


def test_every_block_is_carried_out_or_left_out_on_purpose(tutorial: ModuleType) -> None:
    tags = set(re.findall(r"(?m)^```sh ?([\w-]*)$", tutorial.PAGE.read_text()))
    assert tags == tutorial.RUN | tutorial.LEFT_OUT


def test_it_ends_where_it_began(tutorial: ModuleType) -> None:
    found = [step.command for step in tutorial.steps(tutorial.PAGE.read_text())]
    assert {"ocihook install", "ocihook uninstall", "ocihook doctor"} <= set(found)
    assert [line for line in found if line.startswith("podman run ")]
    assert set(tutorial.STATUSES) <= set(found)
    assert not any(line.endswith("\\") for line in found), "each line is a command of its own"


DEBIAN_SOURCES = """\
# Some images have a remark here.
Types: deb
# And here.
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_source_of_backports_is_the_first_one_of_another_suite(
    tutorial: ModuleType, tmp_path: Path
) -> None:
    """What no guest carries out: it was booted with its kernel."""
    (block,) = re.findall(r"(?ms)^```sh debian-kernel\n(.*?)^```$", tutorial.PAGE.read_text())
    (line,) = [line for line in block.splitlines() if line.startswith("sed ")]
    (tmp_path / "debian.sources").write_text(DEBIAN_SOURCES)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=60)
    first = DEBIAN_SOURCES.split("\n\n")[0] + "\n"
    expected = first.replace("trixie trixie-updates", "trixie-backports")
    assert (tmp_path / "backports.sources").read_text() == expected


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        (("a 300",), "0  a  live  300  x\n", []),
        (("300 a",), "0  a  live  300  x\n", ["300 a"]),
        (("a", "b"), "a\n", ["b"]),
        (("30",), "300\n", ["30"]),
        (("a b",), "a\nb\n", ["a b"]),
    ],
)
def test_what_is_missing(
    tutorial: ModuleType, shown: tuple[str, ...], output: str, expected: list[str]
) -> None:
    assert tutorial.missing(shown, output) == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_command_line_knows_what_pages_show(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line.replace("[", "").replace("]", ""))[1:]
        if page.name == "reference.md":  # it has placeholders, and comes from the command line
            continue
        found = typer.main.get_command(cli.app)
        while isinstance(found, TyperGroup) and words and not words[0].startswith("-"):
            below = {each.name: each for each in subcommands(found)}
            assert words[0] in below, line
            found = below[words.pop(0)]
        found.make_context("ocihook", words)


def test_pages_are_searched_for_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES if page.name.startswith("howto")) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target
