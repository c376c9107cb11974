# SPDX-License-Identifier: Apache-2.0
"""TOML as a document, or as a ValueError: neither depth nor length keeps Python from an answer.

On the hook's path once after each edit of our configuration.
"""

import re
import tomllib
from typing import Any

MAX_DOTS = 1000
"""Of a key. Time and memory that tomllib takes grow with the square of its parts: of a key with
100,000 parts it takes all memory that there is (Python 3.11)."""

_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*"|'[^']*'""")


def loads(text: str) -> dict[str, Any]:
    """Return the document of a TOML text.

    Raises:
        ValueError: it is none, or has a key of more than 1,000 parts, or is nested too deep.
    """
    for line in text.split("\n") if text.count(".") > MAX_DOTS else ():
        if line.count(".") <= MAX_DOTS or line.lstrip().startswith("#"):
            continue
        if _QUOTED.sub("", line).count(".") > MAX_DOTS:
            raise ValueError(f"a key of more than {MAX_DOTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
