# SPDX-License-Identifier: Apache-2.0
"""Call the checks of every topic, and put together what they find."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from ocihook.doctor import (
    TOPICS,
    bpffs,
    cells,
    cgroups,
    config,
    hook_dirs,
    hooks_d,
    kernel,
    program,
    runtimes,
    scheduler,
    service,
)
from ocihook.doctor.finding import ORDER, Finding, exit_code, worst
from ocihook.doctor.host import Host

_ALONE: dict[str, Callable[[Host], Iterable[Finding]]] = {
    "kernel": kernel.check,
    "bpffs": bpffs.check,
    "cgroups": cgroups.check,
    "scheduler": scheduler.check,
    "service": service.check,
    "cells": cells.check,
    "config": config.check,
}
"""Those that need nothing of another topic."""


def examine(host: Host, topics: Collection[str] = TOPICS) -> list[Finding]:
    """Return what every check of these topics finds, in the order of ``TOPICS``."""
    needs_runtimes = not {"runtimes", "hooks.d", "program"}.isdisjoint(topics)
    installed = runtimes.find(host) if needs_runtimes else []
    engines = hook_dirs.engines(host, installed)
    files = list(hooks_d.read(host, hook_dirs.directories(host, engines)))
    of_files: dict[str, Callable[[], Iterable[Finding]]] = {
        "runtimes": lambda: runtimes.check(installed),
        "hooks.d": lambda: [
            *hook_dirs.check(host, engines),
            *hooks_d.check(host, files, engines, config.policy(host)),
        ],
        "program": lambda: program.check(host, files),
    }
    return [
        finding
        for topic in TOPICS
        if topic in topics
        for finding in (_ALONE[topic](host) if topic in _ALONE else of_files[topic]())
    ]


def document(findings: list[Finding]) -> dict[str, Any]:
    """Return what schemas/doctor.schema.json describes."""
    return {
        "verdict": worst(findings).value,
        "exit_code": exit_code(findings),
        "counts": {
            verdict.value: sum(each.verdict is verdict for each in findings) for verdict in ORDER
        },
        "findings": [each.document() for each in findings],
    }
