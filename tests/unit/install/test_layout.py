# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from ocihook import paths
from ocihook.errors import InstallError
from ocihook.install.layout import layout


def test_by_default_podman_finds_it() -> None:
    places = layout()
    assert (str(places.program), str(places.hooks_dir)) == (paths.HOOK_PROGRAM, paths.HOOKS_DIR)
    assert places.units == Path("/usr/lib/systemd/system")


def test_a_prefix_takes_the_place_of_usr_everywhere() -> None:
    places = layout(Path("/usr/local"))
    assert {path.is_relative_to("/usr/local") for path in places} == {True}
    assert places.program == Path("/usr/local/libexec/oci/hooks.d/ocihook-hook")


def test_single_places_go_before_the_prefix() -> None:
    places = layout(Path("/opt/x"), Path("/etc/containers/oci/hooks.d"), Path("/opt/hook"))
    assert places.hooks_dir == Path("/etc/containers/oci/hooks.d")
    assert places.program == Path("/opt/hook")
    assert places.man == Path("/opt/x/share/man")


def test_zsh_of_debian_looks_elsewhere(tmp_path: Path) -> None:
    assert layout(root=tmp_path).zsh == Path("/usr/share/zsh/site-functions")
    (tmp_path / "usr/share/zsh/vendor-completions").mkdir(parents=True)
    assert layout(root=tmp_path).zsh == Path("/usr/share/zsh/vendor-completions")


@pytest.mark.parametrize("name", ["prefix", "hooks_dir", "program"])
def test_relative_paths_are_refused(name: str) -> None:
    with pytest.raises(InstallError, match="opt/x: not an absolute path"):
        layout(**{name: Path("opt/x")})
