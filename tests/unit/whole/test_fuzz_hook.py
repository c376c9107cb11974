# SPDX-License-Identifier: Apache-2.0
"""At least 20,000 bad states, configs, annotations and cpulists go through the hook's core.

For each: no traceback, no hang, one line, a documented exit code, no cell, and the schemas refuse
it, too. What the schemas take gets its cell. The bad ones are counted, and counted on.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hook_core import DOCUMENTED, Core, stood_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verdict import verdict
from wild import (
    KINDS,
    documents,
    each_member_with_each_value,
    mutated_bytes,
    mutated_node,
)

DATA = Path(__file__).parents[2] / "data"

AT_LEAST = {"each": 1500, "made up": 4 * 800, "nodes": 6000, "bytes": 10000}
"""Bad inputs by how they are made."""

GOOD_AT_LEAST = 30
"""Of each way; where all is bad, nobody sees that the hook takes what is good."""

SEED = 20261122
"""Of the mutations; another one makes other inputs, none of which may fail."""

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
    assert run.registered == wanted.gets_cell, (run, stdin, config)
    if wanted.gets_cell or wanted.is_off:
        assert run.status == 0, (run, stdin, config)
        return True
    assert len(run.lines) == 1, (run, stdin, config)
    assert run.status == (os.EX_DATAERR if wanted.is_required else 0), (run, stdin, config)
    return False


def test_20000_are_counted_on() -> None:
    assert sum(AT_LEAST.values()) >= 20000


def test_each_member_with_each_kind_of_trouble(core: Core) -> None:
    tally = Tally(core)
    for state, config in each_member_with_each_value():
        tally.judge_members(state, config)
    assert len(tally.bad) >= AT_LEAST["each"]
    assert len(tally.good) >= GOOD_AT_LEAST


@pytest.mark.parametrize("kind", KINDS)
def test_made_up_documents(core: Core, kind: str) -> None:
    tally = Tally(core)
    for document in documents(kind, SEED, 1600):
        tally.judge_members(*document)
    assert len(tally.bad) >= AT_LEAST["made up"] // len(KINDS)
    assert len(tally.good) >= GOOD_AT_LEAST


def corpus() -> list[tuple[str, bytes]]:
    return [
        (kind, path.read_bytes())
        for kind in ("state", "config", "annotations")
        for path in sorted((DATA / kind).glob("*/*.json"))
    ]


@pytest.mark.parametrize(
    ("how", "mutated"), [("nodes", mutated_node), ("bytes", mutated_bytes)], ids=["nodes", "bytes"]
)
def test_mutations_of_the_corpus(
    core: Core, how: str, mutated: Callable[[random.Random, bytes], bytes]
) -> None:
    chance = random.Random(SEED)
    originals = corpus()
    tally = Tally(core)
    while len(tally.bad) < AT_LEAST[how]:
        assert len(tally.good) < AT_LEAST[how], "mutations are too tame"
        kind, data = chance.choice(originals)
        tally.judge_document(kind, mutated(chance, data))
    assert len(tally.good) >= GOOD_AT_LEAST


@given(st.sampled_from(["poststart", "poststop", "startContainer", ""]), st.binary(max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_other_stages_survive_any_bytes(core: Core, stage: str, stdin: bytes) -> None:
    assert core.run(stdin, stage=stage).status == 0


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
    originals = [data for kind, data in corpus() if kind == "state"]
    for mutated in [mutated_node, mutated_bytes] * 15:
        data = mutated(chance, chance.choice(originals))
        run = run_hook("createRuntime", data, prelude=NOTHING_REAL)
        assert run.stdout == b"", (run, data)
        assert len(run.lines) <= 1, (run, data)
        assert run.status in DOCUMENTED, (run, data)
        assert "internal error" not in "".join(run.lines), (run, data)
