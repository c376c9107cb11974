# SPDX-License-Identifier: Apache-2.0
"""How many inputs a run tries, where, and what they are made of: the documents of tests/data.

Most of them are bad. A changed document can be sound by chance, and tests count both kinds.

``AT_LEAST`` is counted on: each test of ``test_fuzz_*`` fails where it has judged fewer.
"""

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

from wild import PIECES, mutated_bytes, mutated_node

DATA = Path(__file__).parents[1] / "data"

SEED = 20261122
"""Of the mutations; another one makes other inputs, none of which may fail."""

AT_LEAST = {
    "hook": {"each": 1500, "made up": 4 * 1500, "nodes": 8000, "bytes": 16000},
    "validate": {"nodes": 3000, "bytes": 6000, "command": 40},
    "doctor": {
        "hooks.d": 12000, "settings": 2400, "policy": 2000, "mountinfo": 9000, "answers": 6000,
        "command line": 3000, "hosts": 200,
    },
    "wire": {"marks": 10000, "records": 6000, "policies": 600, "control files": 8000,
             "cpulists": 8000},
}  # fmt: skip
"""Different inputs by what reads them, and what they are or how they are made."""

MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "nodes": mutated_node,
    "bytes": mutated_bytes,
}

OF_TEXT = [
    *PIECES, b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c", b"\x1c", b"\x85", b"\xc2\xa0",
    b"\xe2\x80\xa8", b"\xd9\xa3", b"/", b"//", b"..", b"\\040", b"\\", b",", b":", b"=", b"#",
    b"'", b" - ", b"0-1151", b"1:1/0", b"all", b"N", b"max", b"4294967296", b"\n\n", b"[", b"]",
    b"x" * 300, b"a." * 1100,
]  # fmt: skip
"""What readers of the kernel's text, of versions and of settings may stumble over."""


def mutated_text(chance: random.Random, data: bytes) -> bytes:
    """Return a text with one to four changes of what its readers go by."""
    return mutated_bytes(chance, data, OF_TEXT)


@cache
def corpus(*kinds: str) -> list[tuple[str, bytes]]:
    """Return all documents of these kinds, with the kind of each."""
    return [
        (kind, path.read_bytes())
        for kind in kinds
        for path in sorted((DATA / kind).glob("*/*"))
        if path.is_file()
    ]


def tries(least: int) -> range:
    """Return how many mutations to make for so many different ones; more are more than enough."""
    return range(2 * least + 100)
