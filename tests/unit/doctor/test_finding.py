# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: what all findings come to."""

import os

import pytest

from ocihook.doctor.finding import Finding, Topic, Verdict, exit_code, worst

TOPIC = Topic("kernel")
OK = TOPIC.ok("a", "seen")
NOTE = TOPIC.note("b", "seen")
SKIPPED = TOPIC.skipped("c", "not seen")
WARNING = TOPIC.warning("d", "seen", "do")
ERROR = TOPIC.error("e", "seen", "do")
ABI = TOPIC.error("f", "seen", "do", os.EX_PROTOCOL)
CONFIG = TOPIC.error("g", "seen", "do", os.EX_CONFIG)


@pytest.mark.parametrize(
    ("findings", "verdict", "code"),
    [
        ([], Verdict.OK, 0),
        ([OK], Verdict.OK, 0),
        ([NOTE, OK], Verdict.NOTE, 0),
        ([SKIPPED, NOTE], Verdict.SKIPPED, 77),
        ([WARNING, SKIPPED], Verdict.WARNING, 65),
        ([ERROR, WARNING], Verdict.ERROR, 69),
        ([ERROR, ABI], Verdict.ERROR, 76),
        ([CONFIG, ABI, ERROR, OK], Verdict.ERROR, 78),
    ],
)
def test_exit_code_says_the_worst(findings: list[Finding], verdict: Verdict, code: int) -> None:
    assert worst(findings) == verdict
    assert exit_code(findings) == code
