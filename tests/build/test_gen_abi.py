# SPDX-License-Identifier: Apache-2.0
"""tools/gen_abi.py on small C files: what it makes of them, and what it refuses."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ocihook.record import Record

Compile = Callable[[str], bytes]

TYPES = """
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;
"""


@pytest.fixture
def compile_bpf(tmp_path: Path) -> Callable[[str], bytes]:
    """Compile C for BPF with debug information; return the object file's bytes."""
    clang = next(filter(shutil.which, (os.environ.get("OCIHOOK_CLANG", ""), "clang-19", "clang")))

    def compile_it(text: str) -> bytes:
        source, target = tmp_path / "tiny.c", tmp_path / "tiny.o"
        source.write_text(text)
        flags = ["-target", "bpf", "-g", "-O2", "-Wall", "-Werror"]
        subprocess.run([clang, *flags, "-c", source, "-o", target], check=True, timeout=60)
        return target.read_bytes()

    return compile_it


@pytest.fixture
def generate(
    gen_abi: ModuleType, compile_bpf: Compile, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Compile C with `struct thing` and `enum answer`; return the Python made of it."""
    monkeypatch.setattr(gen_abi, "STRUCTS", ("thing",))
    monkeypatch.setattr(gen_abi, "ENUMS", ("answer",))

    def run(text: str) -> str:
        answer: str = gen_abi.generate(compile_bpf(TYPES + text))
        return answer

    return run


def test_python_reads_what_the_compiler_wrote(
    generate: Callable[[str], str], gen_abi: ModuleType, compile_bpf: Compile
) -> None:
    text = """
        enum answer { ANSWER = 42, LESS = -1 };
        const volatile enum answer anchor;
        struct words { __u64 bits[2]; };
        struct thing {
            __u64 large; __s64 negative; struct words words; __u32 list[3]; __u16 half;
            __u8 name[6]; __u8 byte; __u8 _pad[11];
        };
        struct thing thing = { ~0ull, -5, {{1, 2}}, {3, 4, 5}, 6, "abc", 7, {} };
    """
    names: dict[str, Any] = {}
    exec(generate(text), names)
    assert (names["ANSWER"], names["LESS"]) == (42, -1)
    thing_class: type[Record] = names["Thing"]
    assert thing_class.__doc__ == "``struct thing`` of bpf/abi.h, 64 bytes."
    thing: Any = thing_class.unpack(gen_abi.elf_section(compile_bpf(TYPES + text), ".data"))
    assert thing.large == (1 << 64) - 1
    assert thing.negative == -5
    assert thing.words == (1, 2)
    assert thing.list == (3, 4, 5)
    assert (thing.half, thing.name, thing.byte) == (6, b"abc", 7)
    assert not hasattr(thing, "_pad")
    empty: Any = thing_class()
    assert (empty.list, empty.words, empty.name) == ((0, 0, 0), (0, 0), b"")


def test_enumerators_beyond_32_bits(generate: Callable[[str], str]) -> None:
    text = """
        enum answer { LARGE = 10000000000, SMALL = 3, LESS = -1 };
        const volatile enum answer anchor;
        struct thing { __u64 a; };
        struct thing thing;
    """
    names: dict[str, Any] = {}
    exec(generate(text), names)
    assert (names["LARGE"], names["SMALL"], names["LESS"]) == (10_000_000_000, 3, -1)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("__u32 a; __u64 b;", "struct thing: implicit padding before b"),
        ("__u64 a; __u32 b;", "struct thing: implicit padding at the end"),
        ("__u32 a : 3; __u32 b;", "struct thing: bitfields cannot cross the ABI"),
        ("void *a;", "kind 2 not understood"),
        ("union u { __u64 x; __s64 y; } a;", "type u: kind 5 not understood"),
        ("enum answer a; __u32 b;", "type answer: kind 6 not understood"),
        ("struct two { __u32 x; __u32 y; } a;", "type two: kind 4 not understood"),
        ("double a;", "type double: kind 16 not understood"),
        ("unsigned __int128 a;", "type unsigned __int128: of 16 bytes"),
        ("__u32 a[2][3];", "arrays of arrays, and of one element, are not understood"),
        ("__u8 a[2][3];", "arrays of arrays, and of one element, are not understood"),
        ("struct words { __u64 bits[2]; } a[2];", "arrays of arrays, and of one element"),
        ("__u64 a[1];", "arrays of arrays, and of one element, are not understood"),
    ],
)
def test_layout_that_python_would_guess(
    generate: Callable[[str], str], members: str, message: str
) -> None:
    text = f"""
        enum answer {{ ANSWER = 42 }};
        const volatile enum answer anchor;
        struct thing {{ {members} }};
        struct thing thing;
    """
    with pytest.raises(SystemExit) as refusal:
        generate(text)
    assert str(refusal.value).startswith("gen_abi: ")
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # clang drops an enum of which only the constants are used.
        ("enum answer { ANSWER = 42 }; struct thing { __u64 a[ANSWER]; }; struct thing t;",
         "answer"),
        ("enum answer { ANSWER = 42 }; const volatile enum answer anchor;"
         "struct thing { __u64 a; };", "thing"),
    ],
    ids=["enum", "struct"],
)  # fmt: skip
def test_type_that_the_compiler_drops(generate: Callable[[str], str], text: str, name: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        generate(text)
    assert str(refusal.value) == f"gen_abi: {name}: not in BTF (anchor it in ocihook.bpf.c)"


def test_object_without_btf(gen_abi: ModuleType) -> None:
    image = gen_abi.OBJECT.read_bytes().replace(b".BTF\0", b".btf\0")
    with pytest.raises(SystemExit, match=r"no section \.BTF \(build with -g\)"):
        gen_abi.elf_section(image, ".BTF")
