# SPDX-License-Identifier: Apache-2.0
"""All that goes on a host: the order, what happens the second time, and what is not ours."""

import os
from pathlib import Path

import pytest

from ocihook.errors import InstallError
from ocihook.install import host, layout, marked, service
from ocihook.install.files import Step
from ocihook.install.marked import MARK, Text

TEXTS = [
    (Path("/usr/share/man"), Text("man1/ocihook.1", f'.\\" {MARK}\n'.encode())),
    (Path("/usr/share/bash-completion/completions"), Text("ocihook", f"# {MARK}\n".encode())),
]
FILES = [
    "etc/ocihook/config.toml",
    "usr/share/man/man1/ocihook.1",
    "usr/share/bash-completion/completions/ocihook",
    "usr/lib/tmpfiles.d/ocihook.conf",
    "usr/lib/systemd/system/ocihook.service",
    "usr/libexec/oci/hooks.d/ocihook-hook",
    "usr/share/containers/oci/hooks.d/ocihook-createRuntime.json",
    "usr/share/containers/oci/hooks.d/ocihook-poststart.json",
    "usr/share/containers/oci/hooks.d/ocihook-poststop.json",
]
"""In the order of installation."""
UNIT = "usr/lib/systemd/system/ocihook.service"


def install(root: Path, **options: bool | str) -> list[Step]:
    return host.install(layout.layout(), TEXTS, root=root, **options)  # type: ignore[arg-type]


def uninstall(root: Path, *, dry_run: bool = False) -> list[Step]:
    return host.uninstall(layout.layout(), TEXTS, root=root, dry_run=dry_run)


def named(root: Path, steps: list[Step]) -> list[tuple[str, str]]:
    return [(action, str(path.relative_to(root))) for action, path in steps if action != "compiled"]


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_everything_is_placed_with_the_hooks_files_last(tmp_path: Path) -> None:
    assert named(tmp_path, install(tmp_path)) == [("placed", name) for name in FILES]
    assert sorted(tree(tmp_path)) == sorted(FILES)


def test_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    install(tmp_path)
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    assert named(tmp_path, install(tmp_path)) == [("kept", name) for name in FILES]
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before


def test_uninstall_leaves_no_file(tmp_path: Path) -> None:
    install(tmp_path)
    steps = named(tmp_path, uninstall(tmp_path))
    assert {action for action, name in steps if name in FILES} == {"removed"}
    assert [name for _, name in steps[:4]] == [*FILES[6:], FILES[5]], "the hooks.d files first"
    assert tree(tmp_path) == {}
    assert {action for action, _ in uninstall(tmp_path)} == {"absent"}


def test_dry_run_tells_the_same_and_does_nothing(tmp_path: Path) -> None:
    looked = install(tmp_path, dry_run=True)
    assert not any(tmp_path.iterdir())
    assert looked == install(tmp_path)
    before = tree(tmp_path)
    looked = uninstall(tmp_path, dry_run=True)
    assert tree(tmp_path) == before
    assert looked == uninstall(tmp_path)


@pytest.mark.parametrize("foreign", FILES[1:])
def test_nothing_is_changed_where_a_file_is_somebody_elses(tmp_path: Path, foreign: str) -> None:
    path = tmp_path / foreign
    path.parent.mkdir(parents=True)
    path.write_text("{}\n")
    with pytest.raises(InstallError, match=f"{foreign}: is not ocihook's"):
        install(tmp_path)
    assert tree(tmp_path) == {foreign: b"{}\n"}
    assert ("left", foreign) in named(tmp_path, uninstall(tmp_path))
    assert ("placed", foreign) in named(tmp_path, install(tmp_path, force=True))


def test_a_configuration_is_kept_even_by_force(tmp_path: Path) -> None:
    path = tmp_path / FILES[0]
    path.parent.mkdir(parents=True)
    path.write_text("[limits]\n")
    install(tmp_path, force=True)
    assert path.read_text() == "[limits]\n"
    assert ("left", FILES[0]) in named(tmp_path, uninstall(tmp_path))


def test_an_older_version_of_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / UNIT
    path.parent.mkdir(parents=True)
    path.write_text(f"# {MARK}\n[Unit]\n")
    assert ("placed", UNIT) in named(tmp_path, install(tmp_path))
    assert path.read_bytes() == service.unit()


@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_pages_of_commands_that_are_no_more_go(tmp_path: Path, name: str) -> None:
    install(tmp_path)
    old, foreign = "usr/share/man/man1/ocihook-old.1", "usr/share/man/man1/ocihook-mine.1"
    (tmp_path / old).write_text(f'.\\" {MARK}\n')
    (tmp_path / foreign).write_text('.\\" by somebody else\n')
    steps = named(tmp_path, install(tmp_path) if name == "install" else uninstall(tmp_path))
    assert ("removed", old) in steps
    assert foreign in tree(tmp_path)
    assert foreign not in [path for _, path in steps]


def test_bundles_need_no_hooks_files(tmp_path: Path) -> None:
    steps = named(tmp_path, install(tmp_path, runtime="bundle"))
    assert [name for _, name in steps] == FILES[:6]


@pytest.mark.parametrize("target", ["/usr/lib/systemd/system/ocihook.service", "ocihook.service"])
def test_the_link_of_an_enabled_unit_goes_with_it(tmp_path: Path, target: str) -> None:
    install(tmp_path)
    link = tmp_path / service.WANTED_BY.relative_to("/")
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    steps = named(tmp_path, uninstall(tmp_path))
    assert ("removed", str(link.relative_to(tmp_path))) in steps
    assert not link.is_symlink()


def test_a_link_to_something_else_stays(tmp_path: Path) -> None:
    install(tmp_path)
    link = tmp_path / service.WANTED_BY.relative_to("/")
    link.parent.mkdir(parents=True)
    link.symlink_to("/usr/lib/systemd/system/other.service")
    assert ("left", str(link.relative_to(tmp_path))) in named(tmp_path, uninstall(tmp_path))
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"# {MARK}\n".encode(), True),
        (f"#compdef ocihook\n# {MARK}\n".encode(), True),
        (b"x" * 1024 + MARK.encode(), False),
        (b"# written by hand\n", False),
        (b"", False),
    ],
)
def test_what_is_known_as_ours(content: bytes, expected: bool) -> None:
    assert marked.is_ours(content) == expected


@pytest.mark.parametrize("name", ["install", "uninstall"])
@pytest.mark.parametrize(
    "link",
    ["usr", "usr/libexec", "usr/share/man/man1", "usr/share/containers/oci", "etc/ocihook", "etc"],
)
@pytest.mark.parametrize("relative", [False, True])
def test_no_link_below_the_root_is_followed(
    tmp_path: Path, name: str, link: str, relative: bool
) -> None:
    """In an unpacked image a link means a place in the image; the kernel takes one on this host."""
    root, host_dir = tmp_path / "image", tmp_path / "host"
    path = root / link
    path.parent.mkdir(parents=True)
    host_dir.mkdir()
    path.symlink_to(os.path.relpath(host_dir, path.parent) if relative else host_dir)
    foreign = host_dir / "ocihook-old.1"
    foreign.write_text(f'.\\" {MARK}\n')
    with pytest.raises(InstallError, match=rf"image/{link}: is a symbolic link, .*\(name a place"):
        install(root) if name == "install" else uninstall(root)
    assert list(host_dir.iterdir()) == [foreign]


def test_root_itself_may_be_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "link").symlink_to("image")
    install(tmp_path / "link")
    assert sorted(tree(tmp_path / "image")) == sorted(FILES)
