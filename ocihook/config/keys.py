# SPDX-License-Identifier: Apache-2.0
"""Every key of the configuration: its section, its form, its default, what it is for."""

from collections.abc import Callable, Iterator

from ocihook import cpulist
from ocihook.abi import OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.errors import CpulistError
from ocihook.glob import MAX_PATTERN_CHARS
from ocihook.policy import (
    ANY_CPU,
    AS_CGROUP,
    DEADLINE_MAX_S,
    LEVELS,
    SCOPE_ANNOTATION,
    SCOPE_HOST,
    SCOPE_PARENT,
    Policy,
)

MAX_PATTERNS = 64
"""Of one list or table: what one container start takes is bounded by it."""

EXCLUDE = "enrol.exclude"

Finding = tuple[tuple[str | int, ...], str]
"""What is wrong: where below the value, and in which way."""

Form = Callable[[object], Iterator[Finding]]
"""Yields what is wrong with a value of a key."""


class Key:
    """One key: ``section`` and ``name`` as TOML has them, and what stands in the reference.

    ``member`` is the name of :class:`ocihook.policy.Policy`, which has the default, too.
    """

    __slots__ = ("default", "form", "member", "name", "purpose", "section", "values")

    def __init__(self, section: str, name: str, values: str, form: Form, purpose: str) -> None:
        self.section = section
        self.name = name
        self.values = values
        self.form = form
        self.purpose = purpose
        self.member = f"exclude_{name}" if section == EXCLUDE else name
        self.default: object = getattr(_DEFAULTS, self.member)

    @property
    def path(self) -> tuple[str, ...]:
        """Its place in the document."""
        return (*self.section.split("."), self.name)


_DEFAULTS = Policy()


def _choice(*allowed: str) -> Form:
    def form(value: object) -> Iterator[Finding]:
        if value not in allowed or not isinstance(value, str):
            yield (), f"{_shown(value)} is none of {', '.join(map(repr, allowed))}"

    return form


def _integer(lowest: int, highest: int) -> Form:
    def form(value: object) -> Iterator[Finding]:
        if type(value) is not int or not lowest <= value <= highest:
            yield (), f"{_shown(value)} is not an integer in {lowest}..{highest}"

    return form


def _weight_max(value: object) -> Iterator[Finding]:
    if value != AS_CGROUP and any(_WEIGHT(value)):
        what = f"{_shown(value)} is neither an integer in {_RANGE} nor {AS_CGROUP!r}"
        yield (), what


def _switch(value: object) -> Iterator[Finding]:
    if not isinstance(value, bool):
        yield (), f"{_shown(value)} is neither true nor false"


def _own_cpus(value: object) -> Iterator[Finding]:
    if not isinstance(value, str) or not value:
        yield (), f"{_shown(value)} is neither a cpulist nor {ANY_CPU!r}"
    elif value != ANY_CPU:
        try:
            cpulist.parse(value)
        except CpulistError as error:
            yield (), str(error)


def _scope(value: object) -> Iterator[Finding]:
    if value in (SCOPE_PARENT, SCOPE_HOST) and isinstance(value, str):
        return
    key = value.removeprefix(SCOPE_ANNOTATION) if isinstance(value, str) else ""
    if key in ("", value) or len(key) > MAX_PATTERN_CHARS or _CONTROLS.intersection(key):
        what = f"{SCOPE_PARENT!r}, {SCOPE_HOST!r} or '{SCOPE_ANNOTATION}KEY'"
        yield (), f"{_shown(value)} is none of {what}"


def _pattern(value: object) -> Iterator[Finding]:
    if not isinstance(value, str):
        yield (), f"{_shown(value)} is not a string"
    elif not 0 < len(value) <= MAX_PATTERN_CHARS:
        yield (), f"a pattern of {len(value)} characters, and not 1 to {MAX_PATTERN_CHARS}"
    elif _CONTROLS.intersection(value):
        yield (), f"{_shown(value)} has a control character"
    elif not _BRACKETS.isdisjoint(value):
        # They would match themselves, and whoever writes them means something else.
        yield (), f"{_shown(value)} has a bracket; *, ** and ? are all that patterns know"


def _patterns(value: object) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield (), f"{_shown(value)} is not an array of patterns"
        return
    if len(value) > MAX_PATTERNS:
        yield (), f"{len(value)} patterns, more than {MAX_PATTERNS}"
    for index, pattern in enumerate(value):
        for where, problem in _pattern(pattern):
            yield (index, *where), problem


def _cgroups(value: object) -> Iterator[Finding]:
    yield from _patterns(value)
    for index, pattern in enumerate(value if isinstance(value, list) else ()):
        if isinstance(pattern, str) and not pattern.startswith(("/", "**")):
            yield (index,), f"{_shown(pattern)} begins with neither / nor **, as cgroups do"


def _annotations(value: object) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield (), f"{_shown(value)} is not a table of annotations and patterns"
        return
    if len(value) > MAX_PATTERNS:
        yield (), f"{len(value)} annotations, more than {MAX_PATTERNS}"
    for key, pattern in value.items():
        if not 0 < len(key) <= MAX_PATTERN_CHARS or _CONTROLS.intersection(key):
            yield (key,), "not the name of an annotation"
        for where, problem in _pattern(pattern):
            yield (key, *where), problem


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 64 else text[:61] + "..."


_CONTROLS = frozenset(map(chr, [*range(32), 127]))
_BRACKETS = frozenset("[]{}")
_RANGE = f"{OCIHOOK_WEIGHT_MIN}..{OCIHOOK_WEIGHT_MAX}"
_WEIGHT = _integer(OCIHOOK_WEIGHT_MIN, OCIHOOK_WEIGHT_MAX)
_WEIGHTS = f"{OCIHOOK_WEIGHT_MIN} to {OCIHOOK_WEIGHT_MAX}"
_BOOLEAN = "`true`, `false`"

KEYS = (
    Key("enrol", "who", "`annotated`, `all`", _choice("annotated", "all"),
        "Which containers get a cell: those that ask for it, by an annotation or by naming the "
        "hook in their own config.json, and those that a pattern selects; or all."),
    Key("enrol", "annotations", "annotation = pattern", _annotations,
        "Containers with one of these annotations get a cell, too."),
    Key("enrol", "cgroups", "patterns", _cgroups,
        "Containers in one of these cgroups get a cell, too."),
    Key(EXCLUDE, "annotations", "annotation = pattern", _annotations,
        "Containers with one of these annotations never get a cell, whatever they ask for."),
    Key(EXCLUDE, "cgroups", "patterns", _cgroups,
        "Containers in one of these cgroups never get a cell, whatever they ask for."),
    Key("limits", "cell_off", _BOOLEAN, _switch,
        "Whether a container may do without a cell; its cgroup's weight and limit hold all the "
        "same."),
    Key("limits", "weight_min", _WEIGHTS, _WEIGHT,
        "The least weight that may be asked for."),
    Key("limits", "weight_max", f"`cgroup`, {_WEIGHTS}", _weight_max,
        "The greatest weight that may be asked for; `cgroup` is what the container's cgroup has."),
    Key("limits", "own_cpus_max", f"0 to {cpulist.MAX_CPUS}", _integer(0, cpulist.MAX_CPUS),
        "How many CPUs of its own a container may ask for; 0 is none."),
    Key("limits", "own_cpus", "a cpulist, `all`", _own_cpus,
        "The CPUs that may become somebody's own."),
    Key("limits", "lend_off", _BOOLEAN, _switch,
        "Whether a container may keep its own CPUs to itself while they are idle."),
    Key("limits", "borrow_off", _BOOLEAN, _switch,
        "Whether a container may do without idle CPUs that are others' own."),
    Key("limits", "shared_cells", "patterns", _patterns,
        "The names that cells may be shared by; an empty list is none."),
    Key("limits", "shared_scope", "`parent`, `host`, `annotation:KEY`", _scope,
        "Who shares a cell by its name: containers below the same parent cgroup; all; or those "
        "with the same value of an annotation."),
    Key("limits", "shared_change", _BOOLEAN, _switch,
        "Whether who joins a shared cell may change what its members have: weight, quota, own "
        "CPUs, lending."),
    Key("limits", "required", _BOOLEAN, _switch,
        "Whether a container may say that it must not start without its cell."),
    Key("host", "share_percent", "1 to 90", _integer(1, 90),
        "Has no effect any more: the host's cgroups share CPUs by their own weights."),
    Key("hook", "on_error", "`start`, `refuse`", _choice("start", "refuse"),
        "Whether a container starts that cannot have its cell, or asks for more than it may."),
    Key("hook", "deadline_s", f"1 to {DEADLINE_MAX_S}", _integer(1, DEADLINE_MAX_S),
        "Seconds after which a run of the hook gives up; the runtimes' own time-out, which "
        "`ocihook install` writes, is 10 more."),
    Key("log", "stderr", _BOOLEAN, _switch,
        "Whether the hook writes a line to standard error, which runc and podman show."),
    Key("log", "journal", _BOOLEAN, _switch,
        "Whether the hook sends a record to the journal, where there is one."),
    Key("log", "level", ", ".join(f"`{level}`" for level in LEVELS), _choice(*LEVELS),
        "What is told: what keeps a container from starting; or also what does not."),
)  # fmt: skip
"""In the order in which the file and the reference have them."""
