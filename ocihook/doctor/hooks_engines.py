# SPDX-License-Identifier: Apache-2.0
"""What one engine, or one version of it, has against a hooks.d file that others take. Pure.

Which files all of them refuse is in ``hooks_format``.
"""

from collections.abc import Iterator
from typing import Any

from ocihook.doctor.finding import Verdict
from ocihook.doctor.go_json import folded
from ocihook.doctor.quirks import Version

NEWER = "1.1.0"
"""The version of hook files that engines have known since container-libs pull request 1112, which
was opened in August 2026: no podman 5 has it."""

SINCE_PODMAN: Version = (6, 0, 0)
"""No podman before it knows ``NEWER``; of podman 6 not every release does."""

STOPS = {"podman": "podman starts no container", "crio": "CRI-O does not start"}
"""What an engine does while a file that it refuses is there: podman reads the directory for each
container (podman issue 6629), CRI-O at its own start (server/server.go, New)."""


BUILD_FAILS = "`podman build` fails at its first RUN while it is there"
"""It does not go by hooks_dir: it reads the usual two directories (buildah, run_common.go and
run_linux.go, setupOCIHooks)."""


def objections(
    engine: str, version: Version | None, document: Any
) -> Iterator[tuple[Verdict, str]]:
    """Yield what an engine has against a document that ``hooks_format.judge`` finds sound."""
    members = folded(document)
    stops = f"{STOPS[engine]} while it is there"
    if members.get("version") == NEWER:
        shown = ".".join(map(str, version or ()))
        if engine == "podman" and version and version < SINCE_PODMAN:
            yield (
                Verdict.ERROR,
                f"version {NEWER!r} is unknown to podman {shown}; {stops}",
            )
        else:
            yield (
                Verdict.WARNING,
                f"version {NEWER!r} is of August 2026; if {engine} is older, {stops}",
            )
    if engine == "crio" and _precreates(members):
        yield Verdict.ERROR, f"stage 'precreate' is unknown to CRI-O; {stops}"


def objection_of_builds(document: Any) -> str:
    """Return what `podman build` has against a sound document, or nothing."""
    if _precreates(folded(document)):
        return f"stage 'precreate' is for containers alone; {BUILD_FAILS}"
    return ""


def _precreates(members: dict[str, Any]) -> bool:
    """Tell of podman's own stage, which it names to the package for containers alone."""
    return "precreate" in (members.get("stages") or members.get("stage") or ())
