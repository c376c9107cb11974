# SPDX-License-Identifier: Apache-2.0
"""A tenant who tries, at random and as a user of his own, all that a process can do to others.

A program: ``tenant.py SEED SECONDS CGROUP VICTIM...``. It joins CGROUP/init, gives up root, and
goes on until the time is over or its cgroup is killed. What it must not be able to do and does is a
line that begins with BREACH, and exit status 3.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

UID = 2001
MAX_CHILDREN = 40
MAX_DEPTH = 40
BREACH = 3


class Tenant:
    """His processes, his cgroups, and what he does next."""

    def __init__(self, seed: int, box: Path, victims: list[int]) -> None:
        self._chance = random.Random(seed)
        self._box = box
        self._victims = victims
        self._children: list[int] = []
        self._groups: list[Path] = []
        self._actions: list[Callable[[], None]] = [
            self._crowd, self._crowd, self._short_lives, self._wakeups, self._signal, self._move,
            self._bind, self._nest, self._nest, self._weigh, self._limit, self._freeze, self._end,
            self._intrude,
        ]  # fmt: skip

    def go_on(self, seconds: float) -> None:
        """Do one thing after the other."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            with suppress(OSError, ValueError):
                self._chance.choice(self._actions)()
            time.sleep(self._chance.choice((0.0, 0.005, 0.05)))  # noqa: TID251

    def close(self) -> None:
        """End all processes but this one."""
        for pid in self._children:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _fork(self, work: Callable[[], None]) -> None:
        if len(self._children) >= MAX_CHILDREN:
            self._end()
        changes = self._chance.randrange(1 << 30)
        pid = os.fork()
        if pid:
            self._children.append(pid)
            return
        with suppress(OSError):
            chance = random.Random(changes)
            name = "".join(map(chr, chance.choices((*range(1, 32), 65, 127, 155), k=15)))
            Path("/proc/self/comm").write_bytes(name.encode("latin-1")[:15])
            os.nice(chance.choice((0, 0, 10, 19)))
            policy = chance.choice((os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE))
            os.sched_setscheduler(0, policy, os.sched_param(0))
        try:
            work()
        finally:
            os._exit(0)

    def _crowd(self) -> None:
        for _ in range(self._chance.randint(1, 8)):
            self._fork(spin)

    def _short_lives(self) -> None:
        self._fork(fork_and_exit)

    def _wakeups(self) -> None:
        self._fork(wake_up)

    def _child(self) -> int:
        return self._chance.choice(self._children) if self._children else os.getpid()

    def _signal(self) -> None:
        os.kill(self._chance.choice(self._children or [0x3FFFFF]), self._chance.choice(
            (signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL)
        ))  # fmt: skip

    def _bind(self) -> None:
        cpus = range(os.cpu_count() or 1)
        os.sched_setaffinity(self._child(), set(self._chance.sample(cpus, 1)))

    def _nest(self) -> None:
        path = self._chance.choice([self._box, *self._groups])
        for _ in range(self._chance.choice((1, 1, 2, MAX_DEPTH))):
            path /= self._chance.choice(("a", "b", "c\n", "\x1b[2J"))
            with suppress(FileExistsError):
                path.mkdir()
            self._groups = [*self._groups, path][-100:]
            if self._chance.random() < 0.5:
                (path.parent / "cgroup.subtree_control").write_text("+cpu")

    def _group(self) -> Path:
        return self._chance.choice(self._groups or [self._box])

    def _move(self) -> None:
        (self._group() / "cgroup.procs").write_text(str(self._child()))

    def _weigh(self) -> None:
        (self._group() / "cpu.weight").write_text(str(self._chance.choice((1, 100, 10_000))))
        (self._group() / "cpu.idle").write_text(self._chance.choice("01"))

    def _limit(self) -> None:
        limit = self._chance.choice(("1000 1000000", "max 100000", "5000 10000", "1000 1000"))
        (self._group() / "cpu.max").write_text(limit)

    def _freeze(self) -> None:
        (self._group() / "cgroup.freeze").write_text(self._chance.choice("001"))

    def _end(self) -> None:
        for _ in range(len(self._children) // 2):
            pid = self._children.pop(self._chance.randrange(len(self._children)))
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            self._group().rmdir()

    def _intrude(self) -> None:
        """Try what belongs to others: each of these has to be refused."""
        victim = self._chance.choice(self._victims)
        home = Path(f"/proc/{victim}/cgroup").read_text().split("::")[1].strip()
        theirs = Path("/sys/fs/cgroup") / home[1:]
        tries: list[Callable[[], object]] = [
            lambda: os.kill(victim, signal.SIGSTOP),
            lambda: os.sched_setaffinity(victim, {0}),
            lambda: os.setpriority(os.PRIO_PROCESS, victim, 19),
            lambda: (theirs / "cpu.weight").write_text("1"),
            lambda: (theirs / "cpu.max").write_text("1000 1000000"),
            lambda: (theirs / "cgroup.procs").write_text(str(os.getpid())),
            lambda: (self._box / "cpu.max").write_text("max"),
            lambda: (self._box.parent / "cpu.weight").write_text("10000"),
            lambda: (self._box.parent / "cgroup.procs").write_text(str(os.getpid())),
            lambda: os.setxattr(theirs, "trusted.ocihook.cell", b"{}"),
            lambda: os.setxattr(self._box, "trusted.ocihook.cell", b"{}"),
            lambda: os.listdir("/sys/fs/bpf/ocihook"),
            lambda: Path("/etc/ocihook/config.toml").write_text(""),
            lambda: Path("/run/ocihook/policy.json").read_bytes(),
            lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        ]
        number = self._chance.randrange(len(tries))
        try:
            tries[number]()
        except OSError:
            return
        print(f"BREACH {number}", flush=True)
        os._exit(BREACH)


def spin() -> None:
    """Use a CPU."""
    while True:
        pass


def fork_and_exit() -> None:
    """Work in children that exit within a slice."""
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        if not os.fork():
            ends_s = time.monotonic() + 0.003
            while time.monotonic() < ends_s:
                pass
            os._exit(0)
        os.wait()


def wake_up() -> None:
    """Sleep and wake up all the time."""
    while True:
        time.sleep(0.0005)  # noqa: TID251


def main() -> None:
    """Be that tenant."""
    seed, seconds, cgroup = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    (cgroup / "init/cgroup.procs").write_text("0")
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    tenant = Tenant(seed, cgroup, [int(each) for each in sys.argv[4:]])
    try:
        tenant.go_on(seconds)
    finally:
        tenant.close()


if __name__ == "__main__":
    main()
