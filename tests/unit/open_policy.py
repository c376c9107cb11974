# SPDX-License-Identifier: Apache-2.0
"""A configuration that allows every wish, for tests of what becomes of wishes."""

from ocihook.policy import Policy

TEXT = "[limits]\nweight_max = 10000\nown_cpus_max = 1024\nlend_off = true\n"


def opened() -> Policy:
    """Return the policy of the text."""
    keys = ["weight_max", "own_cpus_max", "lend_off"]
    return Policy(weight_max=10000, own_cpus_max=1024, lend_off=True, written=keys)
