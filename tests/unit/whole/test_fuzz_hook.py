# SPDX-License-Identifier: Apache-2.0
"""Tens of thousands of bad states, configs, annotations and cpulists go through the hook's core.

For each: no traceback, no hang, one line, a documented exit code, no cell or, where annotations are
at fault, a plain one, and the schemas refuse it, too. What the schemas take gets its cell. The bad
ones are counted, and counted on.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from case_watch import DOCUMENTED
from fuzz_cases import AT_LEAST as ALL_AT_LEAST
from fuzz_cases import MUTATIONS, SEED, corpus
from hook_core import Core, stood_in
from verdict import verdict
from wild import KINDS, documents, each_member_with_each_value, mutated_bytes, mutated_node

AT_LEAST = ALL_AT_LEAST["hook"]
"""Bad inputs by how they are made."""

GOOD_AT_LEAST = 30
"""Of each way; where all is bad, nobody sees that the hook takes what is good."""

STATE = {"id": "c1", "status": "creating", "bundle": "/b", "pid": 5}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    with stood_in(tmp_path_factory.mktemp("cgroup")) as made:
        yield made


class Tally:
    """Judges inputs, and counts the bad and the good ones, each once."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.bad: set[int] = set()
        self.good: set[int] = set()

    def judge(self, stdin: bytes, config: bytes = b"{}") -> None:
        """Compare the hook's verdict with that of the schemas."""
        kind = self.good if is_good(self.core, stdin, config) else self.bad
        kind.add(hash((stdin, config)))

    def judge_members(self, state: dict[str, Any], config: dict[str, Any]) -> None:
        """Judge a good state of which these members are changed, with this config.json."""
        self.judge(json.dumps({**STATE, **state}).encode(), json.dumps(config).encode())

    def judge_document(self, kind: str, data: bytes) -> None:
        """Judge a document of the corpus in the place where such documents are."""
        if kind == "state":
            self.judge(data)
        elif kind == "config":
            self.judge(json.dumps(STATE).encode(), data)
        else:
            text = json.dumps(STATE)[:-1].encode() + b', "annotations": ' + data + b"}"
            self.judge(text)


def is_good(core: Core, stdin: bytes, config: bytes) -> bool:
    """Run the hook, assert that the schemas say the same, and tell what they say."""
    run = core.run(stdin, config)
    wanted = verdict(stdin, config)
    assert len(run.registered) == wanted.gets_cell, (run, stdin, config)
    if wanted.is_plain:
        (request,) = run.registered
        assert (request.shared, request.flags) == (0, 0), (run, stdin, config)
        assert request.name == request.container[:12], (run, stdin, config)
    elif wanted.gets_cell or wanted.is_off:
        assert run.status == 0, (run, stdin, config)
        return True
    assert len(run.lines) == 1, (run, stdin, config)
    assert run.status == (os.EX_DATAERR if wanted.is_required else 0), (run, stdin, config)
    return False


def test_100000_are_counted_on() -> None:
    assert sum(sum(parts.values()) for parts in ALL_AT_LEAST.values()) >= 100_000
    assert sum(AT_LEAST.values()) >= 30_000


def test_each_member_with_each_kind_of_trouble(core: Core) -> None:
    tally = Tally(core)
    for state, config in each_member_with_each_value():
        tally.judge_members(state, config)
    assert len(tally.bad) >= AT_LEAST["each"]
    assert len(tally.good) >= GOOD_AT_LEAST


@pytest.mark.parametrize("kind", KINDS)
def test_made_up_documents(core: Core, kind: str) -> None:
    tally = Tally(core)
    for document in documents(kind, SEED, 3000):
        tally.judge_members(*document)
    assert len(tally.bad) >= AT_LEAST["made up"] // len(KINDS)
    assert len(tally.good) >= GOOD_AT_LEAST


@pytest.mark.parametrize("how", MUTATIONS)
def test_mutations_of_the_corpus(core: Core, how: str) -> None:
    chance = random.Random(SEED)
    originals = corpus("state", "config", "annotations")
    tally = Tally(core)
    while len(tally.bad) < AT_LEAST[how]:
        assert len(tally.good) < AT_LEAST[how], "mutations are too tame"
        kind, data = chance.choice(originals)
        tally.judge_document(kind, MUTATIONS[how](chance, data))
    assert len(tally.good) >= GOOD_AT_LEAST


@pytest.mark.parametrize("stage", ["poststart", "poststop", "startContainer", ""])
def test_other_stages_survive_any_bytes(core: Core, stage: str) -> None:
    chance = random.Random(SEED)
    for _, data in corpus("state", "text"):
        assert core.run(data, stage=stage).status == 0
        assert core.run(mutated_bytes(chance, data), stage=stage).status == 0
        assert core.run(chance.randbytes(chance.randrange(40)), stage=stage).status == 0


NOTHING_REAL = """
from ocihook._bpf import pinned
from ocihook.hook import cgroup
pinned.PIN_DIR = "/nonexistent"
cgroup.find = lambda pid, joined: cgroup.Cgroup(77, "/c", cgroup.os.open("/proc", 0))
cgroup.Cgroup.mark = lambda self, mark: None
"""
"""So that no made-up pid names a process of this machine."""


def test_a_sample_goes_through_the_real_program(run_hook: Callable[..., Any]) -> None:
    """In a process of its own: nothing is imported before, nothing stands in for its start."""
    chance = random.Random(SEED)
    originals = [data for _, data in corpus("state")]
    for mutated in [mutated_node, mutated_bytes] * 15:
        data = mutated(chance, chance.choice(originals))
        run = run_hook("createRuntime", data, prelude=NOTHING_REAL)
        assert run.stdout == b"", (run, data)
        assert len(run.lines) <= 1, (run, data)
        assert run.status in DOCUMENTED, (run, data)
        assert "internal error" not in "".join(run.lines), (run, data)
