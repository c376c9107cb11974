# SPDX-License-Identifier: Apache-2.0
"""What stands in for a config.json that is not in the bundle, or must not be read there.

Imported where that happens and nowhere else. crun 1.27 to 1.29.1 name the bundle "/" in some states
(crun issue 2025), and an engine's user namespace may hide it (nvidia-container-toolkit issue 648).
Neither is a reason for a container to have no cell: the cgroup says what is in force, and the state
has the annotations.
"""

import os

from ocihook.errors import BundleError, BundleMissing
from ocihook.hook import bundle
from ocihook.hook.state import ContainerState

CRUN_ROOT = "/run/crun"
"""Where crun keeps ID/config.json, its own copy, from before the first hook."""


def find(state: ContainerState, problem: BundleMissing) -> bundle.Bundle:
    """Return crun's copy of the container's config.json, or an empty one; note which in `state`.

    An id may be in use in two engines, so a copy counts only if it has the state's annotations.
    """
    for root in _roots():
        directory = f"{root}/{state.id}"
        try:
            copy = bundle.read(directory)
        except BundleError:
            continue
        if copy.annotations == state.annotations:
            state.notes.append(
                BundleMissing(problem.args[0], f"read crun's copy: {directory}/config.json")
            )
            return copy
    state.notes.append(
        BundleMissing(
            problem.args[0], "the cell is as annotations and cgroup say, without execCPUAffinity"
        )
    )
    return bundle.parse(b"{}")


def _roots() -> list[str]:
    """Return where crun keeps state: $XDG_RUNTIME_DIR goes first, for root, too."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return [f"{runtime}/crun", CRUN_ROOT] if runtime.startswith("/") else [CRUN_ROOT]
