# SPDX-License-Identifier: Apache-2.0
"""The real systemd-journald and journalctl, with a /run of their own: it stays as it was."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ocihook.hook.journal import HOOK_FAILED
from ocihook.install import launcher

JOURNALD = Path("/usr/lib/systemd/systemd-journald")

# Skips for this reason are allowed in continuous integration: tests/conftest.py.
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not JOURNALD.exists(), reason="needs root and systemd-journald"
)

SESSION = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal
"$1" >/dev/null 2>&1 </dev/null &
while [ ! -S /run/systemd/journal/socket ]; do sleep 0.05; done
"$2" poststart
kill -RTMIN+1 $!
for try in $(seq 100); do
    journalctl --sync >/dev/null 2>&1 || :
    found=$(journalctl --directory=/run/log/journal --no-pager --output=json "MESSAGE_ID=$3" \
        2>/dev/null || :)
    case $found in *OCIHOOK_STAGE*) break ;; esac
    sleep 0.1
done
kill $!
wait $! || :
printf '%s\\n' "$found"
"""


def test_journalctl_finds_what_a_hook_could_not_do(tmp_path: Path) -> None:
    program = tmp_path / "ocihook-hook"
    program.write_bytes(launcher.text())
    program.chmod(0o755)
    state = {"id": "c1\nPRIORITY=0", "pid": 1, "status": "running", "bundle": "/b"}
    state["annotations"] = {"org.ocihook/weight": "x"}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SESSION, "sh", JOURNALD, program, HOOK_FAILED],
        input=json.dumps(state), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr.count("\n") == 1
    (line,) = done.stdout.splitlines()
    entry = json.loads(line)
    assert entry["OCIHOOK_CONTAINER"] == "c1\nPRIORITY=0"
    assert entry["OCIHOOK_STAGE"] == "poststart"
    assert entry["OCIHOOK_ERROR"] == "AnnotationError"
    assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"]) == ("4", "ocihook")
    assert f"ocihook: {entry['MESSAGE']}\n" == done.stderr
    assert entry["_TRANSPORT"] == "journal"
    assert entry["_UID"] == "0", "journald knows who sent it, whatever the record says"
