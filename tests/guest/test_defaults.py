# SPDX-License-Identifier: Apache-2.0
"""What annotations get where nobody has configured anything: less, or what their cgroup has."""

from __future__ import annotations

import os

import pytest
from bundle import Make, burn
from cells import cells_of
from command import Configure
from converge import converge
from hook_calls import complaint

from ocihook.config.template import default_text
from ocihook.paths import CONFIG_FILE

pytestmark = pytest.mark.usefixtures("scheduler")

CPUS = os.cpu_count() or 1
SLEEP = ("/bin/sleep", "1000")
TO_ALLOW = f", the default (to allow it, write {{}} below [limits] in {CONFIG_FILE})"


@pytest.mark.runtime
@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (
            {"weight": "300"},
            'limits.weight_max = "cgroup" (here 100)' + TO_ALLOW.format("weight_max"),
        ),
        ({"cpus": "1"}, "limits.own_cpus_max = 0" + TO_ALLOW.format("own_cpus_max")),
        ({"lend": "false"}, "limits.lend_off = false" + TO_ALLOW.format("lend_off")),
        ({"wieght": "300"}, "unknown (known are "),
    ],
    ids=["weight", "cpus", "lend", "misspelt"],
)
def test_who_asks_for_more_gets_a_plain_cell_and_a_line(
    make: Make, configure: Configure, wishes: dict[str, str], said: str
) -> None:
    configure(default_text())
    annotations = {f"org.ocihook/{key}": value for key, value in wishes.items()}
    asks = make("crun", "asks", SLEEP, annotations=annotations).log_hooks().run()
    (cell,) = cells_of(asks.id)
    assert (cell["weight"], cell["own_cpus"], cell["lend"]) == (100, None, True)
    assert said in complaint(asks)


@pytest.mark.once
def test_no_wish_leaves_the_limit_of_the_cgroup(make: Make, configure: Configure) -> None:
    """Refused, misspelt, off: 20 percent of a CPU stay that, as for who asks for nothing."""
    configure(default_text())
    limit = {"quota": 20_000, "period": 100_000}
    kinds = {
        "none": {},
        "off": {"org.ocihook/cell": "off"},
        "wrong": {"org.ocihook/wieght": "1"},
        "refused": {"org.ocihook/weight": "10000"},
    }
    made = [
        make("crun", kind, burn(CPUS), cpu=limit, annotations=wishes).run()
        for kind, wishes in kinds.items()
    ]
    converge(made, lambda used: all(abs(cpus - 0.2) < 0.03 for cpus in used), cpu_s=1.0, slices=20)
