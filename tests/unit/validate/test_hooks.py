# SPDX-License-Identifier: Apache-2.0
"""Findings in a file of hooks.d: where, how bad, in which words."""

import sys
from typing import Any

import pytest

from ocihook.validate.report import findings

HOOKS: dict[str, Any] = {
    "version": "1.0.0", "hook": {"path": sys.executable}, "when": {"always": True},
    "stages": ["poststop"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "pointer", "severity", "message"),
    [
        ({"hook": {"path": "/nonexistent"}}, "/hook/path", "error", "leave the hook out"),
        ({"when": {"always": False}}, "/when/always", "warning", "false matches no container"),
        ({"when": {"hasBindMounts": False}}, "/when/hasBindMounts", "warning", "false matches"),
        ({"when": {"annotations": {"(?!a)": "b"}}}, "/when/annotations", "error",
         "'(?!a)' is no pattern to Go: invalid perl operator: (?!"),
        ({"when": {"commands": [r"(a)\1"]}}, "/when/commands/0", "error", "invalid escape"),
        ({"when": {"annotations": {"a": "("}}}, "/when/annotations/a", "error", "missing )"),
        ({"when": {"annotationsOr": {"a": "("}}}, "/when/annotationsOr/a", "error", "missing )"),
        ({"when": {"annotationsOr": {"a": "b"}}}, "/when/annotationsOr", "warning",
         "is of version 1.1.0; before, engines skip it"),
        ({"version": "1.1.0", "when": {"annotationsOr": {"a": "b"}}}, "/version", "warning",
         "podman before 6, and CRI-O of before, refuse it and start no container"),
        ({"stages": ["poststop", "precreate"]}, "/stages/1", "warning", "`podman build` fails"),
        ({"colour": 1}, "/colour", "warning", "unknown member"),
        ({"version": "0.1.0"}, "/version", "error", "'0.1.0' is none of 1.0.0, 1.1.0"),
        ({"stages": ["poststop", "poststop"]}, "/stages", "error", "has an item twice"),
    ],
)  # fmt: skip
def test_hooks_file(change: dict[str, Any], pointer: str, severity: str, message: str) -> None:
    found = [one for one in findings("hooks", {**HOOKS, **change}) if one.pointer == pointer]
    assert [(one.severity, message in one.message) for one in found] == [(severity, True)]


def test_names_in_another_case_are_taken_by_engines() -> None:
    document = {
        "Version": "1.0.0", "HOOK": {"Path": sys.executable}, "when": {"hasbindmounts": False},
        "stages": ["poststop"],
    }  # fmt: skip
    assert [(one.pointer, one.severity, one.message) for one in findings("hooks", document)] == [
        ("/Version", "warning", "engines take it for 'version'"),
        ("/HOOK", "warning", "engines take it for 'hook'"),
        ("/HOOK/Path", "warning", "engines take it for 'path'"),
        ("/when/hasbindmounts", "warning", "engines take it for 'hasBindMounts'"),
        (
            "/when/hasBindMounts",
            "warning",
            "false matches no container, it is not the opposite",
        ),
    ]
