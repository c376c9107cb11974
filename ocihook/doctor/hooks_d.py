# SPDX-License-Identifier: Apache-2.0
"""The files in hooks.d directories: ours, and those beside them that would stop every container."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ocihook.doctor.finding import Finding
from ocihook.doctor.hook_dirs import TOPIC, Engine
from ocihook.doctor.host import Host, reason
from ocihook.hook.process import DEADLINE_S
from ocihook.install.hooks import STAGES, file_name, hook_file, is_ours
from ocihook.paths import HOOKS_DIR

KNOWN_STAGES = frozenset(
    (
        "createContainer",
        "createRuntime",
        "precreate",
        "prestart",
        "poststart",
        "poststop",
        "startContainer",
    )
)
"""Of runtime-spec config.md, and ``precreate``, which is podman's."""

AGAIN = "ocihook install"


class HookFile(NamedTuple):
    """A hooks.d file. ``fault`` says what the engine has against it; ``hook`` is its program."""

    path: str
    content: bytes
    document: Any
    fault: str
    hook: str

    @property
    def name(self) -> str:
        """The file's name, by which a later directory's masks an earlier one's."""
        return Path(self.path).name

    @property
    def ours(self) -> bool:
        """Whether it is one of ours, edited or not, or stands in the place of one."""
        return is_ours(self.content) or self.name in map(file_name, STAGES)


def read(host: Host, directories: list[str]) -> Iterator[HookFile]:
    """Yield every file of these directories that engines would read.

    Files that may not be read are left out of what this user can see.
    """
    for directory in directories:
        place = host.path(directory)
        try:
            names = sorted(name for name in os.listdir(place) if name.endswith(".json"))
        except OSError:
            continue  # engines leave out directories that are not there
        for name in names:
            yield _read(host, place / name)


def _read(host: Host, path: Path) -> HookFile:
    shown = host.shown(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        return HookFile(shown, b"", None, reason(error), "")
    try:
        # As Go's decoder: UTF-8 alone, no mark before it, no NaN.
        document = json.loads(content.decode(errors="replace"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return HookFile(shown, content, None, f"no JSON: {error}", "")
    return HookFile(shown, content, document, *_judge(document))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _judge(document: Any) -> tuple[str, str]:
    """Return what containers/common pkg/hooks refuses in a file, and its program.

    Of read.go, 1.0.0/hook.go (``Validate``) and 0.1.0/hook.go. Go matches keys whatever their case.
    """
    if not isinstance(document, dict):
        return "no JSON object", ""
    members = {key.lower(): value for key, value in document.items()}
    version = members.get("version", "0.1.0")
    if version == "0.1.0":
        hook = members.get("hook")
        return ("", hook) if isinstance(hook, str) and hook else ("no hook", "")
    if version != "1.0.0":
        return f"version {version!r} is unknown", ""
    hook = members.get("hook")
    path = (
        {key.lower(): value for key, value in hook.items()}.get("path")
        if isinstance(hook, dict)
        else None
    )
    if not isinstance(path, str) or not path:
        return "hook.path is missing", ""
    stages = members.get("stages")
    if not isinstance(stages, list):
        return "stages are missing", path
    unknown = [each for each in stages if not isinstance(each, str) or each not in KNOWN_STAGES]
    return (f"stage {unknown[0]!r} is unknown" if unknown else ""), path


def check(host: Host, files: list[HookFile], engines: list[Engine]) -> Iterator[Finding]:
    """Look at every file, then at what ours say, by what the engines that are there read."""
    read = {directory.rstrip("/") for engine in engines for directory in engine.dirs or ()}
    for each in files:
        yield from _beside(host, each, in_use=str(Path(each.path).parent) in read)
    ours = {each.name: each for each in files if each.ours and not each.fault}
    missing = [name for name in map(file_name, STAGES) if name not in ours]
    if len(missing) == len(STAGES) and not engines:
        yield TOPIC.note(
            "files",
            "none of ours, and no engine that reads them; runc and crun take hooks from the bundle",
        )
    elif missing:
        yield TOPIC.error(
            "files", f"{_places(ours.values(), engines)}: no {', '.join(missing)}", AGAIN
        )
    for name in dict.fromkeys(each.name for each in files if each.ours):
        copies = [each for each in files if each.name == name]
        if len(copies) > 1:
            yield TOPIC.note(
                "files", f"{copies[-1].path} goes before {copies[0].path}", "keep one of them"
            )
    judged = [(each, _ours(each)) for each in ours.values()]
    yield from (finding for _, finding in judged if finding)
    sound = [each for each, finding in judged if finding is None]
    if sound:
        said = ", ".join(each.name for each in sound)
        yield TOPIC.ok("files", f"{_places(sound, engines)}: {said} as placed")


def _places(ours: Iterable[HookFile], engines: list[Engine]) -> str:
    """Return where our files are; where there is none, where engines look."""
    beside = [str(Path(each.path).parent) for each in ours]
    read = [directory for engine in engines for directory in engine.dirs or ()]
    return ", ".join(dict.fromkeys(beside or read or [HOOKS_DIR]))


def _beside(host: Host, file: HookFile, *, in_use: bool) -> Iterator[Finding]:
    if file.fault == "permission denied":
        yield TOPIC.skipped("file", f"{file.path}: {file.fault}", "run this command as root")
    elif file.fault and in_use:
        # podman #6629.
        yield TOPIC.error(
            "file",
            f"{file.path}: {file.fault}; podman starts no container while it is there",
            f"{AGAIN} --force" if file.ours else f"repair it, or: mv {file.path} {file.path}.off",
            os.EX_CONFIG,
        )
    elif file.fault:
        yield TOPIC.note(
            "file",
            f"{file.path}: {file.fault}; an engine that reads this directory starts no container",
            "repair or remove it",
        )
    elif not file.ours and not host.exists(file.hook):
        yield TOPIC.note(
            "file",
            f"{file.path}: {file.hook} is not there, so engines leave this hook out in silence",
            f"install the program, or remove {file.path}",
        )


def _ours(file: HookFile) -> Finding | None:
    """Return what is to be said of a file of ours; None where it is as placed."""
    stage = file.name.removeprefix("ocihook-").removesuffix(".json")
    if stage not in STAGES:
        return TOPIC.note("file", f"{file.path}: one of ours by another name; it runs, too")
    expected = json.loads(hook_file(stage, Path(file.hook)))
    if _fixed(file.document) != _fixed(expected):
        return TOPIC.warning(
            stage, f"{file.path}: edited, or placed by another version", f"{AGAIN} --force"
        )
    timeout_s = file.document["hook"].get("timeout")
    if isinstance(timeout_s, int) and timeout_s <= DEADLINE_S:
        return TOPIC.warning(
            stage,
            f"{file.path}: timeout {timeout_s} s is not above the hook's own deadline of"
            f" {DEADLINE_S:.0f} s, and a runtime's time-out fails the container without a word",
            AGAIN,
        )
    if file.document.get("when") != expected["when"]:
        return TOPIC.note(stage, f"{file.path}: selects containers in its own way")
    return None


def _fixed(document: dict[str, Any]) -> Any:
    """Return what of a file of ours is not the administrator's to choose."""
    hook = document.get("hook")
    if isinstance(hook, dict):
        hook = {key: value for key, value in hook.items() if key != "timeout"}
    return document.get("version"), hook, document.get("stages")
