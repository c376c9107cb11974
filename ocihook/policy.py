# SPDX-License-Identifier: Apache-2.0
"""What the administrator allows: who gets a cell, and what a container may wish. Pure.

On the hook's path. Annotations are written by whoever may start containers, so each refusal says
which limit of which file it is that they have met.
"""

from ocihook import cpulist, paths
from ocihook.abi import OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.errors import CpulistError, InputError, PolicyError

FORMAT = 4
"""Of what is stored of a policy; it goes up with every change of its members or their meaning."""

HOST_SHARE_PERCENT = 20
"""What the host is owed by default, in percent of the CPUs, while every cell is busy."""

AS_CGROUP = "cgroup"
"""Of ``limits.weight_max``: no more than the container's cgroup has."""

SCOPE_PARENT = "parent"
SCOPE_HOST = "host"
SCOPE_ANNOTATION = "annotation:"
"""Of ``limits.shared_scope``: whose name a shared cell's is. What follows the last is a key."""

ANY_CPU = "all"
"""Of ``limits.own_cpus``: every CPU may become a cell's own."""

LIMITS = (
    "cell_off",
    "weight_min",
    "weight_max",
    "own_cpus_max",
    "own_cpus",
    "lend_off",
    "borrow_off",
    "shared_cells",
    "shared_scope",
    "shared_change",
)
"""What bounds a wish; which of these are written, and which cannot be known, counts as well."""

_OF_COMMANDS = {
    "weight_max": OCIHOOK_WEIGHT_MAX,
    "own_cpus_max": cpulist.MAX_CPUS,
    "lend_off": True,
    "shared_change": True,
}
"""What holds for root's own commands where nothing is written."""

LEVELS = ("error", "warning")
"""Of ``log.level``: what keeps a container from starting, and also what does not."""


DEADLINE_MAX_S = 600
"""Of ``hook.deadline_s``; the least is 1."""

_SHOWN_CHARS = 128

_CHOICES = {"who": ("annotated", "all"), "on_error": ("start", "refuse"), "level": LEVELS}


class Policy:
    """The configuration, a member a key; the defaults are what holds without a file.

    A key of ``[enrol.exclude]`` has its section in its name. ``file`` is where they were read,
    for messages; nothing where there is none. Of ``LIMITS``, ``written`` are those that stand in
    the file, and ``unknown`` those that it may set, and nobody can tell to what: no wish passes
    them. docs/configuration.md says what each key means.
    """

    __slots__ = (
        "annotations",
        "borrow_off",
        "cell_off",
        "cgroups",
        "deadline_s",
        "exclude_annotations",
        "exclude_cgroups",
        "file",
        "journal",
        "lend_off",
        "level",
        "on_error",
        "own_cpus",
        "own_cpus_max",
        "required",
        "share_percent",
        "shared_cells",
        "shared_change",
        "shared_scope",
        "stderr",
        "unknown",
        "weight_max",
        "weight_min",
        "who",
        "written",
    )

    def __init__(
        self,
        *,
        who: str = "annotated",
        annotations: dict[str, str] | None = None,
        cgroups: "list[str] | None" = None,
        exclude_annotations: dict[str, str] | None = None,
        exclude_cgroups: "list[str] | None" = None,
        cell_off: bool = True,
        weight_min: int = OCIHOOK_WEIGHT_MIN,
        weight_max: "int | str" = AS_CGROUP,
        own_cpus_max: int = 0,
        own_cpus: str = ANY_CPU,
        lend_off: bool = False,
        borrow_off: bool = True,
        shared_cells: "list[str] | None" = None,
        shared_scope: str = SCOPE_PARENT,
        shared_change: bool = False,
        required: bool = True,
        share_percent: int = HOST_SHARE_PERCENT,
        on_error: str = "start",
        deadline_s: int = 20,
        stderr: bool = True,
        journal: bool = True,
        level: str = "warning",
        file: str = "",
        written: "list[str] | None" = None,
        unknown: "list[str] | None" = None,
    ) -> None:
        self.who = who
        self.annotations = annotations or {}
        self.cgroups = cgroups or []
        self.exclude_annotations = exclude_annotations or {}
        self.exclude_cgroups = exclude_cgroups or []
        self.cell_off = cell_off
        self.weight_min = weight_min
        self.weight_max = weight_max
        self.own_cpus_max = own_cpus_max
        self.own_cpus = own_cpus
        self.lend_off = lend_off
        self.borrow_off = borrow_off
        self.shared_cells = ["*"] if shared_cells is None else shared_cells
        self.shared_scope = shared_scope
        self.shared_change = shared_change
        self.required = required
        self.share_percent = share_percent
        self.on_error = on_error
        self.deadline_s = deadline_s
        self.stderr = stderr
        self.journal = journal
        self.level = level
        self.file = file
        self.written = written or []
        self.unknown = unknown or []

    def members(self) -> dict[str, object]:
        """Return the members by name, as the constructor takes them."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of_members(cls, stored: object) -> "Policy":
        """Return the policy of its members, as :meth:`members` has them, which somebody stored.

        Raises:
            InputError: one is missing, unknown, or not what a configuration can say.
        """
        if type(stored) is not dict:
            raise InputError("policy: not an object")
        usual = cls().members()
        for name in usual.keys() ^ stored.keys():
            raise InputError(f"policy.{name[:64]}: {'missing' if name in usual else 'unknown'}")
        for name, default in usual.items():
            value = stored[name]
            kind = int if name == "weight_max" and value != AS_CGROUP else type(default)
            inner = value.values() if type(value) is dict else value
            if type(value) is not kind or (
                type(value) in (list, dict) and any(type(each) is not str for each in inner)
            ):
                raise InputError(f"policy.{name}: of the wrong type")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise InputError(f"policy.{name}: {str(value)[:64]!a} is unknown")
        policy = cls(**stored)
        if not 0 < policy.deadline_s <= DEADLINE_MAX_S:
            raise InputError(f"policy.deadline_s: not in 1..{DEADLINE_MAX_S}")
        try:
            policy.own_cpus_mask()
        except CpulistError as error:
            raise InputError(f"policy.own_cpus: {error}") from None
        return policy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.members() == other.members()

    __hash__ = None  # type: ignore[assignment]  # its members are lists and tables

    def __repr__(self) -> str:
        return f"Policy({', '.join(f'{name}={value!r}' for name, value in self.members().items())})"

    def enrols(self, annotations: dict[str, str], asks: bool, cgroup: str | None = None) -> bool:
        """Tell whether a container gets a cell; without its `cgroup`, whether it may.

        `asks`: one of its annotations is below ``org.ocihook/``. Where nothing tells containers
        apart, it is the engine that does: the hook runs only for those that hooks.d selects, or
        that name it in their config.json.

        Raises:
            PolicyError: it asks, and is excluded.
        """
        rule = self._exclusion(annotations, cgroup)
        if rule:
            if asks:
                raise PolicyError(
                    f"the container is excluded by enrol.exclude.{rule} of {self.file}",
                    "its annotations cannot change that",
                )
            return False
        if self.who != "annotated" or asks or not (self.annotations or self.cgroups):
            return True
        if cgroup is None and self.cgroups:
            return True
        return bool(_annotation_rule(self.annotations, annotations)) or bool(
            cgroup is not None and _first_match(self.cgroups, cgroup)
        )

    def _exclusion(self, annotations: dict[str, str], cgroup: str | None) -> str:
        if self.exclude_annotations:
            rule = _annotation_rule(self.exclude_annotations, annotations, too_long=True)
            if rule:
                return f"annotations: {rule}"
        if self.exclude_cgroups and cgroup is not None:
            pattern = _first_match(self.exclude_cgroups, cgroup)
            if pattern:
                return f"cgroups: {pattern!a}"
        return ""

    def of_commands(self) -> "Policy":
        """Return what binds root's own commands: what is written. The defaults, and what a cgroup
        has, are for annotations, which others write."""
        members = self.members()
        for name, value in _OF_COMMANDS.items():
            if name not in self.written or members[name] == AS_CGROUP:
                members[name] = value
        return Policy(**members)  # type: ignore[arg-type]  # its own members

    def check_off(self, subject: str) -> None:
        """Refuse that a container does without a cell.

        Raises:
            PolicyError: it may not.
        """
        self._demand_known(("cell_off",), f"{subject}: off")
        if not self.cell_off:
            raise self._refusal(f"{subject}: off is against", "cell_off", "false")

    def check_weight(self, weight: int, subject: str, own: "int | None" = None) -> None:
        """Refuse a weight that somebody names; `subject` begins the message.

        `own` is the weight that the cgroup has, None where it is not known yet: then a limit that
        is the cgroup's is none.

        Raises:
            PolicyError: it is out of the limits.
        """
        self._demand_known(("weight_max", "weight_min"), f"{subject}: {weight}")
        most, shown = self.weight_max, str(self.weight_max)
        if isinstance(most, str):
            most, shown = own or weight, f'"{AS_CGROUP}" (here {own})'
        if weight > most:
            raise self._refusal(f"{subject}: {weight} is above", "weight_max", shown)
        if weight < self.weight_min:
            raise self._refusal(f"{subject}: {weight} is below", "weight_min", self.weight_min)

    def check_own_cpus(self, count: int, listed: int, subject: str) -> None:
        """Refuse a wish for own CPUs, a count or a cpumask.

        A count says nothing about which; :meth:`own_cpus_mask` bounds what it is met with.

        Raises:
            PolicyError: it is for too many, or for some that are not given out.
        """
        wished = count or listed.bit_count()
        if wished:
            self._demand_known(("own_cpus_max", "own_cpus"), f"{subject}: a wish for {wished}")
        if wished > self.own_cpus_max:
            raise self._refusal(
                f"{subject}: a wish for {wished} is above", "own_cpus_max", self.own_cpus_max
            )
        outside = listed & ~(self.own_cpus_mask() or listed)
        if outside:
            named = _cut(cpulist.format(outside))
            raise self._refusal(f"{subject}: {named} not in", "own_cpus", self.own_cpus)

    def check_switches(self, lend: bool, borrow: bool, subject: str) -> None:
        """Refuse to switch off what may not be; `subject` and the switch begin the message.

        Raises:
            PolicyError: it may not.
        """
        for key, on, may_be_off in (
            ("lend", lend, self.lend_off),
            ("borrow", borrow, self.borrow_off),
        ):
            if not on:
                self._demand_known((f"{key}_off",), f"{subject}{key}: false")
            if not on and not may_be_off:
                raise self._refusal(f"{subject}{key}: false is against", f"{key}_off", "false")

    def check_name(self, name: str, subject: str) -> None:
        """Refuse the name of a shared cell.

        Raises:
            PolicyError: no pattern allows it.
        """
        self._demand_known(("shared_cells", "shared_scope"), f"{subject}: {name!a}")
        if self.shared_cells != ["*"] and not _first_match(self.shared_cells, name):
            allowed = ", ".join(self.shared_cells) or "none"
            raise self._refusal(f"{subject}: {name!a} is not of", "shared_cells", allowed)

    def kept_by_members(self, name: str, subject: str) -> PolicyError:
        """Return what is to be said to who joins a shared cell and wishes it to be different."""
        problem = f"{subject}: {name!a} is shared, and keeps what it has, by"
        return self._refusal(problem, "shared_change", "false")

    def own_cpus_mask(self) -> int:
        """Return the cpumask of the CPUs that may become a cell's own; 0 is all."""
        return 0 if self.own_cpus == ANY_CPU else cpulist.parse(self.own_cpus)

    def fails_closed(self, required: bool) -> bool:
        """Tell whether a failure keeps a container from starting that says it is `required`."""
        return self.on_error == "refuse" or (required and self.required)

    def logs(self, level: str) -> bool:
        """Tell whether records of this level (one of ``LEVELS``) are wanted."""
        return LEVELS.index(level) <= LEVELS.index(self.level)

    def _demand_known(self, keys: "tuple[str, ...]", wish: str) -> None:
        for key in keys:
            if key in self.unknown:
                raise PolicyError(
                    f"{wish} is refused while limits.{key} of {self.file} cannot be known",
                    "repair the file: ocihook config check",
                )

    def _refusal(self, problem: str, key: str, value: object) -> PolicyError:
        problem = f"{problem} limits.{key} = {_cut(str(value))}"
        if key in self.written:
            return PolicyError(f"{problem} of {self.file}")
        return PolicyError(
            f"{problem}, the default",
            f"to allow it, write {key} below [limits] in {self.file or paths.CONFIG_FILE}",
        )


def strictest(on_error: str, file: str) -> Policy:
    """Return what holds where nothing of `file` can be known: no wish counts."""
    return Policy(on_error=on_error, file=file, unknown=list(LIMITS))


def _cut(text: str) -> str:
    """Keep the file's name, which comes last, within the 1024 characters of the hook's line."""
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."


def _annotation_rule(
    patterns: dict[str, str], annotations: dict[str, str], *, too_long: bool = False
) -> str:
    """Return the first rule that holds, ``key = pattern``, or nothing.

    `too_long`: what a value is worth that is longer than what is matched.
    """
    from ocihook.glob import MAX_TEXT_CHARS, matches

    for key, pattern in patterns.items():
        value = annotations.get(key)
        if value is not None and (
            matches(pattern, value) or (too_long and len(value) > MAX_TEXT_CHARS)
        ):
            return f"{key} = {pattern!a}"
    return ""


def _first_match(patterns: "list[str]", text: str) -> str:
    from ocihook.glob import first_match

    return first_match(patterns, text)
