# SPDX-License-Identifier: Apache-2.0
"""What a check says: a verdict, what it saw, and how to mend it. And what all of them come to."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """From best to worst; ``skipped`` means that nobody knows."""

    OK = "ok"
    NOTE = "note"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        topic: what ``--only`` takes.
        name: what was looked at, unique within its topic but for a path or a name in the evidence.
        verdict: an ``error`` keeps containers from having cells or from starting; a ``warning``
            does not yet; a ``note`` is worth knowing and needs nothing.
        evidence: what was read, and where.
        mend: one sentence or command; empty where nothing has to be done.
        exit_code: an error's, of ``os.EX_*``: ``EX_CONFIG`` where a file has to be repaired.
    """

    topic: str
    name: str
    verdict: Verdict
    evidence: str
    mend: str = ""
    exit_code: int = os.EX_UNAVAILABLE

    def document(self) -> dict[str, str]:
        """Return it as a finding of schemas/doctor.schema.json."""
        return {
            "topic": self.topic,
            "name": self.name,
            "verdict": self.verdict.value,
            "evidence": self.evidence,
            "mend": self.mend,
        }


class Topic:
    """Makes the findings of one topic, with its name filled in."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def ok(self, name: str, evidence: str) -> Finding:
        """Nothing to do."""
        return Finding(self.name, name, Verdict.OK, evidence)

    def note(self, name: str, evidence: str, mend: str = "") -> Finding:
        """Worth knowing."""
        return Finding(self.name, name, Verdict.NOTE, evidence, mend)

    def skipped(self, name: str, evidence: str, mend: str = "") -> Finding:
        """Could not be looked at; the evidence says why."""
        return Finding(self.name, name, Verdict.SKIPPED, evidence, mend)

    def warning(self, name: str, evidence: str, mend: str) -> Finding:
        """Works now, and will surprise somebody."""
        return Finding(self.name, name, Verdict.WARNING, evidence, mend)

    def error(
        self, name: str, evidence: str, mend: str, exit_code: int = os.EX_UNAVAILABLE
    ) -> Finding:
        """Keeps containers from their cells, or from starting."""
        return Finding(self.name, name, Verdict.ERROR, evidence, mend, exit_code)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict; ``ok`` where there is nothing."""
    return max((each.verdict for each in findings), key=ORDER.index, default=Verdict.OK)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return what a program ends with that says the worst.

    0 for ok and notes; ``EX_NOPERM`` where the worst is that something could not be looked at;
    ``EX_DATAERR`` for warnings; for errors the highest of theirs. ``EX_CONFIG`` is higher than
    ``EX_UNAVAILABLE``, and a broken file in hooks.d is indeed worse than no scheduler: it keeps
    containers from starting (podman #6629).
    """
    found = list(findings)
    verdict = worst(found)
    if verdict is Verdict.ERROR:
        return max(each.exit_code for each in found if each.verdict is Verdict.ERROR)
    return {Verdict.WARNING: os.EX_DATAERR, Verdict.SKIPPED: os.EX_NOPERM}.get(verdict, os.EX_OK)
