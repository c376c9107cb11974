# SPDX-License-Identifier: Apache-2.0
"""The ``org.ocihook/`` annotations: what a container wishes for itself.

Whoever may start containers writes them, so each is bounded here.
"""

from ocihook import cpulist
from ocihook.abi import OCIHOOK_NAME_BYTES, OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.errors import AnnotationError, CpulistError
from ocihook.policy import Policy

PREFIX = "org.ocihook/"
CELL = PREFIX + "cell"
WEIGHT = PREFIX + "weight"
CPUS = PREFIX + "cpus"
LEND = PREFIX + "lend"
BORROW = PREFIX + "borrow"
REQUIRED = PREFIX + "required"
KNOWN = (CELL, WEIGHT, CPUS, LEND, BORROW, REQUIRED)

LABELS = "io.kubernetes.cri-o.Labels"
"""Where CRI-O writes a container's labels (its server/container_create_linux.go)."""

OFF = "off"
"""Value of ``org.ocihook/cell`` that keeps a container in the host's cell."""

_NAME_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_DIGITS = frozenset("0123456789")
_HEX_DIGITS = frozenset("0123456789abcdef")
_SHORT_ID_CHARS = 12
_RESERVED = ("host", "idle", "real-time")
"""What lists and pictures call what is no container's cell (ocihook/timeline/recording.py)."""


class Wishes:
    """What the annotations say; where they say nothing: None, 0, or what is usual.

    ``asks``: at least one of them is ours.
    Of CPUs of its own, ``own_count`` is how many are wished, or ``own_list`` the mask of which.
    """

    __slots__ = (
        "asks",
        "borrow",
        "enrolled",
        "lend",
        "name",
        "own_count",
        "own_list",
        "required",
        "weight",
    )

    def __init__(self) -> None:
        self.asks = False
        self.enrolled = True
        self.name: str | None = None
        self.weight: int | None = None
        self.own_count = 0
        self.own_list = 0
        self.lend = True
        self.borrow = True
        self.required = False


def parse(annotations: dict[str, str]) -> Wishes:
    """Read our annotations out of a container's.

    Raises:
        AnnotationError: when a value is out of bounds, or a name under
            ``org.ocihook/`` is none of ours: a misspelt wish must not pass in silence.
    """
    wishes = Wishes()
    for key, value in annotations.items():
        if not key.startswith(PREFIX):
            continue
        wishes.asks = True
        if key == CELL:
            wishes.enrolled = value != OFF
            wishes.name = _name(value)
        elif key == WEIGHT:
            wishes.weight = _weight(value)
        elif key == CPUS:
            wishes.own_count, wishes.own_list = _own_cpus(value)
        elif key == LEND:
            wishes.lend = _switch(key, value)
        elif key == BORROW:
            wishes.borrow = _switch(key, value)
        elif key == REQUIRED:
            wishes.required = _switch(key, value)
        else:
            raise AnnotationError(
                f"annotation {key[:64]!a}: unknown", f"known are {', '.join(KNOWN)}"
            )
    return wishes


def plain() -> Wishes:
    """Return the wishes of a container whose own are refused: a cell as its cgroup says."""
    wishes = Wishes()
    wishes.asks = True
    return wishes


def limit(wishes: Wishes, policy: Policy, own_weight: int | None = None) -> None:
    """Hold the wishes against what the administrator allows.

    `own_weight` is what the container's cgroup has, None where that is not known yet.

    Refused, and not cut to what is allowed: a container that gets something else than it asked for
    is a riddle to whoever wrote the annotation.

    Raises:
        PolicyError: one of them is out of the limits; the message names annotation, limit and file.
    """
    if not wishes.asks:
        return
    if not wishes.enrolled:
        policy.check_off(f"annotation {CELL}")
        return
    if wishes.name is not None:
        policy.check_name(wishes.name, f"annotation {CELL}")
    if wishes.weight is not None:
        policy.check_weight(wishes.weight, f"annotation {WEIGHT}", own_weight)
    policy.check_own_cpus(wishes.own_count, wishes.own_list, f"annotation {CPUS}")
    policy.check_switches(wishes.lend, wishes.borrow, f"annotation {PREFIX}")


def unheard_labels(annotations: dict[str, str]) -> list[str]:
    """Return the labels of ours that have no annotation beside them, by name.

    Labels come to no runtime, but for CRI-O's, which are JSON in an annotation of its own; podman's
    and Docker's cannot be seen from here.
    """
    text = annotations.get(LABELS, "")
    if PREFIX not in text:
        return []
    from ocihook.hook.json import parse_object

    try:
        labels = parse_object(text.encode(), "labels", AnnotationError)
    except (AnnotationError, UnicodeEncodeError):
        return []  # whatever it is, it is not a container's wish
    return sorted(name for name in labels if name.startswith(PREFIX) and name not in annotations)


def is_required(annotations: dict[str, str]) -> bool:
    """Tell whether a failure must stop the container, whatever else the annotations say."""
    return annotations.get(REQUIRED) == "true"


def _name(value: str) -> str:
    if not 0 < len(value) < OCIHOOK_NAME_BYTES or not _NAME_CHARS.issuperset(value):
        raise _error(
            CELL, value, f"is not 1 to {OCIHOOK_NAME_BYTES - 1} characters of A-Z a-z 0-9 . _ -"
        )
    if (
        value in _RESERVED
        or _DIGITS.issuperset(value)
        or (len(value) == _SHORT_ID_CHARS and _HEX_DIGITS.issuperset(value))
    ):
        raise _error(CELL, value, "is reserved: the host's, or it looks like a number or an id")
    return value


def _weight(value: str) -> int:
    # One spelling a number: no sign, blank, underscore or leading zero, as int() would take.
    if 0 < len(value) <= 5 and _DIGITS.issuperset(value) and value[0] != "0":
        weight = int(value)
        if OCIHOOK_WEIGHT_MIN <= weight <= OCIHOOK_WEIGHT_MAX:
            return weight
    raise _error(WEIGHT, value, f"is not an integer in {OCIHOOK_WEIGHT_MIN}..{OCIHOOK_WEIGHT_MAX}")


def _own_cpus(value: str) -> tuple[int, int]:
    try:
        return cpulist.parse_wish(value)
    except CpulistError as error:
        raise AnnotationError(f"annotation {CPUS}: {error}") from None


def _switch(key: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise _error(key, value, "is neither true nor false")
    return value == "true"


def _error(key: str, value: str, problem: str) -> AnnotationError:
    return AnnotationError(f"annotation {key}: {value[:64]!a} {problem}")
