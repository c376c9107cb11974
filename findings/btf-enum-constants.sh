#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# An enum of which a BPF program uses only the constants is in the object's DWARF and not in its BTF.
#
# Expected: `clang -g -target bpf` writes both kinds of debug information from one source, so both have the types that
# the program uses; and an enum is used if its constants are.
#
# What happens: clang's BTF has an enum if a function's prototype, a global variable or a CO-RE relocation leads to its
# type. Constants in expressions, a local variable, a cast, and the parameter of a function that was inlined do not
# count, and a type behind a pointer member becomes a forward declaration. No warning. DWARF in the same object has them
# all: pahole makes a BTF of it in which all those enums are, with the same compiler and the same bytes.
#
# Why it matters: loaders and exporters read constants by name from the object (state numbers, flags, reasons of an
# exit), so as not to write them twice. That works until someone makes the member an unsigned int, or the optimizer
# inlines a helper: then the names are gone from the object, and from the header that `bpftool btf dump ... format c`
# makes of it. An enum that user space is to read needs an anchor, such as a global variable of its type.
#
# Versions: clang-19 19.1.7-3~deb12u1, bpftool 7.1.0+6.1.192-2, pahole 1.24-4.1 (Debian 12, amd64; about 40 MB).
# Last run: 2026-11-27.
#
# Seen:
#   enum            clang's BTF   BTF that pahole makes of the DWARF
#   by_constant     no            yes
#   by_local        no            yes
#   by_cast         no            yes
#   by_inlined      no            yes
#   by_pointer      no            yes
#   by_function     yes           yes
#   by_global       yes           yes
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

v=1:19.1.7-3~deb12u1
apt-get -qq download "clang-19=$v" "libllvm19=$v" "libclang-cpp19=$v" bpftool=7.1.0+6.1.192-2 pahole=1.24-4.1 \
    2>apt.log || {
    echo "clang-19 19.1.7-3~deb12u1, bpftool 7.1.0+6.1.192-2 or pahole 1.24-4.1 cannot be had" >&2
    exit 75
}
for deb in *.deb; do dpkg -x "$deb" deb; done
export LD_LIBRARY_PATH="$tmp/deb/usr/lib/llvm-19/lib:$tmp/deb/usr/lib/x86_64-linux-gnu"
clang=deb/usr/lib/llvm-19/bin/clang
bpftool=deb/usr/sbin/bpftool
pahole=deb/usr/bin/pahole
"$clang" --version | head -n 1
"$bpftool" version | head -n 1
"$pahole" --version

cat >demo.bpf.c <<'C'
enum by_constant { BY_CONSTANT = 7 };
enum by_local { BY_LOCAL = 7 };
enum by_cast { BY_CAST = 7 };
enum by_inlined { BY_INLINED = 7 };
enum by_pointer { BY_POINTER = 7 };
enum by_function { BY_FUNCTION = 7 };
enum by_global { BY_GLOBAL = 7 };

struct far { enum by_pointer p; };
struct config { unsigned int mode; struct far *far; };

struct config config;
enum by_global anchor;

static inline int inlined(enum by_inlined e) { return config.mode + e; }

__attribute__((noinline)) int function(enum by_function e) { return config.mode - e; }

__attribute__((section("socket"))) int demo(void *ctx)
{
	enum by_local local = config.mode;

	if (local == BY_LOCAL)
		return inlined(BY_INLINED);
	if ((enum by_cast)config.mode > 9)
		return function(BY_FUNCTION);
	return config.mode == 5 ? BY_CONSTANT : 0;
}
C
"$clang" -O2 -g -target bpf -c demo.bpf.c -o demo.bpf.o
"$bpftool" btf dump file demo.bpf.o >own
"$pahole" --btf_encode_detached=dwarf.btf demo.bpf.o
"$bpftool" btf dump file dwarf.btf >made

has() { grep -q "ENUM '$2'" "$1" && echo yes || echo no; }
{
    printf '%-15s %-13s %s\n' enum "clang's BTF" "BTF that pahole makes of the DWARF"
    for e in by_constant by_local by_cast by_inlined by_pointer by_function by_global; do
        printf '%-15s %-13s %s\n' "$e" "$(has own "$e")" "$(has made "$e")"
    done
} | tee seen
cat >expected <<'T'
enum            clang's BTF   BTF that pahole makes of the DWARF
by_constant     no            yes
by_local        no            yes
by_cast         no            yes
by_inlined      no            yes
by_pointer      no            yes
by_function     yes           yes
by_global       yes           yes
T
diff expected seen || {
    echo "the behaviour has changed" >&2
    exit 1
}
