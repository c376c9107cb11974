#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Of a key of containers.conf that is there in two cases podman takes one by chance.
#
# Expected: TOML's keys are case-sensitive (TOML 1.0.0, "Keys"), so `Hooks_Dir`
# is a key that podman does not know; or, since podman takes any case, the one
# that is exactly `hooks_dir`, or the later one, as of a file that is read later.
#
# What happens: either, from run to run. Mostly the later one, in 11 of 60 runs
# the other. No line says that there are two.
#
# Why it matters: with `hooks_dir` it decides by chance whether a container is
# started with its OCI hooks. A program that wants to know which directories
# podman reads cannot read the file, and asking podman is asking once.
#
# Versions: podman 4.3.1+ds1-8+deb12u1+b3 (Debian 12); 5.4.2 of Debian 13 did
#   the same, once in 12 runs
# Last run: 2026-11-28
#
# Seen:
#   exactly the key alone: [/a]
#   another case alone: [/b]
#   both: [/a] [/b]
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

chmod 755 "$T"
cd "$T"
for package in podman=4.3.1+ds1-8+deb12u1+b3 libsubid4=1:4.13+dfsg1-1+deb12u2 libgpgme11=1.18.0-3+deb12u1; do
    apt-get download "$package" >log 2>&1 || gone "$package"
done
for file in ./*.deb; do dpkg -x "$file" root; done

# The directories that podman takes for the usual ones, after so many runs.
asked() {
    printf '%b' "$2" >containers.conf
    for _ in $(seq "$1"); do
        HOME=$T CONTAINERS_CONF=$T/containers.conf LD_LIBRARY_PATH=$T/root/usr/lib/x86_64-linux-gnu \
            root/usr/bin/podman --help | grep -o 'OCI hooks directory path.*' | grep -o '\[/[ab]\]'
    done | sort -u | paste -sd ' '
}

{
    echo "exactly the key alone: $(asked 10 '[engine]\nhooks_dir = ["/a"]\n')"
    echo "another case alone: $(asked 10 '[engine]\nHooks_Dir = ["/b"]\n')"
    echo "both: $(asked 100 '[engine]\nhooks_dir = ["/a"]\nHooks_Dir = ["/b"]\n')"
} >seen
cat seen
cat >expected <<'E'
exactly the key alone: [/a]
another case alone: [/b]
both: [/a] [/b]
E
if diff expected seen; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
