# SPDX-License-Identifier: Apache-2.0
"""What this session is: thorough or quick, and the runtimes that it has."""

from __future__ import annotations

import os

RUNTIMES = ("runc", "crun")

THOROUGH = os.environ.get("OCIHOOK_TEST_THOROUGH") == "1"
"""``./dev test --all-kernels``: real time constants, more rounds, longer observation."""
