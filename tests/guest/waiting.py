# SPDX-License-Identifier: Apache-2.0
"""Wait for a state, or for a time: the only module here that sleeps; ruff.toml holds that.

``until`` and ``ticks_until`` end as soon as they can. ``pause`` and ``ticks`` take their time in
any case: such fixed waits are counted by test, and the table at the end of a run adds them up.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

DEADLINE_S = float(os.environ.get("OCIHOOK_TEST_DEADLINE_S", "120"))
"""How long a state may take to come: seconds as a rule, a minute on a loaded emulated machine."""

STEP_S = 0.05
REST_MAX_S = 4.0

_fixed_s: defaultdict[str, float] = defaultdict(float)

ReachedT = TypeVar("ReachedT")


def until(
    reached: Callable[[], ReachedT],
    what: str,
    *,
    timeout_s: float = DEADLINE_S,
    step_s: float = STEP_S,
    rest: float = 0,
    seen: Callable[[], object] | None = None,
) -> ReachedT:
    """Wait until ``reached`` returns something true; return that.

    The failure names ``what`` should have come, and the state that ``seen`` returns. ``rest`` is
    that of :func:`ticks_until`.
    """
    for _ in ticks_until(timeout_s, step_s, rest):
        if found := reached():
            return found
    state = f": {seen()}" if seen else ""
    raise AssertionError(f"{what}: not within {timeout_s:g} s{state}")


def ticks_until(timeout_s: float, step_s: float = STEP_S, rest: float = 0) -> Iterator[float]:
    """Yield the seconds since the start, at each step and once more at the end.

    :param rest: between two steps, rest for so many times the CPU time that the last one took, up
        to ``REST_MAX_S``: else on a loaded machine the test is one more busy task
    """
    began_s = time.monotonic()
    while (elapsed_s := time.monotonic() - began_s) < timeout_s:
        used_s = time.thread_time()
        yield elapsed_s
        used_s = time.thread_time() - used_s
        time.sleep(max(step_s, min(rest * used_s, REST_MAX_S)))
    yield elapsed_s


def pause(seconds: float, why: str) -> None:
    """Wait so long. ``why`` is for the reader: no state tells when it is over."""
    _count(seconds)
    time.sleep(seconds)


def ticks(seconds: float, step_s: float = STEP_S) -> Iterator[float]:
    """Yield the seconds since the start at each step, for so long: to see that nothing happens."""
    _count(seconds)
    yield from ticks_until(seconds, step_s)


def fixed_s() -> dict[str, float]:
    """Return the seconds of fixed waits so far, by test."""
    return dict(_fixed_s)


def _count(seconds: float) -> None:
    # pytest's own: "tests/guest/test_quota.py::test_burst (call)"
    name = os.environ.get("PYTEST_CURRENT_TEST", "outside of tests")
    _fixed_s[name.rpartition(" (")[0] or name] += seconds
