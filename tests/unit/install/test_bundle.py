# SPDX-License-Identifier: Apache-2.0
"""Our hooks in the config.json of a bundle: what changes, and above all what does not."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import schema
from ocihook.errors import BundleError, InstallError
from ocihook.install import bundle as bundles
from ocihook.install import hooks

PROGRAM = Path("/opt/ocihook-hook")
CORPUS = sorted((Path(__file__).parents[2] / "data" / "config" / "good").glob("captured-*.json"))
THEIRS = {"path": "/bin/theirs", "args": ["theirs", "x"]}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=8,
)
STAGE = st.sampled_from([*hooks.STAGES, "prestart", "createContainer"])
LAYOUT = st.sampled_from(
    [
        {"indent": "\t"},
        {"indent": 4},
        {"indent": 2, "separators": (",", ":")},
        {"indent": None},
        {"separators": (",", ":")},
        {"indent": "\t", "ensure_ascii": False},
    ]
)


def inject(directory: Path, program: Path = PROGRAM, **options: Any) -> bundles.Change:
    return bundles.inject(directory, program, force=True, **options)


def write(directory: Path, text: str | bytes) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def entry(stage: str, program: Path = PROGRAM) -> dict[str, Any]:
    hook: dict[str, Any] = json.loads(hooks.hook_file(stage, program))["hook"]
    return hook


def with_ours(document: dict[str, Any]) -> dict[str, Any]:
    """What the document is when our hooks are in it, by the shortest way."""
    of_all = dict(document.get("hooks") or {})
    for stage in hooks.STAGES:
        of_all[stage] = [*(of_all.get(stage) or []), entry(stage)]
    return {**document, "hooks": of_all}


@pytest.mark.parametrize("source", CORPUS, ids=lambda path: path.stem)
def test_what_runtimes_write_stays_byte_for_byte(tmp_path: Path, source: Path) -> None:
    before = source.read_bytes()
    path = write(tmp_path / "bundle", before)
    change = inject(path.parent)
    assert (change.action, change.config) == ("injected", path)
    text = path.read_text()
    assert json.loads(text) == with_ours(json.loads(before))
    assert schema.findings("oci-config", json.loads(text)) == []
    # Lines were added, and one got a comma.
    added = [line for line in change.diff.splitlines()[2:] if line.startswith("+")]
    removed = [line for line in change.diff.splitlines()[2:] if line.startswith("-")]
    assert len(removed) <= 1
    assert len(added) == text.count("\n") - before.count(b"\n") + len(removed)
    assert bundles.eject(path.parent).action == "ejected"
    assert path.read_bytes() == before


def test_indentation_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '{\n   "ociVersion": "1.2.0",\n   "root": {"path": "x"}\n}\n')
    inject(tmp_path)
    lines = path.read_text().splitlines()
    assert lines[:7] == [
        "{",
        '   "ociVersion": "1.2.0",',
        '   "root": {"path": "x"},',
        '   "hooks": {',
        '      "createRuntime": [',
        "         {",
        '            "path": "/opt/ocihook-hook",',
    ]
    assert lines[-3:] == ["      ]", "   }", "}"]


def test_a_file_of_one_line_stays_one(tmp_path: Path) -> None:
    path = write(tmp_path, '{"ociVersion":"1.2.0","process":{"args":["a\\u003cb",1.0]}}')
    inject(tmp_path)
    text = path.read_text()
    assert text.startswith('{"ociVersion":"1.2.0","process":{"args":["a\\u003cb",1.0]},"hooks":{"')
    assert "\n" not in text
    assert ": " not in text


def test_windows_newlines_stay(tmp_path: Path) -> None:
    path = write(tmp_path, b'{\r\n\t"ociVersion": "1.2.0"\r\n}\r\n')
    inject(tmp_path)
    assert not re.search(rb"[^\r]\n", path.read_bytes())


@given(
    document=st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    theirs=st.dictionaries(STAGE, st.lists(st.just(THEIRS), min_size=1, max_size=2), min_size=1)
    | st.none(),
    last=st.booleans(),
    layout=LAYOUT,
    end=st.sampled_from(["", "\n", " \n\n"]),
)
def test_any_document_gets_ours_and_is_itself_again_without(
    tmp_path_factory: pytest.TempPathFactory, document: Any, theirs: Any, last: bool,
    layout: Any, end: str,
) -> None:  # fmt: skip
    others = {"hooks": theirs} if theirs is not None else {}
    document = {"ociVersion": "1.2.0", **document}
    document = {**document, **others} if last else {**others, **document}
    before = json.dumps(document, **layout) + end
    path = write(tmp_path_factory.mktemp("bundle"), before)
    inject(path.parent)
    text = path.read_bytes().decode()
    assert json.loads(text) == with_ours(document)
    assert inject(path.parent) == ("kept", path, "", "")
    bundles.eject(path.parent)
    assert path.read_bytes() == before.encode()
    assert bundles.eject(path.parent) == ("absent", path, "", "")


@pytest.mark.parametrize(
    "of_all",
    [None, {}, {"createRuntime": None}, {"createRuntime": []}, {"poststop": [], "prestart": []},
     {"createRuntime": [], "prestart": [THEIRS]}],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2])
def test_empty_lists_are_filled(tmp_path: Path, of_all: Any, indent: int | None) -> None:
    document = {"ociVersion": "1.2.0", "hooks": of_all, "root": {}}
    path = write(tmp_path, json.dumps(document, indent=indent))
    inject(tmp_path)
    assert json.loads(path.read_text()) == with_ours(document)
    if indent:
        assert json.dumps(json.loads(path.read_text()), indent=indent) == path.read_text()


def test_again_with_another_program_it_is_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"ociVersion": "1.2.0", "hooks": {"poststop": [THEIRS]}}))
    inject(tmp_path, Path("/old"))
    assert inject(tmp_path).action == "injected"
    found = json.loads(path.read_text())["hooks"]
    assert found["poststop"] == [THEIRS, entry("poststop")]
    assert found["createRuntime"] == [entry("createRuntime")]
    assert "/old" not in path.read_text()


@pytest.mark.parametrize(
    "stages",
    [{"prestart": [entry("createRuntime")]}, {"poststop": [entry("poststop")] * 2},
     {"createRuntime": [{**entry("createRuntime"), "timeout": 1}]},
     {"createRuntime": [THEIRS, entry("createRuntime"), THEIRS]}],
)  # fmt: skip
def test_what_is_ours_and_wrong_is_put_right(tmp_path: Path, stages: Any) -> None:
    path = write(tmp_path, json.dumps({"ociVersion": "1.2.0", "hooks": stages}))
    inject(tmp_path)
    found = json.loads(path.read_text())["hooks"]
    ours = {
        stage: [hook for hook in there if hook["args"][0] == "ocihook-hook"]
        for stage, there in found.items()
    }
    assert ours == {stage: [entry(stage)] for stage in hooks.STAGES}
    theirs = sum(there.count(THEIRS) for there in found.values())
    assert theirs == sum(there.count(THEIRS) for there in stages.values())


@pytest.mark.parametrize(
    "hook", [{"path": "/x"}, {"path": "/x", "args": []}, {"args": "ocihook-hook"}, "x", None, 7]
)
def test_what_is_not_ours_is_never_taken(tmp_path: Path, hook: Any) -> None:
    text = json.dumps({"ociVersion": "1.2.0", "hooks": {"poststop": [hook]}})
    path = write(tmp_path, text)
    assert bundles.eject(tmp_path).action == "absent"
    assert path.read_text() == text


def test_dry_run_writes_nothing_and_shows_all(tmp_path: Path) -> None:
    path = write(tmp_path, CORPUS[0].read_bytes())
    wanted = inject(tmp_path, dry_run=True)
    assert path.read_bytes() == CORPUS[0].read_bytes()
    assert inject(tmp_path) == wanted
    after = path.read_bytes()
    wanted = bundles.eject(tmp_path, dry_run=True)
    assert path.read_bytes() == after
    assert bundles.eject(tmp_path) == wanted


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    path = write(tmp_path, CORPUS[0].read_bytes())
    if os.geteuid() == 0:
        os.chown(path, 4321, 1234)
    path.chmod(0o640)
    before = path.stat()
    inject(tmp_path)
    after = path.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid
    )  # fmt: skip
    assert os.listdir(tmp_path) == ["config.json"]


NO_BUNDLE = {
    "not JSON": (b'{"ociVersion": ', "not JSON: Expecting value"),
    "a BOM": (b'\xef\xbb\xbf{"ociVersion": "1"}', "not JSON: Unexpected UTF-8 BOM"),
    "not UTF-8": (b'{"ociVersion": "\xff"}', "not JSON: 'utf-8' codec"),
    "NaN": (b'{"ociVersion": "1", "a": NaN}', "not JSON: NaN is no JSON number"),
    "too deep": (b'{"ociVersion": "1", "a": ' + b"[" * 99999, "not JSON: nested too deep"),
    "an array": (b"[]", "no OCI configuration"),
    "another file": (b'{"name": "x"}', "no OCI configuration: it has no ociVersion"),
    "a version that is none": (b'{"ociVersion": 1}', "no OCI configuration"),
    "hooks that are none": (b'{"ociVersion": "1", "hooks": []}', "hooks: not an object"),
    "a stage that is none": (
        b'{"ociVersion": "1", "hooks": {"poststop": {}}}', "hooks.poststop: not an array"
    ),
    "hooks twice": (b'{"hooks": {}, "ociVersion": "1", "hooks": {}}', "has 'hooks' twice"),
    "a stage twice": (
        b'{"ociVersion": "1", "hooks": {"poststop": [], "poststop": []}}', "has 'poststop' twice"
    ),
    "too much": (b'{"ociVersion": "1"}' + b" " * (16 << 20), "more than 2097152 bytes"),
}  # fmt: skip


def test_what_the_hook_does_not_read_is_no_place_for_hooks(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"ociVersion": "1", "a": ' + b"[" * 64 + b"]" * 64 + b"}")
    with pytest.raises(BundleError, match=re.escape(f"{path}: nested more than 64 deep")):
        inject(tmp_path)
    assert bundles.eject(tmp_path).action == "absent"


@pytest.mark.parametrize("call", [inject, bundles.eject])
@pytest.mark.parametrize("name", NO_BUNDLE)
def test_what_is_no_bundle_is_refused(tmp_path: Path, name: str, call: Any) -> None:
    content, message = NO_BUNDLE[name]
    path = write(tmp_path, content)
    with pytest.raises(BundleError, match=re.escape(f"{path}: {message}")):
        call(tmp_path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"ociVersion": "1", "Hooks": {"poststop": [{"path": "/x"}]}}',
         "has 'Hooks': runc takes it for 'hooks', crun and youki leave it out"),
        (b'{"ociVersion": "1", "hooks": {"PostStop": [{"path": "/x"}]}}',
         "has 'PostStop': runc takes it for 'poststop', crun and youki leave it out"),
    ],
)  # fmt: skip
def test_hooks_in_another_case_would_be_replaced_by_ours(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(BundleError, match=re.escape(message)):
        inject(tmp_path)
    assert path.read_bytes() == content
    assert bundles.eject(tmp_path).action == "absent"


@pytest.mark.parametrize("call", [inject, bundles.eject])
def test_a_directory_without_a_config(tmp_path: Path, call: Any) -> None:
    with pytest.raises(
        BundleError, match=r"config.json: no such file .* \(a bundle is a directory"
    ):
        call(tmp_path / "none")
    (tmp_path / "config.json").mkdir()
    with pytest.raises(BundleError, match=r"config.json: (is a directory|not a regular file)"):
        call(tmp_path)
    (tmp_path / "config.json").rmdir()
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(BundleError, match=r"config\.json: not a regular file"):
        call(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = write(tmp_path / "elsewhere", CORPUS[0].read_bytes())
    link = tmp_path / "config.json"
    link.symlink_to(target)
    with pytest.raises(BundleError, match=r"is a symbolic link \(name the directory"):
        inject(tmp_path)
    assert link.is_symlink()
    assert target.read_bytes() == CORPUS[0].read_bytes()


def test_a_program_that_is_missing_would_keep_the_container_from_starting(tmp_path: Path) -> None:
    path = write(tmp_path, CORPUS[0].read_bytes())
    program = tmp_path / "ocihook-hook"
    with pytest.raises(InstallError, match=r"no such program, .* \(run: ocihook install"):
        bundles.inject(tmp_path, program)
    program.write_text("#!/bin/true\n")
    with pytest.raises(InstallError, match="no such program"):
        bundles.inject(tmp_path, program)
    assert path.read_bytes() == CORPUS[0].read_bytes()
    program.chmod(0o755)
    assert bundles.inject(tmp_path, program).action == "injected"


@pytest.mark.parametrize(
    ("program", "message"),
    [("bin/hook", "bin/hook: not an absolute path"), ("/bin/\udcff", r"not UTF-8")],
)
def test_a_program_that_runtimes_could_not_run(tmp_path: Path, program: str, message: str) -> None:
    write(tmp_path, CORPUS[0].read_bytes())
    with pytest.raises(InstallError, match=message):
        inject(tmp_path, Path(program))


@pytest.mark.parametrize("call", [inject, bundles.eject])
def test_a_directory_that_is_exchanged_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    """In a user's directory, by that user, while root writes: nothing is written elsewhere."""
    bundle, elsewhere, moved = tmp_path / "bundle", tmp_path / "elsewhere", tmp_path / "moved"
    document = json.dumps({"ociVersion": "1.0.2"})
    write(elsewhere, document)
    write(bundle, document)
    if call is bundles.eject:
        inject(bundle)
    before = (bundle / "config.json").read_text()
    real = bundles.bundle_hooks.without_ours

    def exchange(text: str, config: Path) -> str:
        if not moved.exists():
            bundle.rename(moved)
            bundle.symlink_to(elsewhere)
        return real(text, config)

    monkeypatch.setattr(bundles.bundle_hooks, "without_ours", exchange)
    call(bundle)
    assert (elsewhere / "config.json").read_text() == document
    assert (moved / "config.json").read_text() != before
    assert os.listdir(elsewhere) == os.listdir(moved) == ["config.json"]
