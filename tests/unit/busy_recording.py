# SPDX-License-Identifier: Apache-2.0
"""A recording of any size."""

from ocihook.timeline.recording import Recording, Segment


def many(cells: int, segments: int, cpus: int, name: str = "cell-") -> Recording:
    """CPUs that run cells in turn, 100 us each."""
    lanes = {
        cpu: [Segment(at * 100_000, (at + 1) * 100_000, (1 + (at + cpu) % cells, 1))
              for at in range(segments)]
        for cpu in range(cpus)
    }  # fmt: skip
    names = {(1 + cell, 1): f"{name}{cell}" for cell in range(cells)}
    return Recording("many", "m", 0, segments * 100_000, lanes, names)
