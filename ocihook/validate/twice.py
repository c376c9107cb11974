# SPDX-License-Identifier: Apache-2.0
"""Members that are there twice, which programs read in ways of their own.

RFC 8259 leaves it open. Go's decoder, runc's and the engines', decodes the second over the first;
crun's parser takes the first (yajl_tree_get), and Python's, which is the hook's, the last.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ocihook.validate.finding import Finding, warning

_SAID = {
    "config": "is there twice: runc puts both together, crun takes the first",
    "hooks": "is there twice: engines put both together",
}


def check(data: bytes, kind: str) -> Iterator[Finding]:
    """Yield a warning for each name that an object of a JSON text has more than once."""
    if kind in _SAID:
        yield from _check(json.loads(data, object_pairs_hook=_Pairs), _SAID[kind])


class _Pairs(list[tuple[str, Any]]):
    """The members of an object; an array is a plain list."""


def _check(value: Any, said: str, *path: str | int) -> Iterator[Finding]:
    if isinstance(value, _Pairs):
        names = Counter(name for name, _ in value)
        for name, times in names.items():
            if times > 1:
                yield warning(said, *path, name)
        for name, inner in value:
            yield from _check(inner, said, *path, name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _check(inner, said, *path, index)
