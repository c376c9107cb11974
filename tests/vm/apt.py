# SPDX-License-Identifier: Apache-2.0
"""A private apt: packages of any Debian suite, unpacked into the cache, past the machine's own apt.

The machine's sources, lists and installed packages stay as they are. What apt is told about the
outside (mirror, proxy) comes from the machine (mirror.py). It believes that nothing is installed,
so what it finds never depends on the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import cache, host, mirror

_INSTALL = re.compile(r"^Inst (?P<package>\S+) \((?P<version>\S+) ", re.MULTILINE)


class PrivateApt:
    """An apt of its own for ``suites``, the first of which is preferred.

    Hold :func:`cache.lock` while using one: two must not work in one directory at a time.

    :param sources: whether to know source packages instead of binary ones
    """

    def __init__(self, suites: Sequence[str], *, sources: bool = False) -> None:
        self._suites = tuple(suites)
        site = mirror.find()
        self._dir = cache.root() / "apt" / cache.key(*self._suites, *site, str(sources))
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self._dir / name).mkdir(parents=True, exist_ok=True)
        (self._dir / "status").touch()
        kind = "deb-src" if sources else "deb"
        lines = "".join(f"{site.line(kind, suite)}\n" for suite in self._suites)
        (self._dir / "sources.list").write_text(lines)
        (self._dir / "apt.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        # Read after the machine's own configuration, so it wins; the machine's hooks and index
        # plugins are switched off. Valid-Until: testing's Release file is often past its date on a
        # mirror that lags (15 days for forky, 2026-11). Sandbox: the user _apt cannot write into a
        # cache below a private home directory.
        return f"""
#clear APT::Update;
#clear DPkg::Post-Invoke;
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Install-Recommends "false";
APT::Default-Release "{self._suites[0]}";
APT::Sandbox::User "root";
Dir::State "{self._dir}/state";
Dir::State::status "{self._dir}/status";
Dir::Cache "{self._dir}/cache";
Dir::Etc::sourcelist "{self._dir}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        return host.run(command, extra={"APT_CONFIG": str(self._dir / "apt.conf")}, cwd=cwd)

    def update(self) -> None:
        """Fetch the package lists of the suites.

        :raises RigError: if the mirror cannot be reached or does not carry a suite
        """
        self._run("apt-get", "--error-on=any", "update")

    def names(self) -> list[str]:
        """Return the names of all packages there are."""
        return self._run("apt-cache", "pkgnames").splitlines()

    def with_dependencies(self, packages: Iterable[str]) -> list[str]:
        """Return ``packages`` and all they depend on, as ``name=version``.

        :raises RigError: if one does not exist or cannot be installed
        """
        planned = self._run("apt-get", "--simulate", "--yes", "install", *packages)
        return [f"{found['package']}={found['version']}" for found in _INSTALL.finditer(planned)]

    def download(self, packages: Iterable[str], into: Path) -> list[Path]:
        """Fetch the files of ``packages`` (``name`` or ``name=version``) and return them.

        :raises RigError: if one cannot be had, or its checksum is wrong
        """
        self._run("apt-get", "download", *packages, cwd=into)
        return sorted(into.glob("*.deb"))

    def download_source(self, package: str, into: Path) -> None:
        """Fetch the source of ``package`` and unpack it, with Debian's patches, below ``into``.

        :raises RigError: if it cannot be had, or its checksum is wrong
        """
        self._run("apt-get", "source", "--only-source", package, cwd=into)


def extract(debs: Iterable[Path], into: Path) -> None:
    """Unpack the files of ``debs`` into the directory ``into`` and remove the packages."""
    for deb in debs:
        host.run(["dpkg-deb", "--extract", deb, into])
        deb.unlink()


def source(suite: str, package: str) -> Path:
    """Return the directory with the source of ``package`` as of ``suite``, unpacked and patched.

    :raises RigError: if it cannot be had
    """

    def fill(directory: Path) -> None:
        with cache.lock("apt"):
            apt = PrivateApt([suite], sources=True)
            apt.update()
            apt.download_source(package, directory)

    directory = cache.entry("source", suite, package, fill=fill)
    return next(path for path in directory.iterdir() if path.is_dir())
