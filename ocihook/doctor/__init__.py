# SPDX-License-Identifier: Apache-2.0
"""Look at everything that can keep containers from their cells, and say how to mend it.

``finding`` is what a check returns, ``host`` what all of them look at; then one file a topic, and
``examination`` calls them. A check reads and never changes anything. What it may not look at is
``skipped``, with the reason; what is not there yet is said once, and not by every check after it.
"""

TOPICS = (
    "kernel",
    "bpffs",
    "cgroups",
    "scheduler",
    "service",
    "cells",
    "runtimes",
    "hooks.d",
    "program",
    "config",
)
"""What is looked at, in the order in which one is the ground of the next."""
