# SPDX-License-Identifier: Apache-2.0
"""How long the scheduler waits before it steps in. Tests load it with shorter times."""

from typing import NamedTuple, Self

from ocihook.abi import OCIHOOK_STALL_NS, OCIHOOK_THROTTLE_MAX_NS, OCIHOOK_TIMEOUT_MS


class Times(NamedTuple):
    """The times that a scheduler is loaded with; by default those of bpf/abi.h."""

    timeout_ms: int = OCIHOOK_TIMEOUT_MS
    """The kernel ejects a scheduler in which a runnable task waits so long; it takes no more."""
    stall_ns: int = OCIHOOK_STALL_NS
    """A queue that no CPU served for so long goes first."""
    throttle_max_ns: int = OCIHOOK_THROTTLE_MAX_NS
    """A cell's debt is forgiven after so long.

    A task that waits for twice as long is late, and runs whatever limits say: that keeps it from
    the watchdog.
    """

    @classmethod
    def scaled(cls, factor: float) -> Self:
        """Return the defaults times ``factor``, above 0 and at most 1.

        All of them, so that one stays as far below the other as it is.
        """
        return cls(*(round(default * factor) for default in cls()))


DEFAULT_TIMES = Times()
