# SPDX-License-Identifier: Apache-2.0
"""What runtimes have written to a running container's cgroup outlives the scheduler that saw it."""

from __future__ import annotations

from typing import Any

import pytest
from bundle import Container, Make
from cells import cells_of
from kernel import eject

from ocihook.sched import loader
from ocihook.sched.reconcile import restore_cells

pytestmark = pytest.mark.runtime

SMALL = {"quota": 20_000, "period": 100_000, "shares": 512}


def facts(container: Container) -> dict[str, Any]:
    """Return of a container's cell what a runtime's ``update`` changes."""
    (row,) = cells_of(container.id)
    quota = row["quota"] and (row["quota"]["quota_us"], row["quota"]["period_us"])
    return {"weight": row["weight"], "quota": quota, "cpus": row["cpus"]}


def test_what_an_update_wrote(runtime: str, make: Make) -> None:
    """By a reload, a stop and a start, and a start after an ejection; the mark is older."""
    loader.start()
    plain = make(runtime, "plain", ("/bin/sleep", "1000"), cpu=SMALL).run()
    named = make(
        runtime,
        "named",
        ("/bin/sleep", "1000"),
        cpu=SMALL,
        annotations={"org.ocihook/weight": "70"},
    ).run()
    created = facts(plain)
    assert (created["quota"], created["cpus"]) == ((20_000, 100_000), "0-1")
    for each in (plain, named):
        each.call(
            "update", "--cpu-quota=150000", "--cpu-period=100000", "--cpu-share=4096",
            "--cpuset-cpus=0", each.id,
        )  # fmt: skip
    weight = int((plain.cgroup / "cpu.weight").read_text())
    assert weight not in (created["weight"], 100)
    assert (plain.cgroup / "cpu.max").read_text() == "150000 100000\n"
    resized = {"weight": weight, "quota": (150_000, 100_000), "cpus": "0"}

    def again() -> None:
        assert facts(plain) == resized
        assert facts(named) == resized | {"weight": 70}

    loader.reload()
    assert restore_cells() == (2, [])
    again()
    loader.stop()
    loader.start()
    assert restore_cells() == (2, [])
    again()
    eject()
    loader.start()
    assert restore_cells() == (2, [])
    again()
