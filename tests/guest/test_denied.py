# SPDX-License-Identifier: Apache-2.0
"""What commands say on a real kernel that does not let them: one line, with what to do next.

tests/unit/whole/test_messages.py has every command, on files in the kernel's place.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess

import pytest
from bundle import TIMEOUT_S
from command import Done, command
from kernel import foreign_scheduler, kernel_state

from ocihook._bpf import pinned
from ocihook.doctor.examination import examine
from ocihook.doctor.host import Host
from ocihook.errors import SchedulerUnavailable
from ocihook.paths import BPFFS
from ocihook.sched import loader

pytestmark = pytest.mark.once

COMMANDS = (
    ("cells", "tree"),
    ("cells", "set", "0", "--weight", "5"),
    ("gc",),
    ("top", "--once"),
    ("scheduler", "reload"),
)

DENIED = r"ocihook: .+: (permission denied|operation not permitted) \(run this command as root\)"


def as_nobody(*words: str) -> Done:
    """Run the command line in a child of this process that has given up its rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            user = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            done = command(*words, check=False)
            said = json.dumps([done.returncode, done.stdout, done.stderr]).encode()
            os.write(writer, said)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        status, stdout, stderr = json.loads(file.read())
    os.waitpid(child, 0)
    return Done(list(words), status, stdout, stderr)


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize("words", [*COMMANDS, ("scheduler", "stop")], ids=" ".join)
def test_ordinary_user(words: tuple[str, ...]) -> None:
    done = as_nobody(*words)
    assert (done.returncode, done.stdout) == (os.EX_NOPERM, "")
    assert re.fullmatch(f"{DENIED}\n", done.stderr), done.stderr
    assert kernel_state() == "enabled"


@pytest.mark.usefixtures("scheduler")
def test_process_of_an_ordinary_user() -> None:
    done = subprocess.run(
        ["ocihook", "gc"],
        user="nobody",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (os.EX_NOPERM, "")
    assert re.fullmatch(f"{DENIED}\n", done.stderr), done.stderr


def test_bpffs_over_the_pins() -> None:
    """As CNI agents and unit files do that mount one without looking. The mend is what is told."""
    loader.start()
    subprocess.run(["mount", "-t", "bpf", "bpf", BPFFS], check=True)
    try:
        for words in (*COMMANDS, ("scheduler", "stop"), ("scheduler", "start")):
            done = command(*words, check=False)
            assert (done.returncode, done.stdout) == (os.EX_UNAVAILABLE, ""), words
            assert done.stderr == (
                "ocihook: an ocihook scheduler runs, and another bpffs at /sys/fs/bpf covers the"
                " bpffs with its pins (umount /sys/fs/bpf)\n"
            ), words
        (error,) = [each for each in examine(Host(), ["scheduler"]) if each.verdict == "error"]
        assert (error.name, error.mend) == ("pins", "umount /sys/fs/bpf")
        with pytest.raises(
            SchedulerUnavailable, match=r"sched_ext runs ocihook.*nothing is pinned"
        ):
            pinned.sweep()
    finally:
        subprocess.run(["umount", BPFFS], check=True)
    assert command("scheduler", "start").stdout.startswith("scheduler already runs, ")
    assert kernel_state() == "enabled"


def test_beside_another_scheduler() -> None:
    loader.stop()
    with foreign_scheduler():
        for words in COMMANDS:
            done = command(*words, check=False)
            assert (done.returncode, done.stdout) == (os.EX_UNAVAILABLE, "")
            told = r"ocihook: another sched_ext scheduler runs: foreign\S* \(stop it first; .+\)\n"
            assert re.fullmatch(told, done.stderr), (words, done.stderr)
        assert kernel_state() == "enabled"
