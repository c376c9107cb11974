# SPDX-License-Identifier: Apache-2.0
"""The container's state, as the runtime hands it to a hook (runtime-spec, runtime.md, State).

Only what is used is read, and only that can be wrong. Unknown members and
statuses pass: crun adds ``root`` and says "starting", podman "stopped" without
a pid.
"""

import posix as os

from ocihook.errors import OcihookError, StateError
from ocihook.hook.fields import Fields
from ocihook.hook.json import parse_object
from ocihook.policy import Policy
from ocihook.release import bundle_hash

MAX_STATE_BYTES = 2 << 20
"""Largest state read; annotations make it large."""

MAX_ID_BYTES = 255
"""NAME_MAX: runtimes use the id as a directory name."""

PID_MAX = 4194304
"""The kernel's PID_MAX_LIMIT."""


class ContainerState:
    """What a hook knows of its container.

    ``pid`` is None when no process is named: runc and podman omit it after the
    end, crun says 0. ``annotations`` are the state's until the stage adds those
    of config.json; they decide whether a failure counts. ``policy`` is what the
    configuration says, the defaults until somebody has read it; ``cell`` is the
    slot once there is one; ``notes`` are problems that the stage got over, to be
    reported all the same.
    """

    __slots__ = ("annotations", "bundle", "cell", "id", "notes", "pid", "policy", "status")

    def __init__(
        self, *, id: str, pid: int | None, status: str, bundle: str, annotations: dict[str, str]
    ) -> None:
        self.id = id
        self.pid = pid
        self.status = status
        self.bundle = bundle
        self.annotations = annotations
        self.policy = Policy()
        self.cell: int | None = None
        self.notes: list[OcihookError] = []

    def bundle_hash(self) -> int:
        """Return the hash of the bundle's path that all stages of one container agree on."""
        return bundle_hash(_resolved(self.bundle))


def parse(data: bytes) -> ContainerState:
    """Read the state from JSON text.

    Raises:
        StateError: when it is none, or a member that we use is out of bounds.
    """
    fields = Fields(parse_object(data, "state", StateError), "state: ", StateError)
    container = _required(fields, "id")
    if len(container.encode()) > MAX_ID_BYTES:
        raise fields.error("id", f"more than {MAX_ID_BYTES} bytes")
    if "/" in container or container in (".", ".."):
        raise fields.error("id", "not the name of a directory")
    bundle = _required(fields, "bundle")
    if not bundle.startswith("/"):
        raise fields.error("bundle", "not an absolute path")
    # crun says 0 where there is no process; -1 has been seen, too.
    pid = fields.integer("pid", -1, PID_MAX)
    return ContainerState(
        id=container,
        pid=pid if pid is not None and pid > 0 else None,
        status=_required(fields, "status"),
        bundle=bundle,
        annotations=fields.texts("annotations"),
    )


def _resolved(path: str) -> str:
    """Return an absolute path without symbolic links; from where it is not there on, as it is.

    The kernel's answer: ``os.path.realpath`` would be the only reason to import ``os``.
    """
    missing = ""
    while True:
        try:
            file = os.open(path or "/", os.O_PATH | os.O_CLOEXEC)
        except OSError:
            path, _, name = path.rpartition("/")
            if name not in ("", "."):
                missing = f"/{name}{missing}"
            continue
        try:
            return os.readlink(f"/proc/self/fd/{file}").rstrip("/") + missing or "/"
        finally:
            os.close(file)


def _required(fields: Fields, key: str) -> str:
    value = fields.text(key)
    if not value:
        raise fields.error(key, "missing")
    return value
