# SPDX-License-Identifier: Apache-2.0
"""Completion in shells: the scripts that ``ocihook install`` places, and the answers they ask for.

The scripts call ``ocihook`` itself, so they are right for whatever version is there.
"""

import os

VARIABLE = "_OCIHOOK_COMPLETE"
"""Set by the scripts; its value says what they ask for."""

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, comment: str) -> bytes:
    """Return the script for one of SHELLS; ``comment`` stands behind its first line."""
    from typer._completion_shared import get_completion_script

    text = get_completion_script(prog_name="ocihook", complete_var=VARIABLE, shell=shell)
    # zsh looks for #compdef in the first line, and nowhere else (compinit).
    first, _, rest = text.partition("\n")
    head = f"{first}\n# {comment}\n" if shell == "zsh" else f"# {comment}\n{first}\n"
    return f"{head}{rest}".encode()


def answer_if_asked() -> None:
    """Have typer know the shells when one of the scripts calls; 4 ms that others need not wait."""
    if VARIABLE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
