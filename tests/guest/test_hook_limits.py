# SPDX-License-Identifier: Apache-2.0
"""crun starts hooks with the container's own limits: they get no wish past the administrator's."""

from __future__ import annotations

import pytest
from bundle import Container, Make
from cells import cells_of
from command import Configure

pytestmark = [pytest.mark.usefixtures("scheduler"), pytest.mark.runtime]

SLEEP = ("/bin/sleep", "1000")
LIMITED = '[limits]\nweight_max = 200\n[hook]\non_error = "refuse"\n'
WEIGHT = "org.ocihook/weight"

NARROW_BYTES = 5_300_000
"""At which the program could be loaded, and not read the configuration."""


def narrowed(container: Container, size_bytes: int) -> Container:
    """Limit the container's memory, and that of its hooks under crun."""
    document = container.document()
    limit = {"type": "RLIMIT_DATA", "soft": size_bytes, "hard": size_bytes}
    document["process"]["rlimits"] = [limit]
    container.write(document)
    return container


def test_at_no_size_a_refused_container_starts(
    runtime: str, make: Make, configure: Configure
) -> None:
    configure(LIMITED)
    sizes = [NARROW_BYTES, *range(3 << 20, 9 << 20, 1 << 20)]
    for size_bytes in sizes:
        heavy = make(runtime, f"of-{size_bytes}", SLEEP, annotations={WEIGHT: "9999"})
        narrowed(heavy, size_bytes)
        done = heavy.call("create", "--bundle", str(heavy.bundle), heavy.id, check=False)
        assert done.returncode != 0, size_bytes
        assert cells_of(heavy.id) == []


def test_the_hook_raises_its_own_limits(runtime: str, make: Make, configure: Configure) -> None:
    """What is allowed is done all the same."""
    configure(LIMITED)
    light = narrowed(make(runtime, "light", SLEEP, annotations={WEIGHT: "150"}), NARROW_BYTES).run()
    (cell,) = cells_of(light.id)
    assert cell["weight"] == 150
