# SPDX-License-Identifier: Apache-2.0
"""What an operator does by hand: hooks into a bundle, the tree of cells, metrics."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bundle import Make, ask_cell
from cells import cells_of
from command import ocihook

from ocihook.schema import findings

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("scheduler")]


def cells_at(node: dict[str, Any], cgroup: str) -> list[int]:
    """Return the cells of a cgroup in what ``cells tree --json`` prints of a node."""
    if node["cgroup"] == cgroup:
        return [entry["cell"] for entry in node["cells"]]
    return [cell for below in node["below"] for cell in cells_at(below, cgroup)]


def test_a_bundle_without_hooks_gets_a_cell_by_inject_and_none_after_eject(make: Make) -> None:
    """The commands are processes here: how they start and what they find is part of it."""
    container = make("crun", command=ask_cell(), stages=())
    before = (container.bundle / "config.json").read_bytes()
    ocihook("bundle", "inject", str(container.bundle))
    container.run().wait_for_output()
    (cell,) = cells_of(container.id)

    document = json.loads(ocihook("cells", "tree", "--json").stdout)
    assert findings("cell-tree", document) == []
    assert cells_at(document["root"], cell["cgroup"]) == [cell["cell"]]
    assert cells_at(document["root"], "/") == [0]

    told = ocihook("metrics").stdout
    labels = f'cell="{cell["cell"]}",name="{cell["name"]}",container="{container.id}"'
    assert "\nocihook_scheduler_up 1\n" in told
    assert f"\nocihook_cell_weight{{{labels}}} {cell['weight']}\n" in told
    assert f'\nocihook_cell_wakeup_wait_seconds_bucket{{{labels},le="+Inf"}} ' in told

    container.delete()
    ocihook("bundle", "eject", str(container.bundle))
    # The maker of bundles writes an empty "hooks", which goes with ours.
    after = (container.bundle / "config.json").read_bytes()
    assert {**json.loads(after), "hooks": {}} == json.loads(before)
    (container.bundle / "stdout").unlink()
    container.run().wait_for_output()
    assert cells_of(container.id) == []
    assert container.stdout.split()[0] == "0"
