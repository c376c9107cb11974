# SPDX-License-Identifier: Apache-2.0
"""The ``org.ocihook/`` annotations: what a container wishes for itself.

Whoever may start containers writes them, so each is bounded here.
"""

from ocihook.abi import OCIHOOK_NAME_BYTES, OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.errors import AnnotationError

PREFIX = "org.ocihook/"
CELL = PREFIX + "cell"
WEIGHT = PREFIX + "weight"
REQUIRED = PREFIX + "required"
KNOWN = (CELL, WEIGHT, REQUIRED)

OFF = "off"
"""Value of ``org.ocihook/cell`` that keeps a container in the host's cell."""

_NAME_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_DIGITS = frozenset("0123456789")


class Wishes:
    """What the annotations say; None where they say nothing."""

    __slots__ = ("enrolled", "name", "required", "weight")

    def __init__(
        self,
        *,
        enrolled: bool = True,
        name: str | None = None,
        weight: int | None = None,
        required: bool = False,
    ) -> None:
        self.enrolled = enrolled
        self.name = name
        self.weight = weight
        self.required = required


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
        if key == CELL:
            wishes.enrolled = value != OFF
            wishes.name = _name(value)
        elif key == WEIGHT:
            wishes.weight = _weight(value)
        elif key == REQUIRED:
            if value not in ("true", "false"):
                raise _error(key, value, "is neither true nor false")
            wishes.required = value == "true"
        else:
            raise AnnotationError(
                f"annotation {key[:64]!a}: unknown", f"known are {', '.join(KNOWN)}"
            )
    return wishes


def is_required(annotations: dict[str, str]) -> bool:
    """Tell whether a failure must stop the container, whatever else the annotations say."""
    return annotations.get(REQUIRED) == "true"


def _name(value: str) -> str:
    if not 0 < len(value) < OCIHOOK_NAME_BYTES or not _NAME_CHARS.issuperset(value):
        raise _error(
            CELL, value, f"is not 1 to {OCIHOOK_NAME_BYTES - 1} characters of A-Z a-z 0-9 . _ -"
        )
    return value


def _weight(value: str) -> int:
    # One spelling a number: no sign, blank, underscore or leading zero, as int() would take.
    if 0 < len(value) <= 5 and _DIGITS.issuperset(value) and value[0] != "0":
        weight = int(value)
        if OCIHOOK_WEIGHT_MIN <= weight <= OCIHOOK_WEIGHT_MAX:
            return weight
    raise _error(WEIGHT, value, f"is not an integer in {OCIHOOK_WEIGHT_MIN}..{OCIHOOK_WEIGHT_MAX}")


def _error(key: str, value: str, problem: str) -> AnnotationError:
    return AnnotationError(f"annotation {key}: {value[:64]!a} {problem}")
