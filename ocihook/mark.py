# SPDX-License-Identifier: Apache-2.0
"""The mark: the wanted cell as the extended attribute ``paths.CELL_MARK`` of a cgroup's directory.

On the hook's path, which writes it and never reads one: ``json`` is imported there.
"""

try:
    from _json import encode_basestring_ascii
except ImportError:
    from json.encoder import encode_basestring_ascii

from ocihook import cpulist
from ocihook.cell import CellSpec
from ocihook.errors import InputError

_SWITCHES = (
    ("shared", False),
    ("fixed_weight", False),
    ("fixed_quota", False),
    ("lend", True),
    ("borrow", True),
)
"""Members that are true or false, and what they are where the mark says nothing."""


def write(spec: CellSpec) -> bytes:
    """Return the mark of a wanted cell: compact ASCII JSON.

    Hash and scope are written in hexadecimal, since many readers of JSON keep 53
    bits of a number. What the first version of the mark did not have stands
    in it only where it says something.
    """
    quote = encode_basestring_ascii
    parts = [
        f'"container":{quote(spec.container)},"bundle_hash":"{spec.bundle_hash:016x}"'
        f',"name":{quote(spec.name)},"weight":{spec.weight}'
        f',"cpus":"{cpulist.format(spec.allowed)}"'
        f',"exec_cpus":"{cpulist.format(spec.exec_allowed)}"'
    ]
    if spec.scope:
        parts.append(f'"scope":"{spec.scope:016x}"')
    for key in ("own", "own_list"):
        if mask := getattr(spec, key):
            parts.append(f'"{key}":"{cpulist.format(mask)}"')
    for key in ("own_count", "quota_ns", "period_ns", "burst_ns"):
        if number := getattr(spec, key):
            parts.append(f'"{key}":{number}')
    for key, usual in _SWITCHES:
        if getattr(spec, key) != usual:
            parts.append(f'"{key}":{"false" if usual else "true"}')
    return f"{{{','.join(parts)}}}".encode("ascii")


def read(mark: bytes) -> CellSpec:
    """Return the wanted cell of a mark.

    Keys that are not ours are ignored, for marks of a later version; marks of the first version
    end after ``exec_cpus``.

    Raises:
        InputError: when it is not what :func:`write` writes.
    """
    import json

    try:
        fields = json.loads(mark)
    except ValueError as error:
        raise InputError(f"cell mark: {error}") from None
    except RecursionError:
        raise InputError("cell mark: nested too deep") from None
    if not isinstance(fields, dict):
        raise InputError("cell mark: not a JSON object")
    return CellSpec(
        container=_text(fields, "container"),
        bundle_hash=_hexadecimal(fields, "bundle_hash", None),
        scope=_hexadecimal(fields, "scope", "0" * 16),
        name=_text(fields, "name"),
        weight=_number(fields, "weight", None),
        quota_ns=_number(fields, "quota_ns", 0),
        period_ns=_number(fields, "period_ns", 0),
        burst_ns=_number(fields, "burst_ns", 0),
        allowed=cpulist.parse(_text(fields, "cpus")),
        exec_allowed=cpulist.parse(_text(fields, "exec_cpus")),
        own=cpulist.parse(_text(fields, "own", "")),
        own_count=_number(fields, "own_count", 0),
        own_list=cpulist.parse(_text(fields, "own_list", "")),
        **{key: _switch(fields, key, usual) for key, usual in _SWITCHES},
    )


def _text(fields: dict[str, object], key: str, default: str | None = None) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str):
        raise InputError(f"cell mark: {key}: not a string")
    return value


def _hexadecimal(fields: dict[str, object], key: str, default: str | None) -> int:
    digits = _text(fields, key, default)
    if len(digits) != 16 or digits.strip("0123456789abcdef"):
        raise InputError(f"cell mark: {key}: not 16 hexadecimal digits")
    return int(digits, 16)


def _number(fields: dict[str, object], key: str, default: int | None) -> int:
    value = fields.get(key, default)
    if type(value) is not int:
        raise InputError(f"cell mark: {key}: not an integer")
    return value


def _switch(fields: dict[str, object], key: str, default: bool) -> bool:
    value = fields.get(key, default)
    if not isinstance(value, bool):
        raise InputError(f"cell mark: {key}: neither true nor false")
    return value
