# SPDX-License-Identifier: Apache-2.0
"""Inputs that nobody should write: near-valid documents, wild ones, and mutations of real ones."""

import copy
import json
import random
from typing import Any

from hypothesis import strategies as st

Document = tuple[dict[str, Any], dict[str, Any]]

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, -2, 5, 1.0, 0.5, 1e300, 2**22, 2**22 + 1, 2**31, 2**63 - 1, 2**63,
    -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**40, "", " ", "/", "//", ".", "..", "a", "a/b",
    "0-3", "3-0", ",", "0 ,1", "0-", "1024", "a\0", "\ud800", "\u00e9" * 128, "x" * 256,
    "x" * 4097, "true", "off", "100", "0100", "100\n", "10001", "max", "max 100000", "1 2 3",
    "5000 20000", "0x10", "SCHED_FIFO", [], {}, [1], ["a"], [None], [{}], [{"type": "pid"}],
    [{"type": "", "path": 1}], {"a": "b"}, {"a": 1}, {"": ""}, {"cpu.weight": "0"},
]  # fmt: skip
"""One of each kind of trouble, and what is right in one place and wrong in others."""

scalars = st.sampled_from(VALUES)
cpulists = st.text(alphabet="0123459-, \n:x\u00a0", max_size=12) | st.lists(
    st.tuples(st.integers(-1, 1030), st.integers(-1, 1030)), min_size=1, max_size=4
).map(lambda ranges: ",".join(f"{first}-{last}" for first, last in ranges))
WISHES = [
    *(f"org.ocihook/{name}" for name in
      ("cell", "weight", "cpus", "lend", "borrow", "required", "wieght", "")),
    "org.ocihook", "a",
]  # fmt: skip
STATE_MEMBERS = ["id", "status", "bundle", "pid", "annotations", "root", "ociVersion"]
wishes = st.dictionaries(
    st.sampled_from(WISHES), scalars | cpulists | st.text(max_size=8), max_size=4
)
states = st.dictionaries(
    st.sampled_from(STATE_MEMBERS), scalars | st.text(max_size=8), min_size=1, max_size=4
)


def _object(*names: str, values: st.SearchStrategy[Any] = scalars) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names), values, max_size=3) | scalars


CPU = ("shares", "quota", "period", "burst", "idle", "cpus", "mems", "realtimeRuntime",
       "realtimePeriod", "x")  # fmt: skip
UNIFIED = ("cpu.weight", "cpu.max", "cpu.max.burst", "cpu.idle", "cpuset.cpus", "cpuset.mems",
           "memory.high")  # fmt: skip
texts = st.sampled_from([text for text in VALUES if isinstance(text, str)]) | cpulists
resources = st.fixed_dictionaries(
    {}, optional={"cpu": _object(*CPU), "unified": _object(*UNIFIED, values=texts | scalars)}
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "process": st.fixed_dictionaries(
            {}, optional={"execCPUAffinity": _object("initial", "final", values=texts | scalars),
                          "scheduler": _object("policy", "nice")},
        ) | scalars,
        "linux": st.fixed_dictionaries(
            {}, optional={"resources": resources | scalars, "cgroupsPath": scalars,
                          "namespaces": scalars},
        ) | scalars,
        "annotations": wishes | scalars,
    },
)  # fmt: skip

PATHS = [
    ("annotations",), ("process",), ("linux",), ("process", "execCPUAffinity"),
    ("process", "execCPUAffinity", "initial"), ("process", "execCPUAffinity", "final"),
    ("process", "scheduler"), ("process", "scheduler", "policy"), ("linux", "cgroupsPath"),
    ("linux", "namespaces"), ("linux", "resources"), ("linux", "resources", "cpu"),
    ("linux", "resources", "unified"),
    *(("linux", "resources", "cpu", name) for name in CPU),
    *(("linux", "resources", "unified", name) for name in UNIFIED),
]  # fmt: skip
"""Of every member of config.json that the hook reads."""


def _with(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return value


def each_member_with_each_value() -> list[Document]:
    """Return documents of which one member is changed, for all members and all of ``VALUES``."""
    return [
        *(({}, _with(path, value)) for path in PATHS for value in VALUES),
        *(({name: value}, {}) for name in STATE_MEMBERS for value in VALUES),
        *(({"annotations": {name: value}}, {}) for name in WISHES for value in VALUES),
        *(({}, {"annotations": {name: value}}) for name in WISHES for value in VALUES),
    ]


one_member = st.builds(_with, st.sampled_from(PATHS), texts | scalars)
"""A config.json of one member, so that nothing else is wrong with it."""


def _of_cpulist(text: str) -> list[Document]:
    return [
        ({"annotations": {"org.ocihook/cpus": text}}, {}),
        ({}, {"process": {"execCPUAffinity": {"final": text}}}),
        ({}, {"linux": {"resources": {"cpu": {"cpus": text}}}}),
        ({}, {"linux": {"resources": {"unified": {"cpuset.cpus": text}}}}),
    ]


KINDS: dict[str, st.SearchStrategy[Document]] = {
    "states": st.tuples(states, st.just({})),
    "configs": st.tuples(st.just({}), one_member | one_member | configs),
    "annotations": st.tuples(st.builds(dict, annotations=wishes), st.builds(dict)),
    "cpulists": cpulists.flatmap(lambda text: st.sampled_from(_of_cpulist(text))),
}
"""What changes the good state and the empty config.json, by kind."""


def documents(kind: str) -> st.SearchStrategy[Document]:
    """Return pairs: members that replace those of a good state, and a config.json."""
    return KINDS[kind]


def mutated_node(chance: random.Random, data: bytes) -> bytes:
    """Return the document with one to three of its members replaced, removed or buried."""
    document = json.loads(data)
    for _ in range(chance.randint(1, 3)):
        holder: Any = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(holder[key], (dict, list)) and holder[key] and chance.random() < 0.7:
                holder = holder[key]
                continue
            _spoil(chance, holder, key)
            break
    return json.dumps(document).encode()


def _spoil(chance: random.Random, holder: Any, key: Any) -> None:
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1:
            for _ in range(chance.choice([2, 60, 70])):
                holder[key] = [holder[key]]
        case 2 if isinstance(holder[key], str):
            text = holder[key]
            at = chance.randint(0, len(text))
            holder[key] = text[:at] + chance.choice("\0\n -,x9\ud800") + text[at:]
        case _:
            # A copy, since the next mutation may go into it.
            holder[key] = copy.deepcopy(chance.choice(VALUES))


PIECES = [
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u0000", b"\\ud800", b"null", b"NaN",
    b"-Infinity", b"1e999", b"9" * 30, b"9" * 5000, b"\xef\xbb\xbf", b"\xff", b"\0", b"-", b".5",
    b"true", b'"org.ocihook/weight"', b"{}" * 3, b"[" * 70, b'{"a":' * 70,
]  # fmt: skip


def mutated_bytes(chance: random.Random, data: bytes) -> bytes:
    """Return the text with one to four of its bytes changed, cut, doubled or added to."""
    text = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice([1, 1, 2, 8, 64]))
        match chance.randrange(6):
            case 0:
                del text[at:to]
            case 1:
                del text[at:]
            case 2:
                text[at:at] = text[at:to]
            case 3:
                text[at:to] = bytes([chance.randrange(256)])
            case _:
                text[at:at] = chance.choice(PIECES)
    return bytes(text)
