# SPDX-License-Identifier: Apache-2.0
"""The bundle's config.json: the members that we use (runtime-spec, config.md, config-linux.md).

Of 15 to 100 KiB that engines write. What the runtime did with it stands in the
cgroup and goes first; config.json serves where the cgroup says nothing.
"""

import posix as os
from _stat import S_ISREG

from ocihook import cpulist
from ocihook.errors import BundleError, BundleMissing, CpulistError, InputError
from ocihook.hook.fields import Fields
from ocihook.hook.json import parse_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocihook.hook.state import ContainerState

MAX_CONFIG_BYTES = 2 << 20
"""Parsed, it takes up to 28 times its size, as root, at each stage. Engines write 15 to 100 KiB;
a pod of Kubernetes is below 1.5 MiB in all (etcd's limit of a request)."""

_CHUNK_BYTES = 128 << 10
"""All of an engine's config.json in one read, whatever size the file says that it has."""

REALTIME_POLICIES = ("SCHED_FIFO", "SCHED_RR", "SCHED_DEADLINE")
"""Of ``process.scheduler.policy``: the kernel runs such tasks before sched_ext sees any."""

_U64_MAX = (1 << 64) - 1
_S64_MAX = (1 << 63) - 1


class Bundle:
    """What config.json says; None, 0 or nothing where it does not.

    ``cpus``, ``exec_initial`` and ``exec_final`` are cpumasks, ``mems`` is a mask of NUMA nodes;
    ``shares``, ``quota_us``, ``period_us``, ``burst_us``, ``idle`` and ``realtime_*_us`` are those
    of ``linux.resources.cpu``, ``weight`` is ``cpu.weight`` of ``linux.resources.unified``, whose
    other values have replaced their counterparts, as a runtime applies them last.
    ``namespaces`` maps a type to its path, None for a new one; ``policy`` is that of
    ``process.scheduler``. ``faults`` are what a runtime starts the container with all the same.
    """

    __slots__ = (
        "annotations",
        "burst_us",
        "cgroups_path",
        "cpus",
        "exec_final",
        "exec_initial",
        "faults",
        "idle",
        "mems",
        "namespaces",
        "period_us",
        "policy",
        "quota_us",
        "realtime_period_us",
        "realtime_runtime_us",
        "shares",
        "weight",
    )

    def __init__(self, config: Fields) -> None:
        """Take the members out of a parsed config.json.

        Raises:
            BundleError: when one of them is not what the spec says.
        """
        process = config.table("process")
        affinity = process.table("execCPUAffinity")
        linux = config.table("linux")
        resources = linux.table("resources")
        cpu = resources.table("cpu")
        self.annotations = config.texts("annotations")
        self.faults: list[InputError] = []
        self.exec_initial = self._mask(affinity, "initial")
        self.exec_final = self._mask(affinity, "final")
        self.policy = process.table("scheduler").text("policy")
        self.cgroups_path = linux.text("cgroupsPath")
        self.namespaces = _namespaces(linux)
        self.shares = cpu.integer("shares", 0, _U64_MAX)
        self.quota_us = cpu.integer("quota", -_S64_MAX - 1, _S64_MAX)
        self.period_us = cpu.integer("period", 0, _U64_MAX)
        self.burst_us = cpu.integer("burst", 0, _U64_MAX)
        self.realtime_runtime_us = cpu.integer("realtimeRuntime", -_S64_MAX - 1, _S64_MAX)
        self.realtime_period_us = cpu.integer("realtimePeriod", 0, _U64_MAX)
        self.idle = cpu.integer("idle", -_S64_MAX - 1, _S64_MAX)
        self.cpus = _kernels_mask(cpu, "cpus")
        self.mems = _kernels_mask(cpu, "mems")
        self.weight: int | None = None
        if resources.texts("unified"):
            self._unify(resources.table("unified"))

    def _mask(self, fields: Fields, key: str) -> int:
        """Read a list that runtimes read themselves, where they use it.

        One that is malformed is none: runc from 1.3 on does not start the container; older ones and
        crun, which needs it for `exec` alone, do, and then it is no reason to have no cell.
        """
        text = fields.text(key)
        try:
            return cpulist.parse(text) if text else 0
        except CpulistError as error:
            self.faults.append(fields.error(key, str(error)))
            return 0

    def _unify(self, unified: Fields) -> None:
        """Take what is written after all else; of no text nothing is written."""
        from ocihook import control_file, kernel_cpulist

        try:
            if text := unified.text(key := "cpu.weight"):
                self.weight = control_file.weight(text)
            if text := unified.text(key := "cpu.max"):
                self.quota_us, period_us = control_file.limit(text)
                self.period_us = period_us or self.period_us
            if text := unified.text(key := "cpu.max.burst"):
                self.burst_us = control_file.burst(text)
            if text := unified.text(key := "cpu.idle"):
                self.idle = control_file.idle(text)
            if text := unified.text(key := "cpuset.cpus"):
                self.cpus = kernel_cpulist.parse(text)
            if text := unified.text(key := "cpuset.mems"):
                self.mems = kernel_cpulist.parse(text, kernel_cpulist.last_node)
        except BundleError:
            raise  # of `text`, and says where it is
        except InputError as error:
            raise unified.error(key, str(error)) from None


def parse(data: bytes, what: str = "config.json") -> Bundle:
    """Read config.json from JSON text; `what` names it in messages.

    Raises:
        BundleError: when it is none, or a member that we use is out of bounds.
    """
    return Bundle(Fields(parse_object(data, what, BundleError), f"{what}: ", BundleError))


def read(directory: str) -> Bundle:
    """Read the config.json of the bundle `directory`.

    Raises:
        BundleMissing: when there is none, or none that we may read.
        BundleError: when it is not what the spec says.
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
        raise BundleMissing(
            f"{path}: {os.strerror(error.errno or 0).lower()}",
            "a hook reads it from the bundle that the state names",
        ) from None


def find(state: "ContainerState") -> Bundle:
    """Read the config.json of the container's bundle, or what stands in for it.

    Raises:
        BundleError: when there is one, and it is not what the spec says.
    """
    try:
        if state.bundle == "/":
            # crun 1.27 to 1.29.1 with podman and a user namespace (crun issue 2025).
            raise BundleMissing("state: bundle: /, which cannot be one")
        return read(state.bundle)
    except BundleMissing as problem:
        from ocihook.hook import substitute

        return substitute.find(state, problem)


def _content(file: int, path: str) -> bytes:
    status = os.fstat(file)
    if not S_ISREG(status.st_mode):
        raise BundleError(f"{path}: not a regular file")
    if status.st_size > MAX_CONFIG_BYTES:
        raise BundleError(f"{path}: {status.st_size} bytes, more than {MAX_CONFIG_BYTES}")
    data = b""
    while len(data) <= MAX_CONFIG_BYTES and (chunk := os.read(file, _CHUNK_BYTES)):
        data += chunk
    if len(data) > MAX_CONFIG_BYTES:
        raise BundleError(f"{path}: grew past {MAX_CONFIG_BYTES} bytes while it was read")
    return data


def _kernels_mask(fields: Fields, key: str) -> int:
    """Read a list that runtimes write into the cgroup as it is."""
    text = fields.text(key)
    if not text:
        return 0
    from ocihook import kernel_cpulist

    last = kernel_cpulist.last_node if key == "mems" else kernel_cpulist.last_cpu
    try:
        return kernel_cpulist.parse(text, last)
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
