# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: hooks.d files, ours and those beside them, as podman judges them."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_host import FakeHost

from ocihook.install import hooks
from ocihook.paths import CONFIG_FILE, HOOKS_DIR

ETC = "/etc/containers/oci/hooks.d"
OURS = f"{HOOKS_DIR}/ocihook-createRuntime.json"
OTHER = f"{HOOKS_DIR}/10-other.json"
SOUND = {
    "version": "1.0.0",
    "hook": {"path": "/usr/bin/crun"},
    "when": {"always": True},
    "stages": ["prestart", "poststop"],
}


def edit(fake: FakeHost, **hook: Any) -> None:
    """Change members of `hook` in our file for createRuntime."""
    document = json.loads(fake.path(OURS).read_bytes())
    document["hook"].update(hook)
    fake.write(OURS, json.dumps(document))


def test_healthy(fake: FakeHost) -> None:
    fake.write(OTHER, json.dumps(SOUND))
    fake.write(f"{HOOKS_DIR}/20-old.json", '{"Hook": "/usr/bin/crun", "stage": ["prestart"]}')
    fake.write(f"{HOOKS_DIR}/README", "{no JSON")
    assert fake.bad("hooks.d") == []
    assert fake.findings("hooks.d")[-1].evidence == (
        f"{HOOKS_DIR}: ocihook-createRuntime.json, ocihook-poststart.json, ocihook-poststop.json"
        " as placed"
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "no JSON: Expecting property name"),
        (b"[" * 100000, "no JSON: "),
        (b"{}", "hook is missing"),
        (json.dumps({**SOUND, "version": "2.0.0"}).encode(), "version '2.0.0' is unknown"),
    ],
)
def test_broken_file_beside_ours_blocks_every_container(
    fake: FakeHost, content: bytes, fault: str
) -> None:
    fake.write(OTHER, content)
    ((verdict, name, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, name) == ("error", "file")
    assert evidence.startswith(f"{OTHER}: {fault}")
    assert evidence.endswith("; podman starts no container while it is there")
    assert mend == f"repair it, or: mv {OTHER} {OTHER}.off"
    assert fake.documents()["exit_code"] == 78


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ({"commands": ["(?!x)y"]}, "when.commands: '(?!x)y'"),
        ({"annotations": {"a{1,2000}": ""}}, "a name in when.annotations: 'a{1,2000}'"),
        ({"annotations": {"a": "b\\Z"}}, "a value in when.annotations: 'b\\\\Z'"),
    ],
)
def test_one_pattern_of_a_neighbour_blocks_every_container(
    fake: FakeHost, when: dict[str, Any], problem: str
) -> None:
    fake.write(OTHER, json.dumps({**SOUND, "when": when}))
    ((verdict, _, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, mend) == ("error", f"repair it, or: mv {OTHER} {OTHER}.off")
    assert evidence.startswith(f"{OTHER}: {problem} is no pattern to Go: ")
    assert evidence.endswith("; podman starts no container while it is there")


def test_an_engine_is_named_for_what_it_reads_itself(fake: FakeHost) -> None:
    fake.program("/usr/bin/crio", "crio version 1.33.0")
    fake.write("/etc/crio/crio.conf", f'[crio.runtime]\nhooks_dir = ["{ETC}"]\n')
    fake.write(f"{ETC}/other.json", "{")
    (said,) = [each[2] for each in fake.bad("hooks.d") if each[1] == "file"]
    assert said.endswith("; CRI-O does not start while it is there")
    fake.write("/etc/crio/crio.conf", f'[crio.runtime]\nhooks_dir = ["{HOOKS_DIR}"]\n')
    fake.write(OTHER, "{")
    (said,) = [each[2] for each in fake.bad("hooks.d") if each[2].startswith(OTHER)]
    assert said.endswith("; podman starts no container, and CRI-O does not start while it is there")


def test_what_only_some_versions_refuse(fake: FakeHost) -> None:
    fake.write(OTHER, json.dumps({**SOUND, "version": "1.1.0"}))
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert (verdict, evidence) == (
        "error",
        f"{OTHER}: version '1.1.0' is unknown to podman 5.8.1; podman starts no container while it"
        " is there",
    )
    assert fake.documents()["exit_code"] == 78
    fake.program("/usr/bin/podman", "podman version 6.1.0")
    assert [each[0] for each in fake.bad("hooks.d")] == ["warning"]
    fake.program("/usr/bin/podman", "podman, of some version")
    assert [each[0] for each in fake.bad("hooks.d")] == ["warning"]


def test_one_directory_by_two_names(fake: FakeHost) -> None:
    fake.link(ETC, "../../../usr/share/containers/oci/hooks.d")
    assert fake.bad("hooks.d") == []
    fake.write(
        "/etc/containers/containers.conf",
        f'[engine]\nhooks_dir = ["{ETC}", "{HOOKS_DIR}/../hooks.d"]\n',
    )
    assert fake.bad("hooks.d") == []
    assert fake.findings("hooks.d")[-1].evidence.startswith(f"{ETC}: ocihook-createRuntime.json")


def test_one_file_by_two_names(fake: FakeHost) -> None:
    for name in ("createRuntime", "poststart", "poststop"):
        file = f"ocihook-{name}.json"
        fake.link(f"{ETC}/{file}", f"../../../../usr/share/containers/oci/hooks.d/{file}")
    ((verdict, name, evidence, _),) = fake.bad("hooks.d")
    assert (verdict, name) == ("note", "podman")
    assert evidence.endswith(f"our files in {ETC} are not read by podman")


def test_missing_program_hides_a_broken_file(fake: FakeHost) -> None:
    """containers/common drops all errors of a directory whose first one is that."""
    fake.write(OTHER, "{")
    fake.write(f"{HOOKS_DIR}/05-gone.json", json.dumps({**SOUND, "hook": {"path": "/opt/gone"}}))
    gone, broken = fake.bad("hooks.d")
    assert (gone[0], broken[0]) == ("note", "warning")
    assert broken[2].endswith(
        f"podman starts no container as soon as /opt/gone, of {HOOKS_DIR}/05-gone.json, is there"
    )
    fake.path(f"{HOOKS_DIR}/05-gone.json").rename(fake.path(f"{HOOKS_DIR}/15-gone.json"))
    assert [each[0] for each in fake.bad("hooks.d")] == ["error", "note"]


def test_directory_and_link_in_place_of_a_file(fake: FakeHost) -> None:
    fake.link(f"{HOOKS_DIR}/nowhere.json", "/nonexistent")
    assert fake.bad("hooks.d") == []
    fake.path(OTHER).mkdir()
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert (verdict, evidence) == (
        "error",
        f"{OTHER}: is a directory; podman starts no container while it is there",
    )


@pytest.mark.parametrize(
    ("target", "why"),
    [("/etc/hostname", "not a directory"), ("hooks.d", "too many levels of symbolic links")],
)
def test_a_directory_that_is_none_stops_podman(fake: FakeHost, target: str, why: str) -> None:
    """One that is not there does not."""
    fake.write("/etc/hostname", "x")
    fake.write(
        "/etc/containers/containers.conf", f'[engine]\nhooks_dir = ["{HOOKS_DIR}", "{ETC}"]\n'
    )
    place = fake.path(ETC)
    place.parent.mkdir(parents=True, exist_ok=True)
    assert fake.bad("hooks.d") == []
    place.symlink_to(target if target == "hooks.d" else fake.path(target))
    assert fake.bad("hooks.d") == [
        (
            "error",
            "file",
            f"{ETC}: {why}; podman starts no container while it is there",
            f"repair it, or: mv {ETC} {ETC}.off",
        )
    ]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("/usr/bin/crun/x", "not a directory"),
        ("/" + "x" * 300, "file name too long"),
        ("/usr/bin/cr\0un", "invalid argument"),
        ("/usr/bin/loop", "too many levels of symbolic links"),
    ],
)
def test_a_program_that_is_out_of_reach_is_not_a_missing_one(
    fake: FakeHost, program: str, why: str
) -> None:
    """Engines leave out a hook whose program is missing; any other error stops them."""
    fake.path("/usr/bin/loop").symlink_to("loop")
    fake.write(OTHER, json.dumps({**SOUND, "hook": {"path": program}}))
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert verdict == "error"
    assert evidence == (
        f"{OTHER}: hook.path {program[:64]!a}: {why}; podman starts no container while it is there"
    )


def test_a_value_of_the_wrong_type_stops_engines_though_the_program_is_missing(
    fake: FakeHost,
) -> None:
    missing = {**SOUND, "hook": {"path": "/nonexistent"}}
    fake.write(OTHER, json.dumps({**missing, "when": {"always": "yes"}}))
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert (verdict, evidence.partition("; ")[0]) == (
        "error", f"{OTHER}: when.always is no boolean"
    )  # fmt: skip
    fake.write(OTHER, json.dumps({**missing, "when": {"commands": ["("]}}))
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert (verdict, evidence) == (
        "note",
        f"{OTHER}: /nonexistent is not there, so engines leave this hook out in silence",
    )


def test_broken_file_of_ours(fake: FakeHost) -> None:
    fake.write(OURS, "{")
    broken, missing = fake.bad("hooks.d")
    assert broken[0] == "error"
    assert broken[3] == "ocihook install --force"
    assert missing[:3] == ("error", "files", f"{HOOKS_DIR}: no ocihook-createRuntime.json")


def test_broken_file_that_nobody_reads(fake: FakeHost) -> None:
    fake.write(f"{ETC}/broken.json", "{")
    fake.path("/usr/bin/podman").unlink()
    (verdict, _, evidence, _) = fake.bad("hooks.d")[0]
    assert verdict == "note"
    assert evidence.endswith("; an engine that read this directory would start no container")


def test_what_podman_build_reads(fake: FakeHost) -> None:
    """Both usual directories, whatever hooks_dir is."""
    fake.write(f"{ETC}/broken.json", "{")
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert verdict == "warning"
    assert evidence.endswith("; `podman build` fails at its first RUN while it is there")
    for directory in (HOOKS_DIR, ETC):
        fake.write(
            f"{directory}/broken.json",
            json.dumps({**SOUND, "stages": ["precreate"], "when": {"always": True}}),
        )
    assert [(each[0], each[2]) for each in fake.bad("hooks.d")] == [
        (
            "warning",
            f"{directory}/broken.json: stage 'precreate' is for containers alone; `podman build`"
            " fails at its first RUN while it is there",
        )
        for directory in (HOOKS_DIR, ETC)
    ]


def test_hook_of_others_whose_program_is_missing(fake: FakeHost) -> None:
    fake.write(OTHER, json.dumps({**SOUND, "hook": {"path": "/opt/gone"}}))
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert verdict == "note"
    assert evidence == f"{OTHER}: /opt/gone is not there, so engines leave this hook out in silence"


def test_nothing_is_installed(fake: FakeHost) -> None:
    hooks.uninstall(fake.root)
    ((verdict, name, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, name, mend) == ("error", "files", "ocihook install")
    assert evidence.startswith(f"{HOOKS_DIR}: no ocihook-createRuntime.json, ocihook-poststart")
    fake.path("/usr/bin/podman").unlink()
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert verdict == "note"
    assert "no engine that reads them" in evidence


@pytest.mark.parametrize(
    ("members", "verdict", "said"),
    [
        ({"args": ["ocihook-hook", "poststop"]}, "warning", "edited, or placed by another"),
        ({"env": []}, "warning", "edited, or placed by another version"),
        ({"timeout": 20}, "warning", "timeout 20 s is not above the hook's own deadline of 20 s"),
    ],
)
def test_our_file_was_edited(
    fake: FakeHost, members: dict[str, Any], verdict: str, said: str
) -> None:
    edit(fake, **members)
    ((seen, name, evidence, _),) = fake.bad("hooks.d")
    assert (seen, name) == (verdict, "createRuntime")
    assert evidence.startswith(OURS)
    assert said in evidence


def test_longer_timeout_is_the_administrators(fake: FakeHost) -> None:
    edit(fake, timeout=60)
    assert fake.bad("hooks.d") == []


def test_somebody_else_uses_our_name(fake: FakeHost) -> None:
    fake.write(OURS, '{"hook": "/usr/bin/crun", "stages": ["prestart"]}')
    ((verdict, name, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, name, mend) == ("warning", "createRuntime", "ocihook install --force")
    assert evidence == f"{OURS}: edited, or placed by another version"


def test_files_that_select_other_containers_than_the_configuration(fake: FakeHost) -> None:
    document = json.loads(fake.path(OURS).read_bytes())
    fake.write(OURS, json.dumps({**document, "when": {"always": True}}))
    ((verdict, _, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, mend) == ("warning", "ocihook install")
    assert evidence == f"{OURS}: selects other containers than [enrol] of {CONFIG_FILE}"
    fake.write(CONFIG_FILE, '[enrol]\nwho = "all"\n').chmod(0o644)
    assert [each[1] for each in fake.bad("hooks.d")] == ["poststart", "poststop"]


def test_deadline_of_the_configuration(fake: FakeHost) -> None:
    fake.write(CONFIG_FILE, "[hook]\ndeadline_s = 30\n").chmod(0o644)
    assert {each[1] for each in fake.bad("hooks.d")} == {"createRuntime", "poststart", "poststop"}


def test_two_copies_of_ours(fake: FakeHost) -> None:
    fake.write(f"{ETC}/ocihook-createRuntime.json", fake.path(OURS).read_bytes())
    unread, copies = fake.bad("hooks.d")
    assert unread[2].endswith(f"our files in {ETC} are not read by podman")
    assert copies[2] == f"{ETC}/ocihook-createRuntime.json goes before {OURS}"


def test_copy_by_another_name_runs_too(fake: FakeHost) -> None:
    fake.write(f"{HOOKS_DIR}/99-mine.json", fake.path(OURS).read_bytes())
    ((verdict, _, evidence, _),) = fake.bad("hooks.d")
    assert verdict == "note"
    assert evidence.endswith("one of ours by another name; it runs, too")


@pytest.mark.parametrize("closed", [HOOKS_DIR, OURS])
def test_what_this_user_may_not_read_is_skipped(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """Root, who may run tests, is let in everywhere."""

    def refusing(read: Callable[..., Any]) -> Callable[..., Any]:
        def maybe(path: Path, *more: int) -> Any:
            if path == fake.path(closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return read(path, *more)

        return maybe

    monkeypatch.setattr(os, "listdir", refusing(os.listdir))
    monkeypatch.setattr(os, "open", refusing(os.open))
    assert fake.bad("hooks.d") == [
        ("skipped", "file", f"{closed}: permission denied", "run this command as root")
    ]
