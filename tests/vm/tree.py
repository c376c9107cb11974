# SPDX-License-Identifier: Apache-2.0
"""Make what the guest's disk holds: a Debian suite with container runtimes and Python packages.

On top of it come the files below guest/root, as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import host, mirror
from .progress import step

_PACKAGES = (
    "apt",  # for the tutorial, as python3-venv is: its commands are run as they stand there
    "busybox-static",
    "conmon",
    "containerd",
    "crun",
    "dbus",  # crun asks systemd for a scope through it, and nowhere else
    "iproute2",
    "kmod",
    "libelf1",
    "mount",
    "podman",
    "procps",
    "python3",
    "python3-venv",
    "runc",
    "systemd",  # for guests whose init it is (--init systemd); others do not notice it
    "systemd-container",  # systemd-nspawn, which starts OCI bundles in its own way
    "util-linux",
    "zlib1g",
)
# Left out while unpacking: what no test reads. (Excluding parts of Python would break its postinst
# script.)
_EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/lib/cni/*",
    "/usr/lib/x86_64-linux-gnu/gconv/*",
    "/usr/libexec/podman/quadlet",
    "/usr/lib/podman/quadlet",
)
_HERE = Path(__file__).parent
_FILES = _HERE / "guest" / "root"
_REQUIREMENTS = _HERE / "guest-requirements.txt"
# Of no use once everything is installed.
_RUBBISH = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/perl",
    "usr/lib/x86_64-linux-gnu/perl-base",
)


def recipe() -> tuple[str, ...]:
    """Return all that a tree depends on beside the suite, as text."""
    files = sorted(path for path in _FILES.rglob("*") if path.is_file())
    texts = [f"{path.relative_to(_FILES)}\n{path.read_text()}" for path in files]
    return (Path(__file__).read_text(), _REQUIREMENTS.read_text(), *texts)


def make(suite: str, tree: Path) -> str:
    """Make the tree of ``suite`` and return the directory its Python looks for packages in.

    :raises RigError: if something cannot be installed, with the end of its output
    """
    with step(f"installing Debian {suite} for the guest (about 200 MB)"):
        _install(suite, tree)
    with step(f"installing Python packages for the guest ({suite})"):
        return _install_python_packages(tree, tree.with_name("python"))


def pip_options(version: str) -> list[str]:
    """Return what makes pip find the guest's Python packages for its Python ``version``."""
    return [
        "--no-deps",
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={version}",
        # Wheels name the oldest C library they run on; trixie has 2.41.
        *(f"--platform=manylinux_2_{minor}_x86_64" for minor in (34, 28, 17)),
        "--platform=manylinux2014_x86_64",
        f"--requirement={_REQUIREMENTS}",
    ]


def _install(suite: str, tree: Path) -> None:
    site = mirror.find()
    settings = (
        *mirror.reach_settings(),
        'Acquire::Check-Valid-Until "false";',  # as in apt.py
        'Acquire::Languages "none";',
    )
    command = ["mmdebstrap", "--mode=root", "--variant=essential", "--format=directory"]
    command += [f"--include={','.join(_PACKAGES)}"]
    command += [f"--aptopt={setting}" for setting in settings]
    command += [f"--dpkgopt=path-exclude={path}" for path in _EXCLUDED]
    host.run([*command, suite, tree, site.line("deb", suite)], root=True)
    host.run(["cp", "-rT", "--no-preserve=ownership", _FILES, tree], root=True)
    host.run(["mkdir", *(tree / name for name in ("rig", "with", "out"))], root=True)
    host.run(["rm", "-rf", *(tree / name for name in _RUBBISH)], root=True)


def _install_python_packages(tree: Path, staging: Path) -> str:
    version = (tree / "usr/bin/python3").readlink().name.removeprefix("python")
    site = f"/usr/local/lib/python{version}/dist-packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    host.run([*pip, f"--target={staging}", *pip_options(version)])
    host.remove_tree(staging / "bin")  # launchers for the Python that runs pip, not for the guest's
    host.run(["mkdir", "-p", f"{tree}{site}"], root=True)
    host.run(["cp", "-rT", "--no-preserve=ownership", staging, f"{tree}{site}"], root=True)
    host.remove_tree(staging)
    # By the guest's own Python. Unchecked: the files never change, and their times may.
    compile_all = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    host.run(["chroot", tree, *compile_all, site], root=True)
    return site
