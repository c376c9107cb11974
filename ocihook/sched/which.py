# SPDX-License-Identifier: Apache-2.0
"""Find the cell that somebody means: by slot, name, or the beginning of a container's id. Pure."""

from collections.abc import Iterable
from typing import Any

from ocihook.errors import InputError

HINT = "see: ocihook cells"


def find_cell(rows: Iterable[dict[str, Any]], which: str) -> dict[str, Any]:
    """Return the row of ``ocihook.sched.cells.list_cells`` that ``which`` names.

    A slot number, a cell's name or a whole container id goes before the beginning of an id: an id
    of digits alone is a slot's number unless there is no such slot.

    Raises:
        InputError: no cell, or more than one, goes by that.
    """
    rows = list(rows)
    exact = [row for row in rows if which == str(row["cell"])] or [
        row for row in rows if which == row["name"] or which in _containers(row)
    ]
    found = exact or [
        row for row in rows if any(each.startswith(which) for each in _containers(row) if which)
    ]
    if not found:
        raise InputError(f"cell {which!r}: there is none", HINT)
    if len(found) > 1:
        slots = ", ".join(str(row["cell"]) for row in found)
        raise InputError(f"cell {which!r}: could be any of {slots}", "name it by its number")
    return found[0]


def _containers(row: dict[str, Any]) -> list[str]:
    ids = [row["container"], *(member["container"] for member in row["members"])]
    return [each for each in ids if each]
