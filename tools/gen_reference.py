# SPDX-License-Identifier: Apache-2.0
"""Write docs/reference.md from the command line itself: the pages that ``man`` shows.

    python tools/gen_reference.py            write docs/reference.md
    python tools/gen_reference.py --check    exit with 1 where it is out of step

What stands in it comes from the help of the commands and from ocihook/manual.
"""

import argparse
import sys
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from ocihook.cli import app
from ocihook.manual import configuration, markdown
from ocihook.manual.pages import pages

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

HEAD = """\
# Reference

Made by `tools/gen_reference.py` of the command line itself; `man ocihook` shows the same.
Every command also has `--help`. The configuration has a reference of its own,
[configuration.md](configuration.md).

"""


def generate() -> str:
    """Return the text of docs/reference.md."""
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    shown = [page for page in pages(command) if page.name != configuration.NAME]
    return HEAD + markdown.text_of(shown)


def main() -> int:
    """Write or check the file, and return the exit status."""
    parser = argparse.ArgumentParser(description="write docs/reference.md")
    parser.add_argument("--check", action="store_true", help="only say whether it is in step")
    text = generate()
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        print(f"{TARGET}: out of step; run .venv/bin/python tools/gen_reference.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
