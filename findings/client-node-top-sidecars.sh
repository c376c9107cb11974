#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The official JavaScript client's "top" does not see a pod's sidecars, and its
# total hangs on the order of the containers.
#
# Expected: topPods adds up what a pod asks for and uses. A native sidecar (an
# init container with restartPolicy: Always, stable since Kubernetes 1.33) runs
# as long as the pod; the scheduler adds its request to those of the ordinary
# containers, the metrics API reports its use, and `kubectl top pod` counts it.
#
# What happens, with a pod of an app (500m) and a sidecar (250m) that use 0.4
# and 0.2 of a core by the metrics API:
#  - topPods gives 0.4 used of 0.5 asked for, not 0.6 of 0.75; the sidecar is
#    not in the list of containers either, though the answer of the metrics
#    API that it was given has it;
#  - a request with a suffix from k upwards becomes a BigInt, and a sum of a
#    number and a BigInt is rounded to whole units first, so three containers
#    of 400m, 400m and 1k come to 1001 in one order and to 1000 in another.
#    (1k cores is a made-up size; the same sum serves for memory.)
#  - the pod's memory request of two containers with 100Mi each and a limit of
#    500Mi each is given as 600Mi: the running sum starts from the limits.
#    This one is known: the project has mended it since (pull request 3033).
#
# Why it matters: a right-sizing tool built on topPods sees less of each pod
# the more is moved into sidecars.
#
# Versions: @kubernetes/client-node 2.0.1 (npm)
# Last run: 2026-11-27
#
# Seen:
#   app 500m and sidecar 250m: asked 0.5 used 0.4 containers app
#   400m + 400m + 1k = 1001
#   1k + 400m + 400m = 1000
#   memory 100Mi + 100Mi = 600Mi
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

npm install --silent --no-save --prefix "$T/js" @kubernetes/client-node@2.0.1 \
    >"$T/log" 2>&1 || {
    echo "not to be had any more: @kubernetes/client-node 2.0.1" >&2
    exit 75
}
cat >"$T/ask.mjs" <<'E'
import { topPods } from './js/node_modules/@kubernetes/client-node/dist/top.js';

const asks = (name, requests, limits) => ({ name, resources: { requests, limits } });
async function top(containers, initContainers = [], use = {}) {
  const metadata = { name: 'pod' };
  const pods = { items: [{ metadata, spec: { containers, initContainers } }] };
  const metrics = {
    items: [{
      metadata,
      containers: Object.entries(use).map(([name, cpu]) => ({ name, usage: { cpu, memory: '0' } })),
    }],
  };
  const [pod] = await topPods(
    { listPodForAllNamespaces: async () => pods },
    { getPodMetrics: async () => metrics },
  );
  return pod;
}

const sidecar = { ...asks('proxy', { cpu: '250m' }), restartPolicy: 'Always' };
const pod = await top([asks('app', { cpu: '500m' })], [sidecar],
  { app: '400000000n', proxy: '200000000n' });
console.log('app 500m and sidecar 250m: asked', pod.CPU.RequestTotal, 'used', pod.CPU.CurrentUsage,
  'containers', pod.Containers.map((c) => c.Container).join(' '));
for (const cpus of [['400m', '400m', '1k'], ['1k', '400m', '400m']]) {
  const p = await top(cpus.map((cpu, i) => asks(`c${i}`, { cpu })));
  console.log(cpus.join(' + '), '=', String(p.CPU.RequestTotal));
}
const two = await top(['a', 'b'].map((n) => asks(n, { memory: '100Mi' }, { memory: '500Mi' })));
console.log('memory 100Mi + 100Mi =', `${two.Memory.RequestTotal / 1048576n}Mi`);
E
cat >"$T/expected" <<'E'
app 500m and sidecar 250m: asked 0.5 used 0.4 containers app
400m + 400m + 1k = 1001
1k + 400m + 400m = 1000
memory 100Mi + 100Mi = 600Mi
E
node "$T/ask.mjs" >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
