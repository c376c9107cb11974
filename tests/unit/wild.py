# SPDX-License-Identifier: Apache-2.0
"""Inputs that nobody should write: near-valid documents, wild ones, and mutations of real ones."""

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

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

TEXTS = [text for text in VALUES if isinstance(text, str)]
WISHES = [
    *(f"org.ocihook/{name}" for name in
      ("cell", "weight", "cpus", "lend", "borrow", "required", "wieght", "")),
    "org.ocihook", "a",
]  # fmt: skip
STATE_MEMBERS = ["id", "status", "bundle", "pid", "annotations", "root", "ociVersion"]
CPU = ("shares", "quota", "period", "burst", "idle", "cpus", "mems", "realtimeRuntime",
       "realtimePeriod", "x")  # fmt: skip
UNIFIED = ("cpu.weight", "cpu.max", "cpu.max.burst", "cpu.idle", "cpuset.cpus", "cpuset.mems",
           "memory.high")  # fmt: skip

Make = Callable[[random.Random], Any]


def _scalar(chance: random.Random) -> Any:
    return chance.choice(VALUES)


def _text(chance: random.Random) -> str:
    """Return up to 8 characters of any kind, ASCII and control characters more often than not."""
    spans = [(0, 0x80), (0x20, 0x7F), (0x80, 0xD800), (0xE000, 0x110000)]
    return "".join(
        chr(chance.randrange(*chance.choice(spans))) for _ in range(chance.randint(0, 8))
    )


def _cpulist(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return "".join(chance.choices("0123459-, \n:x\u00a0", k=chance.randint(0, 12)))
    ranges = range(chance.randint(1, 4))
    return ",".join(f"{chance.randint(-1, 1030)}-{chance.randint(-1, 1030)}" for _ in ranges)


def _one_of(*makes: Make) -> Make:
    return lambda chance: chance.choice(makes)(chance)


def _object(names: Sequence[str], value: Make, least: int, most: int) -> Make:
    """Return a maker of objects that have `least` to `most` of the members."""
    return lambda chance: {
        name: value(chance) for name in chance.sample(names, chance.randint(least, most))
    }


def _members(**makes: Make) -> Make:
    """Return a maker of objects that have each of the members or not."""
    return lambda chance: {
        name: make(chance) for name, make in makes.items() if chance.random() < 0.5
    }


_TEXT_OR_SCALAR = _one_of(lambda chance: chance.choice(TEXTS), _cpulist, _scalar)
_WISHES = _object(WISHES, _one_of(_scalar, _cpulist, _text), 0, 4)
_STATE = _object(STATE_MEMBERS, _one_of(_scalar, _text), 1, 4)
_RESOURCES = _members(
    cpu=_one_of(_object(CPU, _scalar, 0, 3), _scalar),
    unified=_one_of(_object(UNIFIED, _TEXT_OR_SCALAR, 0, 3), _scalar),
)
_PROCESS = _members(
    execCPUAffinity=_one_of(_object(("initial", "final"), _TEXT_OR_SCALAR, 0, 2), _scalar),
    scheduler=_one_of(_object(("policy", "nice"), _scalar, 0, 2), _scalar),
)
_LINUX = _members(resources=_one_of(_RESOURCES, _scalar), cgroupsPath=_scalar, namespaces=_scalar)
_CONFIG = _members(
    process=_one_of(_PROCESS, _scalar),
    linux=_one_of(_LINUX, _scalar),
    annotations=_one_of(_WISHES, _scalar),
)

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


def _one_member(chance: random.Random) -> dict[str, Any]:
    """Return a config.json of one member, so that nothing else is wrong with it."""
    return _with(chance.choice(PATHS), _TEXT_OR_SCALAR(chance))


def _of_cpulist(text: str) -> list[Document]:
    return [
        ({"annotations": {"org.ocihook/cpus": text}}, {}),
        ({}, {"process": {"execCPUAffinity": {"final": text}}}),
        ({}, {"linux": {"resources": {"cpu": {"cpus": text}}}}),
        ({}, {"linux": {"resources": {"unified": {"cpuset.cpus": text}}}}),
    ]


KINDS: dict[str, Callable[[random.Random], Document]] = {
    "states": lambda chance: (_STATE(chance), {}),
    "configs": lambda chance: ({}, _one_of(_one_member, _one_member, _CONFIG)(chance)),
    "annotations": lambda chance: ({"annotations": _WISHES(chance)}, {}),
    "cpulists": lambda chance: chance.choice(_of_cpulist(_cpulist(chance))),
}
"""What changes the good state and the empty config.json, by kind.

By a generator of random numbers and not by hypothesis, whose draws take longer than the hook.
"""


def documents(kind: str, seed: int, count: int) -> Iterator[Document]:
    """Return pairs: members that replace those of a good state, and a config.json."""
    chance = random.Random(seed)
    return (KINDS[kind](chance) for _ in range(count))


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
    b"[" * 1100, b'{"a":' * 1100,
]  # fmt: skip


def mutated_bytes(chance: random.Random, data: bytes, pieces: Sequence[bytes] = PIECES) -> bytes:
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
                text[at:at] = chance.choice(pieces)
    return bytes(text)
