# SPDX-License-Identifier: Apache-2.0
"""What happens at each stage of a container's life that we hook.

createRuntime comes after the runtime has put the first process into its cgroup
and before its first instruction (all of runc, crun and youki, though the spec
does not promise the former). poststart may come before ``start`` (runc up to
1.5.1) or after the end. poststop finds no cgroup, and may come late, twice or
never; the scheduler frees the cell of a removed cgroup by itself.
"""

from ocihook.abi import CELL_SHARED_JOINED
from ocihook.errors import (
    AnnotationError,
    BundleError,
    OcihookError,
    OwnCpusTaken,
    PolicyError,
    ProcessGone,
    ProcessHidden,
    SchedulerUnavailable,
    StateError,
)
from ocihook.hook import annotations
from ocihook.hook.state import ContainerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocihook.cell import CellSpec
    from ocihook.hook.bundle import Bundle
    from ocihook.hook.cgroup import Cgroup
    from ocihook.policy import Policy


def create_runtime(state: ContainerState) -> None:
    """Give the container its cell, and leave the wish on its cgroup.

    Raises:
        OwnCpusTaken: it has its cell, and not all the CPUs of its own that it wishes.
        OcihookError: whatever keeps it from having one.
    """
    if state.pid is None:
        raise StateError("state: pid: missing", "createRuntime has a process, says the spec")
    _enrol(state, state.pid)
    labels = annotations.unheard_labels(state.annotations)
    if labels:
        more = f" and {len(labels) - 1} more" if labels[1:] else ""
        state.notes.append(
            AnnotationError(
                f"label {labels[0][:64]!a}{more}: no annotation of that name is beside it",
                "labels have no effect: make it an annotation",
            )
        )


def poststart(state: ContainerState) -> None:
    """Bring the cell up to date with what the runtime has set since, or give it now.

    A process that is gone is normal here: it ran, and has ended. One that is hidden has another
    user by now, for whom the hook would need CAP_SYS_PTRACE; createRuntime has seen it.

    Raises:
        OcihookError: whatever keeps a live container from having its cell.
    """
    if state.pid is None:
        return
    try:
        _enrol(state, state.pid)
    except ProcessGone:
        return
    except ProcessHidden as error:
        state.notes.append(error)


def poststop(state: ContainerState) -> None:
    """Free the container's cell, if it still has one.

    By id and bundle, whatever the annotations say now.

    Raises:
        OcihookError: when the scheduler is there and refuses.
    """
    from ocihook._bpf import pinned
    from ocihook.release import release

    try:
        pinned.unregister(release(state.id, state.bundle_hash()))
    except SchedulerUnavailable:
        return  # it took its cells with it


STAGES = {"createRuntime": create_runtime, "poststart": poststart, "poststop": poststop}
"""The stages by their names in config.json and on our command line."""


def _enrol(state: ContainerState, pid: int) -> None:
    """Register the container's cgroup; registering it again updates the cell that it has.

    Unless the container does not want a cell, or the administrator does not want it to have one. A
    container whose wishes are malformed, or refused, gets a plain cell, and the error is raised
    when it has it: asking wrongly shall change nothing but that.
    """
    try:
        wishes = annotations.parse(state.annotations)
        if not wishes.enrolled and state.policy.cell_off:
            return
    except AnnotationError:
        pass  # once more below, with what config.json says
    from ocihook.hook import bundle

    config = bundle.find(state)
    # The same in practice; the state's are the ones in force.
    state.annotations = {**config.annotations, **state.annotations}
    refusal: OcihookError | None = None
    try:
        wishes = annotations.parse(state.annotations)
        annotations.limit(wishes, state.policy)
        if not wishes.enrolled:
            return
    except (AnnotationError, PolicyError) as error:
        refusal, wishes = error, annotations.plain()
    if not state.policy.enrols(state.annotations, wishes.asks):
        return
    if refusal is not None and _fails_closed(state):
        raise refusal
    try:
        refusal = _give_cell(state, pid, config, wishes) or refusal
    except OcihookError:
        if refusal is None:
            raise
        # One line a container, and the refusal is what its author can mend.
    if refusal is not None:
        raise refusal


def _fails_closed(state: ContainerState) -> bool:
    return state.policy.fails_closed(annotations.is_required(state.annotations))


def _give_cell(
    state: ContainerState, pid: int, config: "Bundle", wishes: annotations.Wishes
) -> PolicyError | None:
    """Find the cgroup and register it; return what its own weight makes of the wishes, if anything.

    Raises:
        PolicyError: that keeps it from starting.
    """
    from ocihook import mark
    from ocihook._bpf import pinned
    from ocihook.hook import bundle, cgroup, request

    # A path: the namespace of another container, or of a pod.
    joined = config.namespaces.get("cgroup") is not None
    refusal = None
    with cgroup.find(pid, joined=joined) as home:
        if not state.policy.enrols(state.annotations, wishes.asks, home.path):
            return None
        if wishes.weight is not None:
            try:
                annotations.limit(wishes, state.policy, request.own_weight(config, home))
            except PolicyError as error:
                if _fails_closed(state):
                    raise
                refusal, wishes = error, annotations.plain()
        spec = request.cell_spec(state, config, wishes, home)
        missing = ""
        # The mark first: a scheduler that starts meanwhile either reads it or is
        # there to be asked. A mark that fails does not cost the container its cell.
        asked = spec.request(home.cgid, joins=not state.policy.shared_change)
        try:
            home.mark(mark.write(spec))
        finally:
            state.cell, _ = pinned.register(asked)
            if asked.shared == CELL_SHARED_JOINED:
                refusal = _joined(state, wishes, spec, home) or refusal
            elif spec.wishes_own():
                missing = _grant(spec, home, state.cell, state.policy)
    if missing:
        raise OwnCpusTaken(missing, "once they are free: ocihook scheduler reload")
    state.notes.extend(config.faults)
    if config.policy in bundle.REALTIME_POLICIES:
        state.notes.append(
            BundleError(
                f"process.scheduler.policy {config.policy}: not for a cell to schedule",
                "real-time tasks go before all cells; the container's other tasks are in its own",
            )
        )
    return refusal


def _joined(
    state: ContainerState, wishes: annotations.Wishes, spec: "CellSpec", home: "Cgroup"
) -> PolicyError | None:
    """Mark the cgroup with what the cell that it joined has; return an error where it wished else.

    So that all marks of the cell say the same, and a restart brings back what its members had.
    """
    from ocihook import mark, shared

    is_other = shared.adopt(spec, state.cell or 0)
    home.mark(mark.write(spec))
    if not is_other:
        return None
    return state.policy.kept_by_members(spec.name, f"annotation {annotations.CELL}")


def _grant(spec: "CellSpec", home: "Cgroup", slot: int, policy: "Policy") -> str:
    """Give the cell what there is of its own CPUs, mark it; return what is missing."""
    from ocihook import cpuset, grant, mark

    cpus = cpuset.read(home.read, home.path)
    try:
        return grant.grant(spec, home.cgid, slot, cpus, policy.own_cpus_mask())
    finally:
        home.mark(mark.write(spec))
