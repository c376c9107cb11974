# SPDX-License-Identifier: Apache-2.0
"""The manual: complete, right about the command line, and clean for groff."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from ocihook import cli, errors
from ocihook.config.keys import KEYS
from ocihook.hook import annotations
from ocihook.install.hooks import STAGES
from ocihook.manual import hook, markdown
from ocihook.manual.commands import Command, subcommands
from ocihook.manual.examples import EXAMPLES
from ocihook.manual.exit_status import EXIT_STATUS
from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Term, Terms
from ocihook.manual.pages import file_name, man_text, pages


def command_line() -> TyperGroup:
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    return root


ROOT = command_line()
PAGES = {page.reference: page for page in pages(ROOT)}


def terms(page: Page) -> list[Term]:
    return [term for part in page.parts if isinstance(part, Terms) for term in part.items]


def every_command(command: Command, path: str) -> Iterator[tuple[str, Command]]:
    yield path, command
    for below in subcommands(command):
        yield from every_command(below, f"{path} {below.name}")


def rendered(page: Page) -> str:
    """Return the page as groff shows it, on one long line."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", "-ww", "-rLL=100n"],
        input=man_text(page, "made by a test"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if shutil.which("mandoc"):
        lint = ["mandoc", "-T", "lint", "-W", "style"]
        found = subprocess.run(lint, input=man_text(page, "c"), capture_output=True, check=False)
        # It looks for the pages that are named in SEE ALSO.
        told = [line for line in found.stdout.splitlines() if b"manual not found" not in line]
        assert told == []
    return " ".join(re.sub(r".\x08", "", done.stdout.decode("ascii")).split())


@pytest.mark.parametrize("path", [path for path, _ in every_command(ROOT, "ocihook")])
def test_every_command_and_option_is_in_it(path: str) -> None:
    command = dict(every_command(ROOT, "ocihook"))[path]
    name = "-".join(path.split()[:2])
    text = markdown.text_of([PAGES[f"{name}(1)"]])
    assert path in text
    for parameter in command.params:
        if parameter.param_type_name == "option":
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert option in text, option
        else:
            name = (parameter.metavar or parameter.human_readable_name).upper()
            assert f"- `{name}`: " in text
    assert command.help, "what it is for"


@pytest.mark.parametrize("reference", PAGES)
def test_groff_finds_nothing_wrong(reference: str) -> None:
    if not shutil.which("groff"):
        pytest.skip("needs groff")
    page = PAGES[reference]
    text = rendered(page)
    assert f"{page.name} - " in text
    for part in page.parts:
        if isinstance(part, Listing):
            assert " ".join(part.lines[0].split()) in text
    for term in terms(page):
        assert " ".join(term.name.split()) in text


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Paragraph(".TH is 'no' macro\\fB here"), ".TH is 'no' macro\\fB here"),
        (Paragraph("`a-b` ~ ^ \" `x'y`"), "a-b ~ ^ \" x'y"),
        (Listing(("'quoted", "", ".SH x", "back\\slash")), "'quoted .SH x back\\slash"),
        (Terms((Term(".dot", "text"),)), ".dot text"),
        (Heading('a "b" -c'), 'a "b" -c'),
    ],
)
def test_what_roff_would_take_for_its_own_is_text(part: Part, shown: str) -> None:
    if not shutil.which("groff"):
        pytest.skip("needs groff")
    page = Page("x", 1, "a summary", (Heading("DESCRIPTION"), part))
    assert shown in rendered(page)


def test_wrapped_lines_are_no_macros() -> None:
    """A line that begins with a dot or a quote is a macro's, wherever the wrapping put it."""
    words = " ".join(f"'w{number}" for number in range(99))
    text = man_text(Page("x", 1, "s", (Paragraph(words),)), "c").decode()
    assert len(text.splitlines()) > 8
    macros = [line for line in text.splitlines() if line.startswith((".", "'"))]
    assert [line.split()[0] for line in macros] == ['.\\"', ".TH", ".SH", ".PP"]


def test_markdown() -> None:
    parts = (Heading("SEE ALSO"), Heading("a b", 2), Listing(("x", "", "y")),
             Terms((Term("-x", "what `y` is"),)))  # fmt: skip
    assert markdown.text_of([Page("n", 1, "s", parts)]) == (
        "## n(1)\n\n### See also\n\n#### a b\n\n    x\n\n    y\n\n- `-x`: what `y` is\n"
    )


@pytest.mark.parametrize(
    ("command", "line"),
    [(command, line) for command, examples in EXAMPLES.items() for _, line in examples],
)
def test_the_command_line_reads_the_examples(command: str, line: str) -> None:
    """Each word of them: nothing runs, an option that is not there is an error all the same."""
    program, *words = shlex.split(line)
    assert (program, words[0]) == ("ocihook", command)
    found, path = ROOT, [program]
    while isinstance(found, TyperGroup) and words:
        path.append(words.pop(0))
        below = {each.name: each for each in subcommands(found)}
        assert path[-1] in below, line
        found = below[path[-1]]  # type: ignore[assignment]
    found.make_context(" ".join(path), words)


def test_hook_page_has_every_annotation_and_stage() -> None:
    assert [term.name for term in hook.ANNOTATIONS] == list(annotations.KNOWN)
    assert [term.name for term in hook.STAGES] == list(STAGES)


def test_configuration_page_has_every_key() -> None:
    names = [term.name.split(" = ")[0] for term in terms(PAGES["ocihook.toml(5)"])]
    assert names[: len(KEYS)] == [key.name for key in KEYS]


def test_exit_status_of_every_error() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in classes if issubclass(each, errors.OcihookError)}
    assert codes | {0, 2, os.EX_NOPERM} == {int(term.name) for term in EXIT_STATUS}


def test_pages_name_pages_that_exist() -> None:
    others = {"podman-run(1)", "runc(8)", "crun(1)", "oci-hooks(5)"}
    named = set(re.findall(r"[\w.-]+\(\d\)", markdown.text_of(PAGES.values())))
    assert named - others == set(PAGES)


def test_pages_are_where_man_looks() -> None:
    assert file_name(PAGES["ocihook-hook(8)"]) == "man8/ocihook-hook.8"
    names = {Path(file_name(page)).name for page in PAGES.values()}
    assert {"ocihook.1", "ocihook-cells.1", "ocihook.toml.5"} < names


def test_it_is_plain_ascii() -> None:
    for page in PAGES.values():
        man_text(page, "c").decode("ascii")
