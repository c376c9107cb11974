# SPDX-License-Identifier: Apache-2.0
"""The files in hooks.d directories: ours, and those beside them that would stop every container."""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from ocihook.doctor import go_json, hooks_format
from ocihook.doctor.finding import Finding, Verdict
from ocihook.doctor.hook_dirs import OVERRIDE_DIR, TOPIC, Engine, place
from ocihook.doctor.hooks_engines import BUILD_FAILS, STOPS, objection_of_builds, objections
from ocihook.doctor.host import Host, reason
from ocihook.install.hooks import STAGES, file_name, hook_file, is_ours
from ocihook.paths import CONFIG_FILE, HOOKS_DIR
from ocihook.policy import Policy

AGAIN = "ocihook install"

DENIED = os.strerror(errno.EACCES).lower()


class HookFile(NamedTuple):
    """A hooks.d file. ``fault`` says what engines have against it.

    ``whole``: it is the directory, which cannot be read.
    """

    path: str
    content: bytes
    document: Any
    fault: str
    program: str
    whole: bool = False

    @property
    def directory(self) -> str:
        """The directory that it is in, or is."""
        return self.path if self.whole else str(Path(self.path).parent)

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

    What this user may not read, a directory included, is one with that for a fault.
    """
    for directory in directories:
        place = host.path(directory)
        try:
            names = sorted(name for name in os.listdir(place) if name.endswith(".json"))
        except FileNotFoundError:
            continue  # as engines do
        except OSError as error:
            yield HookFile(directory, b"", None, reason(error), "", whole=True)
            continue
        for name in names:
            yield from _read(host, place / name)


def _read(host: Host, path: Path) -> Iterator[HookFile]:
    shown = host.shown(path)
    try:
        content = host.content(path)
    except FileNotFoundError:
        return  # a link that leads nowhere; engines leave it out, too
    except OSError as error:
        yield HookFile(shown, b"", None, reason(error), "")
        return
    document, fault = go_json.parse(content)
    program = ""
    if not fault:
        fault, program = hooks_format.judge(document)
    if program.startswith("/") and (why := _out_of_reach(host, program)):
        fault, program = f"hook.path {program[:64]!a}: {why}", ""
    yield HookFile(shown, content, document, fault, program)


def _out_of_reach(host: Host, program: str) -> str:
    """Return why engines refuse a file for its program: it is neither there nor simply missing."""
    try:
        host.path(program).stat()
    except (FileNotFoundError, PermissionError):
        return ""
    except OSError as error:
        return reason(error)
    except ValueError:
        return os.strerror(errno.EINVAL).lower()  # a NUL
    return ""


def check(
    host: Host, files: list[HookFile], engines: list[Engine], policy: Policy
) -> Iterator[Finding]:
    """Look at every file, then at what ours say, by what the engines that are there read."""
    for directory, beside in groupby(files, key=lambda each: each.directory):
        readers = _readers(host, directory, engines)
        yield from _directory(host, list(beside), readers, builds=_builds(host, directory, engines))
    ours = {each.name: each for each in files if each.ours and not each.fault}
    missing = [name for name in map(file_name, STAGES) if name not in ours]
    if len(missing) == len(STAGES) and not engines:
        yield TOPIC.note(
            "files",
            "none of ours, and no engine that reads them; runc and crun take hooks from the bundle",
        )
    elif missing and not any(each.fault == DENIED for each in files):
        yield TOPIC.error(
            "files", f"{_places(ours.values(), engines)}: no {', '.join(missing)}", AGAIN
        )
    for name in dict.fromkeys(each.name for each in files if each.ours):
        copies = [each for each in files if each.name == name]
        if len({os.path.realpath(host.path(each.path)) for each in copies}) > 1:
            yield TOPIC.note(
                "files", f"{copies[-1].path} goes before {copies[0].path}", "keep one of them"
            )
    judged = [(each, _ours(each, policy)) for each in ours.values()]
    yield from (finding for _, finding in judged if finding)
    sound = [each for each, finding in judged if finding is None]
    if sound:
        said = ", ".join(each.name for each in sound)
        yield TOPIC.ok("files", f"{_places(sound, engines)}: {said} as placed")


def _places(ours: Iterable[HookFile], engines: list[Engine]) -> str:
    """Return where our files are; where there is none, where engines look."""
    beside = [each.directory for each in ours]
    read = [directory for engine in engines for directory in engine.dirs or ()]
    return ", ".join(dict.fromkeys(beside or read or [HOOKS_DIR]))


def _readers(host: Host, directory: str, engines: list[Engine]) -> list[Engine]:
    """Return the engines that read a directory, by whatever name."""
    there = place(host, directory)
    return [
        engine
        for engine in engines
        if there in (place(host, each) for each in engine.dirs or () if each.startswith("/"))
    ]


def _builds(host: Host, directory: str, engines: list[Engine]) -> bool:
    """Tell whether `podman build` reads a directory: the usual two, whatever hooks_dir says."""
    usual = {place(host, each) for each in (HOOKS_DIR, OVERRIDE_DIR)}
    return place(host, directory) in usual and any(each.name == "podman" for each in engines)


def _directory(
    host: Host, files: list[HookFile], readers: list[Engine], *, builds: bool
) -> Iterator[Finding]:
    # A missing program hides what is wrong with the files after it (pkg/hooks, hooks.go New: the
    # first error is wrapped, and where it is ErrNotExist all are dropped).
    absent = [each for each in files if each.program and not host.exists(each.program)]
    wrong = [each for each in files if each.fault or each in absent]
    hidden = bool(wrong) and wrong[0] in absent
    stops = ", and ".join(STOPS[engine.name] for engine in readers)
    for each in files:
        if each.fault == DENIED:
            yield TOPIC.skipped("file", f"{each.path}: {each.fault}", "run this command as root")
        elif each in absent:
            if not each.ours:
                yield TOPIC.note(
                    "file",
                    f"{each.path}: {each.program} is not there, so engines leave this hook out in"
                    " silence",
                    f"install the program, or remove {each.path}",
                )
        elif each.fault and readers and not hidden:
            yield TOPIC.error(
                "file",
                f"{each.path}: {each.fault}; {stops} while it is there",
                _repair(each),
                os.EX_CONFIG,
            )
        elif each.fault and readers:
            yield TOPIC.warning(
                "file",
                f"{each.path}: {each.fault}; {stops} as soon as"
                f" {wrong[0].program}, of {wrong[0].path}, is there",
                _repair(each),
            )
        elif each.fault and builds:
            yield TOPIC.warning("file", f"{each.path}: {each.fault}; {BUILD_FAILS}", _repair(each))
        elif each.fault:
            yield TOPIC.note(
                "file",
                f"{each.path}: {each.fault}; an engine that read this directory would start no"
                " container",
                "repair or remove it",
            )
        else:
            yield from _of_some(each, readers, builds)


def _of_some(file: HookFile, readers: list[Engine], builds: bool) -> Iterator[Finding]:
    """Say what only some of the engines that read a sound file have against it."""
    for engine in readers:
        for verdict, why in objections(engine.name, engine.version, file.document):
            evidence = f"{file.path}: {why}"
            if verdict is Verdict.ERROR:
                yield TOPIC.error("file", evidence, _repair(file), os.EX_CONFIG)
            else:
                yield TOPIC.warning("file", evidence, _repair(file))
    if builds and (why := objection_of_builds(file.document)):
        yield TOPIC.warning("file", f"{file.path}: {why}", _repair(file))


def _repair(file: HookFile) -> str:
    if file.ours:
        return f"{AGAIN} --force"
    return f"repair it, or: mv {file.path} {file.path}.off"


def _ours(file: HookFile, policy: Policy) -> Finding | None:
    """Return what is to be said of a file of ours; None where it is as placed."""
    stage = file.name.removeprefix("ocihook-").removesuffix(".json")
    if stage not in STAGES:
        return TOPIC.note("file", f"{file.path}: one of ours by another name; it runs, too")
    expected = json.loads(hook_file(stage, Path(file.program), policy))
    if _fixed(file.document) != _fixed(expected):
        return TOPIC.warning(
            stage, f"{file.path}: edited, or placed by another version", f"{AGAIN} --force"
        )
    timeout_s = file.document["hook"].get("timeout")
    if isinstance(timeout_s, int) and timeout_s <= policy.deadline_s:
        return TOPIC.warning(
            stage,
            f"{file.path}: timeout {timeout_s} s is not above the hook's own deadline of"
            f" {policy.deadline_s} s, and a runtime's time-out fails the container without a word",
            AGAIN,
        )
    if file.document.get("when") != expected["when"]:
        return TOPIC.warning(
            stage, f"{file.path}: selects other containers than [enrol] of {CONFIG_FILE}", AGAIN
        )
    return None


def _fixed(document: dict[str, Any]) -> Any:
    """Return what of a file of ours is not the administrator's to choose."""
    hook = document.get("hook")
    if isinstance(hook, dict):
        hook = {key: value for key, value in hook.items() if key != "timeout"}
    return document.get("version"), hook, document.get("stages")
