# SPDX-License-Identifier: Apache-2.0
"""build/test-times.json: made, written, read by the next run; __init__.py says what is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .parts import Part

VERSION = 1

SLOWEST = 10


def make(
    parts: Sequence[Part],
    *,
    began_s: float,
    duration_s: float,
    arguments: Sequence[str],
    exit_status: int,
) -> dict[str, Any]:
    """Return the document of a run."""
    cases = [(part.name, case) for part in parts for case in part.cases]
    cases.sort(key=lambda pair: pair[1].duration_s, reverse=True)
    return {
        "version": VERSION,
        "began": datetime.fromtimestamp(began_s, UTC).isoformat(timespec="seconds"),
        "duration_s": round(duration_s, 3),
        "arguments": list(arguments),
        "exit_status": exit_status,
        "parts": [
            {
                "name": part.name,
                "duration_s": round(part.duration_s, 3),
                "tests": len(part.cases),
                "failed": sum(case.failed for case in part.cases),
                "fixed_waits_s": _rounded(part.fixed_waits_s),
            }
            for part in parts
        ],
        "slowest": [
            {
                "part": name,
                "name": case.name,
                "duration_s": round(case.duration_s, 3),
                "fixed_waits_s": _rounded(case.fixed_waits_s),
            }
            for name, case in cases[:SLOWEST]
        ],
    }


def write(document: dict[str, Any], file: Path) -> None:
    """Write it whole or not at all: the run may be interrupted a second time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(document, indent=2) + "\n")
    new.replace(file)


def read(file: Path) -> dict[str, Any] | None:
    """Return the document of the run before; None if there is none of this version."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == VERSION else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
