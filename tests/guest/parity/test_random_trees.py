# SPDX-License-Identifier: Apache-2.0
"""Trees by chance: each leaf gets what it is due.

``OCIHOOK_TEST_SEED`` replays the trees of a run; it is printed where one fails. A thorough run has
some trees under the kernel's own scheduler first, and prints the errors of both.
"""

from __future__ import annotations

import os
import random

import pytest
from parity.judge import CPUS
from parity.trees import Tree, grown, random_groups
from session import THOROUGH

from ocihook.sched import loader

pytestmark = pytest.mark.kernel

SEED = int(os.environ.get("OCIHOOK_TEST_SEED") or random.randrange(1 << 32))
TREES = 30 if THOROUGH else 3
COMPARED = 5 if THOROUGH else 0
"""So many are looked at under the kernel's own scheduler, too."""
MEASURED_S = 8.0 * CPUS
"""CPU time of the whole tree, for the errors of both schedulers."""


@pytest.fixture(params=range(TREES))
def seed(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return SEED + number


@pytest.fixture
def off_by_eevdf(seed: int) -> float | None:
    """How far off the worst leaf is under the kernel's own scheduler; None if that is not asked."""
    if seed - SEED >= COMPARED:
        return None
    loader.stop()
    with grown(*random_groups(seed)) as tree:
        return off_by(tree)


def off_by(tree: Tree) -> float:
    """Return the error of the worst leaf: a part of the machine."""
    return max(map(abs, tree.errors(MEASURED_S).values()))


@pytest.mark.timeout(300)
def test_a_tree_by_chance(
    seed: int,
    off_by_eevdf: float | None,
    scheduler: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    groups = random_groups(seed)
    with grown(*groups) as tree:
        try:
            tree.demand()
        except AssertionError as error:
            error.add_note(f"OCIHOOK_TEST_SEED={seed}: {groups}\ndue: {tree.due()}")
            raise
        if off_by_eevdf is not None:
            with capsys.disabled():
                print(
                    f"\nworst leaf: off by {off_by_eevdf:.1%} of the machine under EEVDF, "
                    f"{off_by(tree):.1%} under ocihook"
                )
