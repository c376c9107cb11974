# SPDX-License-Identifier: Apache-2.0
"""Write ocihook/abi.py from the BTF of the compiled scheduler.

``bpf/abi.h`` is the only place where the layout is written by hand. The compiler turns it into
BTF, and this program turns the BTF into Python: what the kernel uses is what Python gets.

    python tools/gen_abi.py            write ocihook/abi.py
    python tools/gen_abi.py --check    exit with 1 where it is out of step

It imports nothing of ocihook, and refuses what Python's ``struct`` would lay out by guesswork:
implicit padding, bitfields, unions, pointers.
"""

import argparse
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OBJECT = ROOT / "ocihook" / "_bpf" / "ocihook.bpf.o"
TARGET = ROOT / "ocihook" / "abi.py"

STRUCTS = (
    "cell",
    "cell_run_ns",
    "cell_stats",
    "cell_waits",
    "cell_request",
    "cell_release",
    "cell_query",
    "cell_sweep",
    "switch_event",
    "scheduler_config",
    "scheduler_record",
)
ENUMS = (
    "ocihook_abi",
    "scheduler_time",
    "cell_state",
    "cell_field",
    "cell_flag",
    "cell_shared",
    "run_kind",
)

# Linux, include/uapi/linux/btf.h: the kinds by number.
INT, ARRAY, STRUCT, ENUM, TYPEDEF, VOLATILE, CONST, ENUM64 = 1, 3, 4, 6, 8, 9, 10, 19
TRAILER = {1: 4, 2: 0, 3: 12, 7: 0, 8: 0, 9: 0, 10: 0, 11: 0, 12: 0, 14: 4, 16: 0, 17: 4, 18: 0}
PER_ENTRY = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}

LETTERS = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
LETTERS |= {(size, True): letter.lower() for (size, _), letter in LETTERS.items()}


class Type:
    """One BTF type: kind, name, size-or-type, and its raw trailing data."""

    def __init__(self, kind: int, name: str, size: int, count: int, data: bytes) -> None:
        self.kind, self.name, self.size, self.count, self.data = kind, name, size, count, data


def elf_section(image: bytes, wanted: str) -> bytes:
    """Return a section of a 64-bit little-endian ELF image by name (gABI, Sections)."""
    offset, entry_size, count, names_at = struct.unpack_from("<Q10xHHH", image, 0x28)
    headers = [struct.unpack_from("<IIQQQQ", image, offset + i * entry_size) for i in range(count)]
    names = image[headers[names_at][4] :]
    for header in headers:
        name = names[header[0] :].split(b"\0", 1)[0].decode()
        if name == wanted:
            return image[header[4] : header[4] + header[5]]
    raise SystemExit(f"gen_abi: {OBJECT}: no section {wanted} (build with -g)")


def read_types(btf: bytes) -> list[Type]:
    """Parse a BTF section into its types; index 0 is void (Documentation/bpf/btf.rst)."""
    header_bytes, type_at, type_bytes, string_at = struct.unpack_from("<4xIIII", btf)
    strings = btf[header_bytes + string_at :]
    at, end = header_bytes + type_at, header_bytes + type_at + type_bytes
    types = [Type(0, "void", 0, 0, b"")]
    while at < end:
        name_at, info, size = struct.unpack_from("<III", btf, at)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        length = PER_ENTRY[kind] * count if kind in PER_ENTRY else TRAILER[kind]
        name = strings[name_at:].split(b"\0", 1)[0].decode()
        data = btf[at + 12 : at + 12 + length]
        types.append(Type(kind, name, size, info >> 31 << 16 | count, data))
        at += 12 + length
    return types


class Reader:
    """Look things up in a list of BTF types."""

    def __init__(self, types: list[Type]) -> None:
        self.types = types

    def named(self, name: str, *kinds: int) -> Type:
        for entry in self.types:
            if entry.kind in kinds and entry.name == name:
                return entry
        raise SystemExit(f"gen_abi: {name}: not in BTF (anchor it in ocihook.bpf.c)")

    def strip(self, number: int) -> Type:
        """Follow typedefs and qualifiers."""
        entry = self.types[number]
        while entry.kind in (TYPEDEF, VOLATILE, CONST):
            entry = self.types[entry.size]
        return entry

    def enumerators(self, entry: Type) -> Iterator[tuple[str, int]]:
        for i in range(entry.count & 0xFFFF):
            if entry.kind == ENUM64:  # one enumerator is beyond 32 bits
                name_at, low, high = struct.unpack_from("<IIi", entry.data, i * 12)
                yield self.string(name_at), high << 32 | low
            else:
                name_at, value = struct.unpack_from("<Ii", entry.data, i * 8)
                yield self.string(name_at), value

    def members(self, entry: Type) -> Iterator[tuple[str, int, int]]:
        """Yield (name, type number, offset in bytes)."""
        if entry.count >> 16:
            raise SystemExit(f"gen_abi: struct {entry.name}: bitfields cannot cross the ABI")
        for i in range(entry.count & 0xFFFF):
            name_at, number, bits = struct.unpack_from("<III", entry.data, i * 12)
            yield self.string(name_at), number, bits // 8

    strings = b""

    def string(self, at: int) -> str:
        return self.strings[at:].split(b"\0", 1)[0].decode()

    def layout(self, number: int) -> tuple[str, int, int, str]:
        """Return (format, size in bytes, values, Python type) of a member's type."""
        entry = self.strip(number)
        if entry.kind == INT:
            signed = struct.unpack("<I", entry.data)[0] >> 24 & 1
            if (entry.size, bool(signed)) not in LETTERS:
                raise SystemExit(f"gen_abi: type {entry.name}: of {entry.size} bytes")
            return LETTERS[entry.size, bool(signed)], entry.size, 1, "int"
        if entry.kind == ARRAY:
            element, _, length = struct.unpack("<III", entry.data)
            letter, size, _, _ = self.layout(element)
            if len(letter) > 1 or length < 2:
                raise SystemExit(
                    "gen_abi: arrays of arrays, and of one element, are not understood"
                )
            if letter == "B":
                return f"{length}s", length, 1, "bytes"
            return f"{length}{letter}", size * length, length, "tuple[int, ...]"
        if entry.kind == STRUCT and entry.count == 1:
            return self.layout(next(self.members(entry))[1])
        raise SystemExit(f"gen_abi: type {entry.name or number}: kind {entry.kind} not understood")


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


DEFAULTS = {"int": "0", "bytes": 'b""'}


def write_struct(reader: Reader, name: str) -> Iterator[str]:
    entry = reader.named(name, STRUCT)
    formats, fields, expected = [], [], 0
    for member, number, offset in reader.members(entry):
        letters, size, values, python = reader.layout(number)
        if offset != expected:
            raise SystemExit(f"gen_abi: struct {name}: implicit padding before {member}")
        expected = offset + size
        if member.startswith("_pad"):
            formats.append(f"{size}x")
            continue
        formats.append(letters)
        fields.append((member, values, python))
    if expected != entry.size:
        raise SystemExit(f"gen_abi: struct {name}: implicit padding at the end")
    yield f"class {class_name(name)}(Record):"
    yield f'    """``struct {name}`` of bpf/abi.h, {entry.size} bytes."""'
    yield ""
    yield "    __slots__ = ("
    yield from (f'        "{member}",' for member, _, _ in fields)
    yield "    )"
    yield f'    LAYOUT = Struct("<{"".join(formats)}")'
    yield "    COUNTS = (" + ", ".join(str(values) for _, values, _ in fields) + ",)"
    yield ""
    yield "    def __init__("
    yield "        self,"
    yield "        *,"
    for member, values, python in fields:
        default = DEFAULTS.get(python, f"(0,) * {values}")
        yield f"        {member}: {python} = {default},"
    yield "    ) -> None:"
    yield from (f"        self.{member} = {member}" for member, _, _ in fields)


def generate(image: bytes) -> str:
    """Return the text of ocihook/abi.py for an object file."""
    btf = elf_section(image, ".BTF")
    reader = Reader(read_types(btf))
    header_bytes, string_at = struct.unpack_from("<4xI8xI", btf)
    reader.strings = btf[header_bytes + string_at :]
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        '"""The contract of bpf/abi.h in Python. GENERATED by tools/gen_abi.py; do not edit."""',
        "",
        "from _struct import Struct",
        "",
        "from ocihook.record import Record",
        "",
    ]
    for name in ENUMS:
        entry = reader.named(name, ENUM, ENUM64)
        lines += [f"{key} = {value}" for key, value in reader.enumerators(entry)]
    for name in STRUCTS:
        lines += ["", "", *write_struct(reader, name)]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file, or with ``--check`` compare it; return the exit status."""
    parser = argparse.ArgumentParser(description="Write ocihook/abi.py from BTF.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    text = generate(OBJECT.read_bytes())
    if not arguments.check:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() != text:
        print("gen_abi: ocihook/abi.py is out of step with bpf/abi.h; run tools/gen_abi.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
