# SPDX-License-Identifier: Apache-2.0
"""The command line takes the examples."""

import shlex

import pytest
from command_line import ROOT
from typer.core import TyperGroup

from ocihook.manual.commands import subcommands
from ocihook.manual.examples import EXAMPLES


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
