# SPDX-License-Identifier: Apache-2.0
"""The bundle's config.json: the dozen members that we use (runtime-spec, config.md).

Of 15 to 100 KiB that engines write. What the runtime did with it stands in the
cgroup and goes first; config.json serves where the cgroup says nothing.
"""

import posix as os
from _stat import S_ISREG

from ocihook import cpulist
from ocihook.errors import BundleError, CpulistError
from ocihook.hook.fields import Fields
from ocihook.hook.json import parse_object

MAX_CONFIG_BYTES = 16 << 20

_U64_MAX = (1 << 64) - 1
_S64_MAX = (1 << 63) - 1


class Bundle:
    """What config.json says; None, 0 or nothing where it does not.

    ``cpus``, ``exec_initial`` and ``exec_final`` are cpumasks; ``shares``,
    ``quota_us``, ``period_us`` and ``burst_us`` are those of ``linux.resources.cpu``;
    ``namespaces`` maps a type to its path, None for a new one.
    """

    __slots__ = (
        "annotations",
        "burst_us",
        "cgroups_path",
        "cpus",
        "exec_final",
        "exec_initial",
        "namespaces",
        "period_us",
        "quota_us",
        "shares",
    )

    def __init__(self, config: Fields) -> None:
        """Take the members out of a parsed config.json.

        Raises:
            BundleError: when one of them is not what the spec says.
        """
        affinity = config.table("process").table("execCPUAffinity")
        linux = config.table("linux")
        cpu = linux.table("resources").table("cpu")
        self.annotations = config.texts("annotations")
        self.exec_initial = _cpumask(affinity, "initial")
        self.exec_final = _cpumask(affinity, "final")
        self.cgroups_path = linux.text("cgroupsPath")
        self.namespaces = _namespaces(linux)
        self.shares = cpu.integer("shares", 0, _U64_MAX)
        self.quota_us = cpu.integer("quota", -_S64_MAX - 1, _S64_MAX)
        self.period_us = cpu.integer("period", 0, _U64_MAX)
        self.burst_us = cpu.integer("burst", 0, _U64_MAX)
        self.cpus = _cpumask(cpu, "cpus")


def parse(data: bytes, what: str = "config.json") -> Bundle:
    """Read config.json from JSON text; `what` names it in messages.

    Raises:
        BundleError: when it is none, or a member that we use is out of bounds.
    """
    return Bundle(Fields(parse_object(data, what, BundleError), f"{what}: ", BundleError))


def read(directory: str) -> Bundle:
    """Read the config.json of the bundle `directory`.

    Raises:
        BundleError: when there is none, or it is not what the spec says.
    """
    path = f"{directory}/config.json"
    try:
        # Non-blocking, so that a FIFO put in its place does not hang the container.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            return parse(_content(file, path), path)
        finally:
            os.close(file)
    except OSError as error:
        raise BundleError(
            f"{path}: {os.strerror(error.errno or 0).lower()}",
            "a hook reads it from the bundle that the state names",
        ) from None


def _content(file: int, path: str) -> bytes:
    status = os.fstat(file)
    if not S_ISREG(status.st_mode):
        raise BundleError(f"{path}: not a regular file")
    if status.st_size > MAX_CONFIG_BYTES:
        raise BundleError(f"{path}: {status.st_size} bytes, more than {MAX_CONFIG_BYTES}")
    data = b""
    while len(data) <= MAX_CONFIG_BYTES and (chunk := os.read(file, status.st_size + 1)):
        data += chunk
    if len(data) > MAX_CONFIG_BYTES:
        raise BundleError(f"{path}: grew past {MAX_CONFIG_BYTES} bytes while it was read")
    return data


def _cpumask(fields: Fields, key: str) -> int:
    text = fields.text(key)
    try:
        return cpulist.parse(text) if text else 0
    except CpulistError as error:
        raise fields.error(key, str(error)) from None


def _namespaces(linux: Fields) -> dict[str, str | None]:
    namespaces = {}
    for namespace in linux.tables("namespaces"):
        kind = namespace.text("type")
        if not kind:
            raise namespace.error("type", "missing")
        namespaces[kind] = namespace.text("path") or None
    return namespaces
