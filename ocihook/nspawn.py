# SPDX-License-Identifier: Apache-2.0
"""Which hooks keep systemd-nspawn from starting a bundle (``--oci-bundle=``). Pure.

Its parser takes ``ociVersion`` 1.0.0 alone and refuses what it does not know, an empty list of a
stage and null included, up to 257 without a word (src/nspawn/nspawn-oci.c, oci_hooks; seen with
252, 257, 262 and 262.1). What it knows, it does not run (systemd issue 18367).
"""

from typing import Any

OCI_VERSION = "1.0.0"

STAGES = ("prestart", "poststart", "poststop")
"""Those of runtime-spec 1.0.0, by which it was written."""

REFUSAL = "systemd-nspawn does not start the bundle (252, 257 and 262); runc, crun and youki do"


def refused(document: Any) -> list[tuple[str, ...]]:
    """Return the hooks of a config.json that it refuses, each by its place there.

    None if it takes no bundle of that version in any case.
    """
    if not isinstance(document, dict) or document.get("ociVersion") != OCI_VERSION:
        return []
    hooks = document.get("hooks", {})
    if not isinstance(hooks, dict):
        return [("hooks",)] if hooks is None else []
    return [("hooks", name) for name, at in hooks.items() if name not in STAGES or at is None]
