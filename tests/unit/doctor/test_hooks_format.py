# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: which hooks.d files engines refuse, by containers/common pkg/hooks."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook.doctor import hooks_d, program
from ocihook.doctor.go_json import parse
from ocihook.doctor.hooks_format import judge
from ocihook.doctor.host import Host
from ocihook.paths import HOOKS_DIR
from ocihook.policy import Policy

SOUND: dict[str, Any] = {
    "version": "1.0.0",
    "hook": {"path": "/x", "args": ["x"], "env": ["A=b"], "timeout": 3},
    "when": {"always": True, "annotations": {"^a": ".*"}, "commands": ["sh"]},
    "stages": ["createRuntime", "precreate"],
}
LEGACY = {"hook": "/x", "stages": ["prestart"], "cmds": ["sh"], "annotations": ["a"]}
OURS = Path(__file__).parents[3] / "hooks.d"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
MEMBERS = st.sampled_from([*SOUND, *SOUND["hook"], *SOUND["when"], *LEGACY, "Version", "HOOK"])


@pytest.mark.parametrize("path", sorted(OURS.iterdir()), ids=lambda path: path.name)
def test_our_files_are_sound(path: Path) -> None:
    document, fault = parse(path.read_bytes())
    assert (fault, *judge(document)) == ("", "", "/usr/libexec/oci/hooks.d/ocihook-hook")


@pytest.mark.parametrize(
    "document",
    [
        SOUND,
        LEGACY,
        {**SOUND, "version": "1.1.0"},
        {**SOUND, "when": {"annotationsOr": 1}},
        {**SOUND, "when": {"commands": ["(?U)a", "^(?i)b$", None]}},
        {**SOUND, "when": None},
        {**SOUND, "stages": []},
        {**SOUND, "more": 1},
        {"VERSION": "1.0.0", "Hook": {"Path": "/x"}, "Stages": ["poststop"]},
        {"version": "0.1.0", "hook": "/x", "stage": ["prestart"], "cmd": ["sh"]},
        {**LEGACY, "version": None},
    ],
)
def test_sound(document: dict[str, Any]) -> None:
    assert judge(document) == ("", "/x")


def hook(**members: Any) -> dict[str, Any]:
    return {**SOUND, "hook": {**SOUND["hook"], **members}}


def when(**members: Any) -> dict[str, Any]:
    return {**SOUND, "when": members}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({**SOUND, "version": "1.0"}, "version '1.0' is unknown"),
        ({**SOUND, "version": 1}, "version 1 is unknown"),
        ({**SOUND, "stages": [1]}, "stages is no list of strings"),
        ({**SOUND, "hook": "/x"}, "hook is no object"),
        ({**SOUND, "hook": None}, "hook.path is missing"),
        ({**SOUND, "when": []}, "when is no object"),
        (hook(path=""), "hook.path is missing"),
        (hook(path=["/x"]), "hook.path is no string"),
        (hook(args="x"), "hook.args is no list of strings"),
        (hook(env=[1]), "hook.env is no list of strings"),
        (hook(timeout="3"), "hook.timeout is no integer of 64 bits"),
        (hook(timeout=1 << 63), "hook.timeout is no integer of 64 bits"),
        (hook(timeout=3.0), "hook.timeout is no integer of 64 bits"),
        (when(always="yes"), "when.always is no boolean"),
        (when(annotations=["a"]), "when.annotations is no object of strings"),
        (when(annotations={"a": True}), "when.annotations is no object of strings"),
        (when(commands="sh"), "when.commands is no list of strings"),
        (when(hasBindMounts=1), "when.hasbindmounts is no boolean"),
        (
            when(commands=["a++"]),
            "when.commands: 'a++' is no pattern to Go: bad repetition operator: ++",
        ),
        (
            when(annotations={"(": ""}),
            "a name in when.annotations: '(' is no pattern to Go: missing ): (",
        ),
        (
            when(annotations={"a": ")"}),
            "a value in when.annotations: ')' is no pattern to Go: unexpected ): )",
        ),
        (
            {**when(annotationsOr={"(": ""}), "version": "1.1.0"},
            "a name in when.annotationsOr: '(' is no pattern to Go: missing ): (",
        ),
        ({**LEGACY, "cmds": ["("]}, "when.commands: '(' is no pattern to Go: missing ): ("),
        (
            {**LEGACY, "annotations": ["("]},
            "a name in when.annotations: '(' is no pattern to Go: missing ): (",
        ),
        ({**SOUND, "stages": None}, "stages are missing"),
        ({**SOUND, "stages": "poststop"}, "stages is no list of strings"),
        ({**SOUND, "stages": ["preStart"]}, "stage 'preStart' is unknown"),
        ({}, "hook is missing"),
        ({**LEGACY, "hook": ""}, "hook is missing"),
        ({"hook": {"path": "/x"}}, "hook is no string"),
        ({"hook": "/x"}, "stages are missing"),
        ({**LEGACY, "stage": ["prestart"]}, "both stage and stages are there"),
        ({**LEGACY, "cmd": ["sh"]}, "both cmd and cmds are there"),
    ],
)
def test_refused(document: object, fault: str) -> None:
    assert judge(document)[0] == fault


TWICE = b"""{
    "version": "1.0.0", "hook": {"path": "/x"}, "stages": ["poststop"],
    "when": %s, "When": {"always": true}
}"""


@pytest.mark.parametrize(
    ("earlier", "fault"),
    [
        (b'{"commands": ["sh"]}', ""),
        (b'{"commands": ["("]}', "when.commands: '(' is no pattern to Go: missing ): ("),
        (b'{"always": "yes"}', "when.always is no boolean"),
        (b"[]", "when is no object"),
    ],
)
def test_a_member_that_is_there_twice_counts_twice(earlier: bytes, fault: str) -> None:
    """Seen with podman 5.4.2."""
    document, no_json = parse(TWICE % earlier)
    assert (no_json, judge(document)[0]) == ("", fault)


def test_a_hook_of_two_halves() -> None:
    document, _ = parse(b'{"version": "1.0.0", "hook": {"path": "/x"}, "hook": {"args": ["x"]},'
                        b' "stages": []}')  # fmt: skip
    assert judge(document) == ("", "/x")


@pytest.mark.parametrize(
    ("document", "program"),
    [
        (hook(timeout="3"), ""),
        ({**SOUND, "when": []}, ""),
        ({**LEGACY, "cmds": "sh"}, ""),
        ({**SOUND, "stages": ["x"]}, "/x"),
        (when(commands=["("]), "/x"),
        ({**LEGACY, "cmds": ["("]}, "/x"),
    ],
)
def test_engines_look_for_the_program_between_types_and_patterns(
    document: dict[str, Any], program: str
) -> None:
    """So that a missing one hides a bad pattern, and no value of the wrong type."""
    fault, found = judge(document)
    assert fault
    assert found == program


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no JSON: Expecting value"),
        (b'{"a": 1,}', "no JSON: "),
        (b"// comment\n{}", "no JSON: Expecting value"),
        (b"\xef\xbb\xbf{}", "no JSON: Unexpected UTF-8 BOM"),
        (json.dumps(SOUND).encode("utf-16"), "no JSON: "),
        (b'{"timeout": NaN}', "no JSON: NaN is no number"),
        (b"[" * 100000, "no JSON: "),
    ],
)
def test_no_json(content: bytes, fault: str) -> None:
    document, found = parse(content)
    assert document is None
    assert found.startswith(fault)


@given(st.dictionaries(MEMBERS, JSON) | JSON)
def test_any_document_gets_a_verdict(document: object) -> None:
    fault, path = judge(document)
    assert fault or path


@given(st.dictionaries(MEMBERS, JSON) | st.builds(hook, path=JSON, args=JSON, timeout=JSON))
def test_any_file_in_place_of_ours_gets_a_verdict(document: dict[str, Any]) -> None:
    with TemporaryDirectory() as root:
        host = Host(root=Path(root))
        path = host.path(f"{HOOKS_DIR}/ocihook-poststop.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(document))
        files = list(hooks_d.read(host, [HOOKS_DIR]))
        named = [
            each
            for each in hooks_d.check(host, files, [], Policy())
            if str(path.name) in each.evidence
        ]
        programs = list(program.check(host, files))
    assert named or programs
