# SPDX-License-Identifier: Apache-2.0
"""procfs with hidepid=2: a hook that has CAP_SYS_PTRACE sees every container.

tests/unit/hook/test_identity.py has one that has not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from bundle import Make
from cells import cells_of
from hook_calls import complaint

pytestmark = [pytest.mark.runtime, pytest.mark.usefixtures("scheduler")]


REQUIRED = {"org.ocihook/required": "true"}


@pytest.fixture
def hiding() -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,hidepid=2", "/proc"], check=True)
    yield
    subprocess.run(["mount", "-o", "remount,hidepid=0", "/proc"], check=True)


@pytest.mark.usefixtures("hiding")
def test_a_container_of_another_user(make: Make) -> None:
    """poststart finds a process of another user, as root with all capabilities does."""
    container = make("crun", command=("/bin/sleep", "1000"), annotations=REQUIRED)
    document = container.document()
    document["process"]["user"] = {"uid": 1000, "gid": 1000}
    container.write(document)
    container.log_hooks().run()
    assert len(cells_of(container.id)) == 1
    assert complaint(container) == ""
