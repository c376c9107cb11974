# SPDX-License-Identifier: Apache-2.0
"""The host that the doctor's tests examine."""

from pathlib import Path

import pytest
from fake_host import FakeHost


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    """A healthy host."""
    return FakeHost(tmp_path)
