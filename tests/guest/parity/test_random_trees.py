# SPDX-License-Identifier: Apache-2.0
"""Trees by chance: each leaf gets what it is due.

``OCIHOOK_TEST_SEED`` replays the trees of a run; it is printed where one fails.
"""

from __future__ import annotations

import os
import random

import pytest
from parity.trees import grown, random_groups
from session import THOROUGH

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("scheduler")]

SEED = int(os.environ.get("OCIHOOK_TEST_SEED") or random.randrange(1 << 32))
TREES = 30 if THOROUGH else 3


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(TREES))
def test_a_tree_by_chance(number: int) -> None:
    groups = random_groups(SEED + number)
    with grown(*groups) as tree:
        try:
            tree.demand()
        except AssertionError as error:
            error.add_note(f"OCIHOOK_TEST_SEED={SEED + number}: {groups}\ndue: {tree.due()}")
            raise
