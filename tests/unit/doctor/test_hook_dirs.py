# SPDX-License-Identifier: Apache-2.0
"""`ocihook doctor`: whether engines read the directories that our files are in."""

from pathlib import Path

from fake_host import FakeHost

from ocihook.install import hooks
from ocihook.paths import HOOKS_DIR

ETC = "/etc/containers/oci/hooks.d"


def conf(*directories: str, more: str = "") -> str:
    listed = "".join(f'"{directory}", ' for directory in directories)
    return f"[engine]\nhooks_dir = [{listed}{more}]\n"


def test_podman_ignores_our_files_in_etc(fake: FakeHost) -> None:
    """Its documentation says otherwise (podman #7134)."""
    text = fake.path("/usr/libexec/oci/hooks.d/ocihook-hook").read_bytes()
    hooks.uninstall(fake.root)
    hooks.install(fake.root, Path(ETC), text=text)
    ((verdict, name, evidence, mend),) = fake.bad("hooks.d")
    assert (verdict, name) == ("error", "podman")
    assert evidence == (
        f"hooks_dir by default: {HOOKS_DIR}; our files are in {ETC}, which podman does not read"
    )
    assert mend == (
        f'hooks_dir = ["{HOOKS_DIR}", "{ETC}"] below [engine] in'
        " /etc/containers/containers.conf.d/ocihook.conf"
    )
    fake.write("/etc/containers/containers.conf.d/ocihook.conf", conf(HOOKS_DIR, ETC))
    assert fake.bad("hooks.d") == []
