# SPDX-License-Identifier: Apache-2.0
"""Cells that are shared by a name: whose name it is; and that who joins changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trusting
from bundle import PARENT, Container, Make, burn
from cells import cells_of
from command import Configure
from converge import converge
from hook_calls import complaint, only_cell

from ocihook.paths import CGROUPFS
from ocihook.sched.reconcile import restore_cells

pytestmark = pytest.mark.usefixtures("scheduler")

SLEEP = ("/bin/sleep", "1000")
WEB = {"org.ocihook/cell": "web"}
GREEDY = WEB | {
    "org.ocihook/weight": "9000",
    "org.ocihook/cpus": "1",
    "org.ocihook/lend": "false",
    "org.ocihook/borrow": "false",
}
LIMIT = {"quota": 10_000, "period": 100_000, "shares": 2, "cpus": "1"}
"""What a newcomer's engine says of it, and would be everybody's."""

KEPT = ("weight", "quota", "own_cpus", "lend", "borrow", "cpus")


def in_tenant(container: Container, tenant: str) -> Container:
    """Put the container below another parent cgroup than those of the test's others."""
    document = container.document()
    path = f"/{PARENT}-{tenant}/{container.id}"
    document["linux"]["cgroupsPath"] = path
    container.write(document)
    container.cgroup = Path(CGROUPFS, path.lstrip("/"))
    return container


def kept(container: Container) -> dict[str, Any]:
    cell = only_cell(container)
    return {key: cell[key] for key in KEPT}


@pytest.mark.runtime
def test_the_same_name_below_another_parent_is_another_cell(runtime: str, make: Make) -> None:
    mine = make(runtime, "mine", SLEEP, annotations=WEB | {"org.ocihook/weight": "300"}).run()
    before = kept(mine)
    greedy = {key: value for key, value in GREEDY.items() if key != "org.ocihook/cpus"}
    theirs = in_tenant(make(runtime, "theirs", SLEEP, annotations=greedy, cpu=LIMIT), "b").run()
    assert only_cell(theirs)["cell"] != only_cell(mine)["cell"]
    assert only_cell(theirs)["weight"] == 9000
    assert kept(mine) == before
    assert [member["container"] for member in only_cell(mine)["members"]] == [mine.id]


@pytest.mark.runtime
def test_who_joins_changes_nothing(runtime: str, make: Make) -> None:
    """At createRuntime, at poststart, and after a restart of the scheduler."""
    first = make(runtime, "first", SLEEP, annotations=WEB | {"org.ocihook/weight": "300"}).run()
    before = kept(first)
    joins = make("crun", "joins", SLEEP, annotations=GREEDY, cpu=LIMIT).log_hooks().run()
    assert only_cell(joins)["cell"] == only_cell(first)["cell"]
    assert kept(first) == before
    assert "'web' is shared, and keeps what it has, by limits.shared_change = false" in (
        complaint(joins)
    )
    restored, failures = restore_cells()
    assert (restored >= 2, failures) == (True, [])
    assert kept(first) == before
    (joins.cgroup / "cpu.max").write_text("5000 100000")
    (joins.cgroup / "cpu.weight").write_text("7")
    assert kept(first) == before
    required = GREEDY | {"org.ocihook/required": "true"}
    never = make("crun", "never", SLEEP, annotations=required)
    done = never.call("create", "--bundle", str(never.bundle), never.id, check=False)
    assert done.returncode != 0
    assert kept(first) == before
    first.delete()
    assert only_cell(joins)["weight"] == 300, "it stays while one is in it"


@pytest.mark.once
def test_it_changes_what_the_configuration_lets_it(make: Make, configure: Configure) -> None:
    configure(trusting.TEXT + "shared_change = true\n")
    first = make("crun", "first", SLEEP, annotations=WEB).run()
    make("crun", "second", SLEEP, annotations=WEB | {"org.ocihook/weight": "9000"}).run()
    assert only_cell(first)["weight"] == 9000


@pytest.mark.once
def test_scopes_of_the_whole_host_and_of_an_annotation(make: Make, configure: Configure) -> None:
    configure(trusting.TEXT + 'shared_scope = "host"\n')
    pair = [make("crun", "a", SLEEP, annotations=WEB).run()]
    pair.append(in_tenant(make("crun", "b", SLEEP, annotations=WEB), "b").run())
    assert only_cell(pair[0])["cell"] == only_cell(pair[1])["cell"]
    configure(trusting.TEXT + 'shared_scope = "annotation:com.example/tenant"\n')
    owned = [
        in_tenant(make("crun", name, SLEEP, annotations=WEB | {"com.example/tenant": whose}), name)
        for name, whose in (("c", "red"), ("d", "red"), ("e", "blue"))
    ]
    cells = [only_cell(container.run())["cell"] for container in owned]
    assert cells[0] == cells[1] != cells[2]


@pytest.mark.once
def test_a_cpuset_of_who_joins_does_not_confine_the_others(make: Make) -> None:
    """Each keeps its own affinity: the second is bound to CPU 1, and both CPUs are used."""
    first = make("crun", "first", burn(2), annotations=WEB).run()
    joins = make("crun", "joins", burn(2), annotations=WEB, cpu={"cpus": "1"}).run()
    assert cells_of(joins.id)[0]["cell"] == cells_of(first.id)[0]["cell"]
    converge([first, joins], lambda used: sum(used) > 1.6 and min(used) > 0.3)
