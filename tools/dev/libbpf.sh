# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
# libbpf 1.4 or newer as an archive that can be linked into an extension module, for setup.py.
# Bookworm has 1.1. The archives in Debian's packages cannot be used whatever their version: they
# are not position independent ("recompile with -fPIC"). So it is built from trixie's source, once,
# into the cache; the machine is not touched.

# A directory with include/ and lib/libbpf.a.
OCIHOOK_LIBBPF_PREFIX=$here/build/libbpf
export OCIHOOK_LIBBPF_PREFIX

build_libbpf() {
    source=$("$python" -B -m tests.vm source trixie libbpf) || return
    recipe=$(printf '%s\n' "$source" | cat - tools/dev/libbpf.sh | sha256sum | cut -c1-16)
    prefix=$cache/libbpf/$recipe
    mkdir -p "$cache/libbpf" "$cache/lock" build
    (
        flock 8
        [ ! -d "$prefix" ] || exit 0
        rm -rf "$prefix.new"
        mkdir "$prefix.new"
        # Its own names are hidden: another libbpf in the process must not be mixed up with this
        # one.
        make -C "$source/src" -j"$(nproc)" install \
            BUILD_STATIC_ONLY=1 OBJDIR="$prefix.new/obj" DESTDIR="$prefix.new" PREFIX= LIBDIR=/lib \
            CFLAGS='-O2 -g -fPIC -fvisibility=hidden -DLIBBPF_API=' || exit
        rm -rf "$prefix.new/obj"
        mv "$prefix.new" "$prefix"
    ) 8>"$cache/lock/libbpf" || return
    ln -sfn "$prefix" build/libbpf
}

prepare_libbpf() {
    [ -e build/libbpf/lib/libbpf.a ] || step "building libbpf from Debian's source" build_libbpf
}
