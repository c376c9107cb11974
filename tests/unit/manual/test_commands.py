# SPDX-License-Identifier: Apache-2.0
"""Each command has its page, or a part of one."""

from collections.abc import Iterator

import pytest
from command_line import ROOT
from manual_pages import PAGES

from ocihook.manual import markdown
from ocihook.manual.commands import Command, subcommands


def every_command(command: Command, path: str) -> Iterator[tuple[str, Command]]:
    yield path, command
    for below in subcommands(command):
        yield from every_command(below, f"{path} {below.name}")


@pytest.mark.parametrize("path", [path for path, _ in every_command(ROOT, "ocihook")])
def test_every_command_and_option_is_in_it(path: str) -> None:
    command = dict(every_command(ROOT, "ocihook"))[path]
    name = "-".join(path.split()[:2])
    text = markdown.text_of([PAGES[f"{name}(1)"]])
    assert path in text
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "option":
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert option in text, option
        else:
            name = (parameter.metavar or parameter.human_readable_name).upper()
            assert f"- `{name}`: " in text
    assert command.help, "what it is for"
