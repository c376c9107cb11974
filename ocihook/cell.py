# SPDX-License-Identifier: Apache-2.0
"""What a wanted cell is, and the two forms it travels in: the request and the mark.

On the hook's path: ``json`` is imported only to read a mark, which the hook
never does, and ``math`` only where a cgroup has no ``cpu.weight``.
"""

try:
    from _json import encode_basestring_ascii
except ImportError:
    from json.encoder import encode_basestring_ascii

from ocihook import cpulist
from ocihook.abi import (
    CELL_FIELD_ALLOWED,
    CELL_FIELD_EXEC,
    CELL_FIELD_WEIGHT,
    OCIHOOK_CONTAINER_BYTES,
    OCIHOOK_NAME_BYTES,
    OCIHOOK_WEIGHT_DEFAULT,
    OCIHOOK_WEIGHT_MAX,
    OCIHOOK_WEIGHT_MIN,
    CellRelease,
    CellRequest,
)
from ocihook.errors import InputError

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_U64 = (1 << 64) - 1
_ALL_FIELDS = CELL_FIELD_WEIGHT | CELL_FIELD_ALLOWED | CELL_FIELD_EXEC


class CellSpec:
    """One wanted cell: whose it is, and what it may have.

    ``container`` is the id at the runtime, ``bundle_hash`` tells apart equal
    ids of two engines, ``weight`` is in the scale of cgroup2's ``cpu.weight``,
    ``allowed`` and ``exec_allowed`` are cpumasks with 0 for "no restriction".
    """

    __slots__ = ("allowed", "bundle_hash", "container", "exec_allowed", "name", "weight")

    def __init__(
        self,
        *,
        container: str,
        bundle_hash: int,
        name: str,
        weight: int = OCIHOOK_WEIGHT_DEFAULT,
        allowed: int = 0,
        exec_allowed: int = 0,
    ) -> None:
        """Check the bounds of the ABI.

        Raises:
            InputError: when a member does not fit.
        """
        _bounded_text("container id", container, OCIHOOK_CONTAINER_BYTES - 1)
        _bounded_text("cell name", name, OCIHOOK_NAME_BYTES - 1)
        if not OCIHOOK_WEIGHT_MIN <= weight <= OCIHOOK_WEIGHT_MAX:
            raise InputError(f"weight {weight}: not in {OCIHOOK_WEIGHT_MIN}..{OCIHOOK_WEIGHT_MAX}")
        if not 0 <= bundle_hash <= _U64:
            raise InputError(f"bundle hash {bundle_hash:#x}: more than 64 bits")
        self.container = container
        self.bundle_hash = bundle_hash
        self.name = name
        self.weight = weight
        self.allowed = allowed
        self.exec_allowed = exec_allowed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellSpec) and self.mark() == other.mark()

    def __hash__(self) -> int:
        return hash(self.mark())

    def __repr__(self) -> str:
        return f"CellSpec({self.mark().decode('ascii')})"

    def request(self, cgid: int) -> CellRequest:
        """Return the request that makes this the cell of the cgroup `cgid`.

        It carries every field: a restriction that is gone is lifted.
        """
        return CellRequest(
            cgid=cgid,
            bundle_hash=self.bundle_hash,
            weight=self.weight,
            fields=_ALL_FIELDS,
            allowed=cpulist.to_words(self.allowed),
            exec_allowed=cpulist.to_words(self.exec_allowed),
            name=self.name.encode(),
            container=self.container.encode(),
        )

    def mark(self) -> bytes:
        """Return the text of the extended attribute ``paths.CELL_MARK``: compact ASCII JSON.

        The hash is written in hexadecimal, since many readers of JSON keep 53
        bits of a number.
        """
        quote = encode_basestring_ascii
        return (
            f'{{"container":{quote(self.container)},"bundle_hash":"{self.bundle_hash:016x}"'
            f',"name":{quote(self.name)},"weight":{self.weight}'
            f',"cpus":"{cpulist.format(self.allowed)}"'
            f',"exec_cpus":"{cpulist.format(self.exec_allowed)}"}}'
        ).encode("ascii")


def from_mark(mark: bytes) -> CellSpec:
    """Read a mark back; keys that are not ours are ignored, for marks of a later version.

    Raises:
        InputError: when it is not what :meth:`CellSpec.mark` writes.
    """
    import json

    try:
        fields = json.loads(mark)
    except (ValueError, RecursionError) as error:
        raise InputError(f"cell mark: {error}") from None
    if not isinstance(fields, dict):
        raise InputError("cell mark: not a JSON object")
    digits = _text(fields, "bundle_hash")
    if len(digits) != 16 or digits.strip("0123456789abcdef"):
        raise InputError("cell mark: bundle_hash: not 16 hexadecimal digits")
    weight = fields.get("weight")
    if type(weight) is not int:
        raise InputError("cell mark: weight: not an integer")
    return CellSpec(
        container=_text(fields, "container"),
        bundle_hash=int(digits, 16),
        name=_text(fields, "name"),
        weight=weight,
        allowed=cpulist.parse(_text(fields, "cpus")),
        exec_allowed=cpulist.parse(_text(fields, "exec_cpus")),
    )


def release(container: str, bundle_hash: int) -> CellRelease:
    """Return the request that frees the cell of a container whose cgroup is gone."""
    return CellRelease(cgid=0, bundle_hash=bundle_hash, container=container.encode())


def bundle_hash(path: str) -> int:
    """Return the FNV-1a 64 hash of a bundle's path (IETF draft-eastlake-fnv).

    The caller resolves symbolic links first: crun gives ``getcwd()`` at
    createRuntime and the path as its caller wrote it at poststop.
    """
    value = _FNV_OFFSET
    for byte in path.encode("utf-8", "surrogateescape"):
        value = ((value ^ byte) * _FNV_PRIME) & _U64
    return value


def weight_from_shares(shares: int) -> int:
    """Return the ``cpu.weight`` that today's runtimes make of OCI's ``cpu.shares``.

    ``ceil(10 ** ((l*l + 125*l) / 612 - 7/34))`` with ``l = log2(shares)``: runc
    1.3.2, crun 1.23 and youki; before, they scaled linearly (1024 was 39, now
    it is 100) and nothing says which one did it, so what stands in the cgroup
    goes first. 0 means "not set".
    """
    if shares == 0:
        return OCIHOOK_WEIGHT_DEFAULT
    if shares <= 2:
        return OCIHOOK_WEIGHT_MIN
    if shares >= 262144:
        return OCIHOOK_WEIGHT_MAX
    import math

    log = math.log2(shares)
    return math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))


def clamp_weight(weight: int) -> int:
    """Bring a weight into the ABI's range: ``cpu.weight`` reads 0 while ``cpu.idle`` is set."""
    return max(OCIHOOK_WEIGHT_MIN, min(weight, OCIHOOK_WEIGHT_MAX))


def _text(fields: dict[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise InputError(f"cell mark: {key}: not a string")
    return value


def _bounded_text(what: str, text: str, limit_bytes: int) -> None:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise InputError(f"{what} {text[:64]!a}: not valid Unicode") from None
    if not 0 < size_bytes <= limit_bytes:
        raise InputError(f"{what} of {size_bytes} bytes: 1 to {limit_bytes} are allowed")
    if "\0" in text:
        raise InputError(f"{what} {text[:64]!a}: contains a NUL")
