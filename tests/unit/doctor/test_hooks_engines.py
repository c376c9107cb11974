# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: what only one engine has against a hooks.d file."""

from typing import Any

import pytest

from ocihook.doctor.hooks_engines import objection_of_builds, objections

SOUND: dict[str, Any] = {"version": "1.0.0", "hook": {"path": "/x"}, "stages": ["prestart"]}
PRECREATE = {**SOUND, "Stages": ["prestart", "precreate"]}
del PRECREATE["stages"]


@pytest.mark.parametrize("engine", ["podman", "crio"])
@pytest.mark.parametrize("document", [SOUND, {"hook": "/x", "stage": ["prestart"]}])
def test_what_all_take(engine: str, document: dict[str, Any]) -> None:
    assert list(objections(engine, None, document)) == []


def test_a_stage_that_is_podmans_own() -> None:
    assert list(objections("podman", (5, 4, 2), PRECREATE)) == []
    assert objection_of_builds(SOUND) == ""
    assert objection_of_builds(PRECREATE) == (
        "stage 'precreate' is for containers alone; `podman build` fails at its first RUN while it"
        " is there"
    )
    ((verdict, why),) = objections("crio", None, PRECREATE)
    assert (verdict, why) == (
        "error",
        "stage 'precreate' is unknown to CRI-O; CRI-O does not start while it is there",
    )
    legacy = {"hook": "/x", "stage": ["precreate"]}
    assert [verdict for verdict, _ in objections("crio", None, legacy)] == ["error"]


def test_a_version_that_is_newer_than_some_engines() -> None:
    document = {**SOUND, "version": "1.1.0"}
    assert [verdict for verdict, _ in objections("podman", (5, 99, 0), document)] == ["error"]
    ((verdict, why),) = objections("crio", (1, 33, 0), document)
    assert (verdict, why) == (
        "warning",
        "version '1.1.0' is of August 2026; if crio is older, CRI-O does not start while it is"
        " there",
    )
