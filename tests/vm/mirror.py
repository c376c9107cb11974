# SPDX-License-Identifier: Apache-2.0
"""Where this machine gets its Debian packages from: the rig asks there too, and nowhere else."""

from __future__ import annotations

import functools
import os
import platform
import re
from typing import NamedTuple

from . import host
from .errors import Unavailable

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Settings that are about reaching the mirror; the others (Languages, IndexTargets) are the
# machine's own business.
_REACH = re.compile(
    r'^Acquire::(https?|Retries|ForceIPv[46]|Check-Date)\b.*"[^"]+";$', re.IGNORECASE
)


class Mirror(NamedTuple):
    """A Debian archive: its URI, and the bracketed options of its line in a sources.list."""

    uri: str
    options: str

    def line(self, kind: str, suite: str) -> str:
        """Return a line for a sources.list: ``kind`` is deb or deb-src."""
        return f"{kind} [{self.options}] {self.uri} {suite} main"


def codename() -> str:
    """Return the machine's Debian release, such as ``bookworm``.

    :raises Unavailable: on anything that is not Debian
    """
    release = platform.freedesktop_os_release()
    name = release.get("VERSION_CODENAME", "")
    if release.get("ID") != "debian" or not name:
        message = f"{release.get('NAME', 'this system')}: not Debian; use Debian 12 or newer"
        raise Unavailable(message)
    return name


@functools.cache
def find() -> Mirror:
    """Return the archive the machine's own release comes from, or ``$OCIHOOK_DEBIAN_MIRROR``.

    apt itself reads its configuration here, so both formats of source lists are understood.

    :raises Unavailable: if the machine has no source entry for its own release
    """
    chosen = os.environ.get("OCIHOOK_DEBIAN_MIRROR")
    if chosen:
        return Mirror(chosen.rstrip("/"), f"signed-by={_KEYRING}")
    here = codename()
    form = "$(SITE)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)"
    listed = host.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    for line in listed.splitlines():
        site, release, component, signed_by = line.split("|")
        if component == "main" and release in {here, "stable", "testing", "unstable"}:
            options = f"signed-by={signed_by if signed_by.startswith('/') else _KEYRING}"
            return Mirror(site.rstrip("/"), options)
    message = (
        f"{here}: no source of it in the apt configuration; add one or set OCIHOOK_DEBIAN_MIRROR"
    )
    raise Unavailable(message)


@functools.cache
def reach_settings() -> tuple[str, ...]:
    """Return the machine's apt settings for reaching a mirror, one ``name "value";`` each."""
    dump = host.run(["apt-config", "dump"])
    return tuple(line for line in dump.splitlines() if _REACH.match(line))
