# SPDX-License-Identifier: Apache-2.0
"""A configuration that trusts those who start containers: most tests are about what wishes do.

What holds without one, tests/guest/test_defaults.py tries.
"""

from __future__ import annotations

from pathlib import Path

from ocihook.install import launcher

TEXT = """\
[limits]
weight_max = 10000
own_cpus_max = 1024
lend_off = true
"""


def program_text(directory: Path) -> bytes:
    """Return the text of a hook program with such a configuration of its own, below `directory`.

    For a machine whose administrator may have another one.
    """
    file = directory / "config.toml"
    file.write_text(TEXT)
    file.chmod(0o644)
    places = (
        "from ocihook import paths\n"
        f"paths.CONFIG_FILE = {str(file)!r}\n"
        f"paths.POLICY_FILE = {str(directory / 'stored' / 'policy.json')!r}\n"
    )
    text, last, _ = launcher.text().rpartition(b"run(sys.argv)\n")
    return text + places.encode() + last
