# SPDX-License-Identifier: Apache-2.0
"""Bad files of a host go through ``ocihook doctor``'s readers, and through all of it.

For each: an answer, or the error that the reader documents; for a host a documented exit code.
"""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from case_watch import DOCUMENTED, Watch, watched
from fake_host import BPFFS, CGROUP2, ROOT, FakeHost
from fuzz_cases import AT_LEAST, SEED, corpus, mutated_text, tries
from wild import mutated_bytes, mutated_node

from ocihook import paths
from ocihook.config import compiling
from ocihook.doctor import engine_conf, go_json, hooks_engines, hooks_format, runtimes
from ocihook.doctor.engine_conf import MalformedSettings
from ocihook.doctor.examination import document, examine
from ocihook.doctor.quirks import known
from ocihook.errors import CgroupError, ConfigError
from ocihook.hook import cgroup
from ocihook.mountinfo import MountTable
from ocihook.policy import Policy
from ocihook.sched import command_line

PARTS = AT_LEAST["doctor"]


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with watched() as made:
        yield made


def each(
    part: str,
    watch: Watch,
    originals: list[bytes],
    read: Callable[[bytes], object],
    mutated: Callable[[random.Random, bytes], bytes] = mutated_text,
) -> None:
    """Give different mutations to a reader, the originals first."""
    chance = random.Random(SEED)
    seen: set[bytes] = set()
    for number in tries(PARTS[part]):
        fresh = number >= len(originals)
        data = mutated(chance, chance.choice(originals)) if fresh else originals[number]
        if data in seen:
            continue
        seen.add(data)
        watch.begins(part, data)
        read(data)
        if len(seen) >= PARTS[part]:
            break
    watch.ends()
    assert len(seen) >= PARTS[part]


def test_files_of_hooks_d(watch: Watch) -> None:
    verdicts = {"sound": 0, "faulty": 0}

    def judge(data: bytes) -> None:
        found, fault = go_json.parse(data)
        if not fault:
            fault, program = hooks_format.judge(found)
            assert isinstance(program, str)
        verdicts["faulty" if fault else "sound"] += 1
        if not fault:
            for engine in ("podman", "crio"):
                list(hooks_engines.objections(engine, (5, 4, 2), found))
            hooks_engines.objection_of_builds(found)

    originals = [data for _, data in corpus("hooks")]
    ways = [mutated_node, mutated_bytes]
    each("hooks.d", watch, originals, judge, lambda chance, data: chance.choice(ways)(chance, data))
    assert min(verdicts.values()) >= 300, verdicts


SETTINGS = [
    b'\xef\xbb\xbf[engine]\nhooks_dir = ["/usr/share/containers/oci/hooks.d"]\n',
    b'[engine]\nhooks_dir = ["/a", {append = true}]\n[containers]\nannotations = []\n',
    b'[crio.runtime]\nhooks_dir = [\n    "/etc/containers/oci/hooks.d",\n'
    b'    "/run/containers/oci/hooks.d",\n]\n',
    b'[Engine]\nHooks_Dir = ["/b"]\n',
]


def test_settings_of_engines(watch: Watch, tmp_path: Path) -> None:
    fake = FakeHost(tmp_path)
    podman = fake.write("/etc/containers/containers.conf", "")
    crio = fake.write("/etc/crio/crio.conf.d/00-default", "")
    outcomes = {"read": 0, "refused": 0}

    def read(data: bytes) -> None:
        is_crio = b"crio" in data
        (crio if is_crio else podman).write_bytes(data)
        try:
            if is_crio:
                engine_conf.crio_hooks_dirs(fake.host)
            else:
                engine_conf.podman_hooks_dirs(fake.host, (5, 4, 2))
        except MalformedSettings as error:
            outcomes["refused"] += str(error).startswith("/etc/")
        else:
            outcomes["read"] += 1

    each("settings", watch, SETTINGS, read)
    assert sum(outcomes.values()) >= PARTS["settings"], "a refusal does not begin with the file"
    assert min(outcomes.values()) >= 100, outcomes


def test_configurations(watch: Watch) -> None:
    outcomes = {"read": 0, "refused": 0}

    def read(data: bytes) -> None:
        try:
            policy = compiling.policy_of(data.decode(errors="replace"), "/etc/x")
        except ConfigError as error:
            outcomes["refused"] += str(error).startswith("/etc/x")
        else:
            assert isinstance(policy, Policy)
            outcomes["read"] += 1

    each("policy", watch, [data for _, data in corpus("policy")], read)
    assert sum(outcomes.values()) >= PARTS["policy"], "a refusal does not begin with the file"
    assert min(outcomes.values()) >= 30, outcomes


TABLES = [
    (ROOT + CGROUP2 + BPFFS + last).encode()
    for last in (
        "",
        "99 23 0:44 / /srv/someone/a\rb rw,relatime - fuse.sshfs host:/ rw\n",
        "45 63 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
        "63 30 0:36 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,inode64\n"
        "64 63 0:31 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n",
        "70 23 0:51 / /a\\040b\\011 ro shared:3 master:4 - tmpfs none ro,size=4k\n",
    )
]


def test_mount_tables(watch: Watch) -> None:
    refused = [0]

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        table = MountTable(text)
        for kind, path in (("cgroup2", paths.CGROUPFS), ("bpf", paths.BPFFS)):
            table.reachable(kind)
            table.at(path)
            table.covered_at(path, kind)
        try:
            cgroup.unified_mount(text, "/user.slice/a")
        except CgroupError:
            refused[0] += 1

    each("mountinfo", watch, TABLES, read)
    assert 30 <= refused[0] <= PARTS["mountinfo"] - 30


ANSWERS = [
    b"crun version UNKNOWN\ncommit: 0000\nrundir: /run/crun\nspec: 1.0.0\n+SYSTEMD +SELINUX\n",
    b"podman version 5.8.1\n", b"runc version 1.3.6+ds1\nspec: 1.2.1\ngo: go1.24\n",
    b"crun version 1.26\ncommit: 1\nspec: 1.0.0", b"containerd github.com/x v2.1.9-rc.1+dev 1\n",
]  # fmt: skip


def test_answers_of_programs(watch: Watch) -> None:
    def read(data: bytes) -> None:
        text = data.decode(errors="replace")
        assert runtimes.first_line(text)
        version = runtimes.version_in(text)
        if version is not None:
            known("runc", version)

    each("answers", watch, ANSWERS, read)


COMMAND_LINES = [
    b"BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet isolcpus=nohz,domain,managed_irq,1-3\n",
    b'isolcpus=1 "a b"=c -- init=/x\n', b"dyndbg=\"file x +p\" nohz_full=1-3",
]  # fmt: skip


def test_command_lines(watch: Watch) -> None:
    def read(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        assert all(name in text and value in text for name, value in command_line.parameters(text))

    each("command line", watch, COMMAND_LINES, read)


def test_whole_hosts(watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One to three files of a healthy host are changed at a time, and put back."""
    fake = FakeHost(tmp_path)
    fake.write("/boot/config-" + fake.host.release, "# CONFIG_SCHED_CLASS_EXT is not set\n")
    fake.write("/etc/containers/containers.conf", SETTINGS[1])
    fake.write("/sys/devices/system/cpu/nohz_full", "1-3\n")
    # Starting programs takes longer than all else.
    monkeypatch.setattr(
        "ocihook.doctor.host.Host.answer",
        lambda *_: mutated_text(chance, chance.choice(ANSWERS)).decode(errors="replace"),
    )
    files = [
        (path, path.read_bytes())
        for path in sorted(tmp_path.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
    chance = random.Random(SEED)
    codes = set()
    for _ in range(PARTS["hosts"]):
        changed = chance.sample(files, chance.randint(1, 3))
        spoiled = [(path, mutated_text(chance, data)) for path, data in changed]
        for path, data in spoiled:
            path.write_bytes(data)
        watch.begins(spoiled)
        found = document(examine(fake.host))
        json.dumps(found)
        assert found["exit_code"] in DOCUMENTED, spoiled
        codes.add(found["exit_code"])
        for path, data in changed:
            path.write_bytes(data)
    watch.ends()
    assert len(codes) > 1
