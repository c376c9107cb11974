#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same container has an id under runc and none under crun.
#
# Expected: container-info, which finds the ids of container and pod in a
# process's /proc/PID/cgroup, finds them whichever of the usual runtimes
# started the container.
#
# What happens: on cgroup v2 with the systemd driver, crun puts the processes
# one level below the scope, into a cgroup that its manual page calls
# "container" unless an annotation says otherwise; runc puts them into the
# scope itself. container-info looks for the container in the last part of the
# path and for the pod in the last but one. One level further down both looks
# go wrong, and the answer has neither a container nor a pod. Only the tail
# of the path differs:
#   runc  .../kubepods-burstable-podUID.slice/crio-ID.scope
#   crun  .../kubepods-burstable-podUID.slice/crio-ID.scope/container
# With the annotation run.oci.systemd.subgroup set to nothing, the path under
# crun is that of runc again.
#
# Why it matters: a tracer that tags its samples with the container loses the
# tag on a node whose runtime was changed, and the change of runtime is the
# last place to look. Anything that walks cgroup paths has to look upwards for
# the scope.
#
# Versions: container-info 1.1.0 (npm); crun 1.8.1-1+deb12u1 (Debian 12, for
#   its manual page only)
# Last run: 2026-11-27
#
# Seen:
#   crun.1, subgroup: defaults to container on cgroup v2
#   runc, CRI-O: container found, pod found
#   crun, CRI-O: container undefined, pod undefined
#   runc, podman: container found, pod undefined
#   crun, podman: container undefined, pod undefined
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

npm install --silent --no-save --prefix "$T/js" container-info@1.1.0 \
    >"$T/log" 2>&1 || gone "container-info 1.1.0"
(cd "$T" && apt-get download -q crun=1.8.1-1+deb12u1) >"$T/log" 2>&1 ||
    gone "Debian's crun 1.8.1-1+deb12u1"
dpkg -x "$T"/crun_*.deb "$T/deb"

cat >"$T/ask.cjs" <<'E'
const { parse } = require('./js/node_modules/container-info');
const uid = '0f3d5b4e_6c1a_4e0b_9a55_2f1b7c8d9e01';
const id = 'c0ffee'.repeat(10) + '0123';
const pod = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid}.slice`;
for (const [what, path] of Object.entries({
  'runc, CRI-O': `${pod}/crio-${id}.scope`,
  'crun, CRI-O': `${pod}/crio-${id}.scope/container`,
  'runc, podman': `/machine.slice/libpod-${id}.scope`,
  'crun, podman': `/machine.slice/libpod-${id}.scope/container`,
})) {
  const { containerId, podId } = parse(`0::${path}\n`);
  console.log(`${what}: container ${containerId === id ? 'found' : containerId},`,
    `pod ${podId === uid ? 'found' : podId}`);
}
E
cat >"$T/expected" <<'E'
crun.1, subgroup: defaults to container on cgroup v2
runc, CRI-O: container found, pod found
crun, CRI-O: container undefined, pod undefined
runc, podman: container found, pod undefined
crun, podman: container undefined, pod undefined
E
{
    zcat "$T/deb/usr/share/man/man1/crun.1.gz" | tr '\n' ' ' |
        grep -oE 'defaults to[^.]*cgroup v2' | sed 's/\\f[A-Z]*//g; s/\\//g; s/^/crun.1, subgroup: /'
    node "$T/ask.cjs"
} >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
