# SPDX-License-Identifier: Apache-2.0
"""Load the compiled scheduler into the kernel and pin it: all, or nothing."""

import os
from types import TracebackType
from typing import Any, NamedTuple, Self

from ocihook._bpf._libbpf import ffi, lib
from ocihook.abi import OCIHOOK_MAX_CELLS, SchedulerConfig
from ocihook.errors import SchedulerUnavailable, SystemCallError

MAPS = (
    "cells",
    "cell_run_ns",
    "cell_stats",
    "cell_waits",
    "scheduler",
    "quota_timer",
    "reach_timer",
    "slice_timers",
    "switches",
)
PROGRAMS = (
    "cell_register",
    "cell_update",
    "cell_unregister",
    "cell_gc",
    "cell_of",
    "record_switch",
    "running_on",
)
OPS = "ocihook_ops"
"""The struct_ops map. Pinned too: an ejected scheduler can be attached again from it."""

OPS_TYPE = b"sched_ext_ops"

LINK = "link"
"""The pin of the struct_ops link, whose last reference keeps the scheduler attached."""

RMDIR_LINK = "rmdir_link"


class MapShape(NamedTuple):
    """A map as it is to be made. ``kind`` is one of ``enum bpf_map_type`` (linux/bpf.h)."""

    name: str
    kind: int
    value_bytes: int
    max_entries: int


class SchedulerObject:
    """An open BPF object. Leaving the context closes it; what is pinned stays."""

    def __init__(self, image: bytes) -> None:
        """Parse the object file.

        Raises:
            SchedulerUnavailable: libbpf does not accept the object; the message has its log.
        """
        lib.log_start()
        self._links: list[Any] = []
        self._object = lib.object_open(image, len(image))
        if self._object == ffi.NULL:
            raise self._explained("the BPF object cannot be opened")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for link in self._links:
            lib.bpf_link__destroy(link)
        lib.bpf_object__close(self._object)

    def _explained(self, what: str) -> SchedulerUnavailable:
        reason = os.strerror(ffi.errno).lower()
        log = ffi.string(lib.log_text()).decode(errors="replace").strip()
        return SchedulerUnavailable(
            f"{what}: {reason}\n{log}".strip(),
            "see: ocihook doctor; where that finds nothing, report this with what ocihook version"
            " --verbose says",
        )

    def _map(self, name: str) -> Any:
        found = lib.bpf_object__find_map_by_name(self._object, name.encode())
        assert found != ffi.NULL, name
        return found

    def _program(self, name: str) -> Any:
        found = lib.bpf_object__find_program_by_name(self._object, name.encode())
        assert found != ffi.NULL, name
        return found

    def configure(self, config: SchedulerConfig) -> None:
        """Set what is constant while the scheduler lives, and what follows; before ``load``."""
        size = ffi.new("size_t *")
        place = lib.bpf_map__initial_value(self._map(".rodata.config"), size)
        packed = config.pack()
        assert size[0] == len(packed), f".rodata.config has {size[0]} bytes"
        ffi.memmove(place, packed, len(packed))
        # Not a constant of a program: the kernel's watchdog reads it.
        member = (OPS.encode(), OPS_TYPE, b"timeout_ms")
        assert lib.set_ops_u32(self._object, *member, config.timeout_ms) == 0, member
        counters = OCIHOOK_MAX_CELLS * max(config.nr_llcs, 1)
        assert lib.bpf_map__set_max_entries(self._map("cell_stats"), counters) == 0

    def maps(self) -> list[MapShape]:
        """Return the maps, those of its global variables included."""
        found, each = [], lib.bpf_object__next_map(self._object, ffi.NULL)
        while each != ffi.NULL:
            found.append(
                MapShape(
                    ffi.string(lib.bpf_map__name(each)).decode(),
                    lib.bpf_map__type(each),
                    lib.bpf_map__value_size(each),
                    lib.bpf_map__max_entries(each),
                )
            )
            each = lib.bpf_object__next_map(self._object, each)
        return found

    def load(self) -> None:
        """Have the kernel verify every program and make the maps.

        Ops that it does not know are left out first, like ``cgroup_set_bandwidth`` before 6.17:
        libbpf leaves out only what is zero.

        Raises:
            SchedulerUnavailable: it refuses; the message has libbpf's log with the verifier's.
        """
        if lib.drop_unknown_ops(self._object, OPS.encode(), OPS_TYPE) < 0:
            raise self._explained("the kernel's sched_ext_ops cannot be read")
        if lib.bpf_object__load(self._object):
            raise self._explained("the kernel does not load the scheduler")

    def pin(self, directory: str) -> None:
        """Pin maps and programs into an existing directory of a bpffs.

        Raises:
            SystemCallError: a pin cannot be made.
        """
        for name in (*MAPS, OPS):
            self._pinned(lib.bpf_map__pin(self._map(name), f"{directory}/{name}".encode()), name)
        for name in PROGRAMS:
            path = f"{directory}/{name}".encode()
            self._pinned(lib.bpf_program__pin(self._program(name), path), name)

    def attach_rmdir(self) -> Any:
        """Attach the program that frees the cell of a removed cgroup; return its link.

        Raises:
            SchedulerUnavailable: the kernel refuses.
        """
        return self._attached(lib.bpf_program__attach(self._program("cgroup_rmdir")), RMDIR_LINK)

    def attach_ops(self) -> Any:
        """Attach the scheduler; return its link.

        The kernel may accept it and end it at once; the caller looks at its state.

        Raises:
            SchedulerUnavailable: another scheduler runs (EBUSY), or the kernel refuses.
        """
        return self._attached(lib.bpf_map__attach_struct_ops(self._map(OPS)), LINK)

    def pin_link(self, link: Any, directory: str, name: str) -> None:
        """Pin a link: it outlives this object then, and the process.

        Raises:
            SystemCallError: the pin cannot be made.
        """
        self._pinned(lib.bpf_link__pin(link, f"{directory}/{name}".encode()), name)

    def _attached(self, link: Any, name: str) -> Any:
        if link == ffi.NULL:
            raise self._explained(f"{name} cannot be attached")
        self._links.append(link)
        return link

    def _pinned(self, result: int, name: str) -> None:
        if result < 0:
            raise SystemCallError(f"pin of {name}", -result, "see: ocihook doctor")
