#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# One Kubernetes quantity, five client libraries, up to three answers.
#
# Expected: text that Kubernetes' own parser takes means the same to every
# library that offers to read Kubernetes quantities.
#
# What happens: the metrics API reports CPU use in nanocores ("2375412n"), and
# "n" and "u" are in Kubernetes' grammar.
#  - lightkube refuses both suffixes, and refuses "1E3" and "+.5" besides; it
#    rounds "0.5m" up to a whole thousandth;
#  - k8s-resource-parser refuses both suffixes;
#  - kubernetes-resource-parser knows only whole "m": it reads 1500u, which is
#    a thousandth and a half of a core, as 1500 cores, "0.5m" as half a core
#    and "1k" as one core; for memory it reads "1.5Gi" as one byte, and
#    "966367641600m" (Kubernetes' own canonical text of 0.9Gi) as NaN;
#  - the official JavaScript client reads all of the CPU ones, yet cannot read
#    "1.5Gi": everything from k upwards goes through BigInt, so a fraction
#    raises a SyntaxError;
#  - the official Python client reads them all.
# The judge is kubectl, which parses with Kubernetes' own code and prints the
# canonical text; it needs no cluster for that.
#
# Why it matters: an autoscaler, a dashboard or a cost report built on one of
# these fails on the first sample of the metrics API, or is wrong by a factor
# of a million without a word.
#
# Versions: kubernetes 37.0.2, lightkube 1.0.1 (PyPI); @kubernetes/client-node
#   2.0.1, k8s-resource-parser 0.2.2, kubernetes-resource-parser 0.1.0 (npm);
#   kubernetes-client 1.20.5+really1.20.2-1.1+deb12u1 (Debian 12).
# Last run: 2026-11-27
#
# Seen:
#   what   text           kubectl        | kubernetes (py) | lightkube | client-node | k8s-resource-parser | kubernetes-resource-parser
#   cpu    2375412n       2375412n       | 0.002375412 | refused | 0.002375412 | refused | 2375412
#   cpu    1500u          1500u          | 0.0015 | refused | 0.0015 | refused | 1500
#   cpu    0.5m           500u           | 0.0005 | 0.001 | 0.0005 | 0.0005 | 0.5
#   cpu    1k             1k             | 1000 | 1000 | 1000 | 1000 | 1
#   cpu    1E3            1E3            | 1000 | refused | 1000 | 1000 | 1000
#   cpu    +.5            500m           | 0.5 | refused | 0.5 | 0.5 | 0.5
#   memory 1.5Gi          1536Mi         | 1610612736 | 1610612736 | refused | 1610612736 | 1
#   memory 966367641600m  966367641600m  | 966367641.6 | 966367641.6 | 966367641.6 | 966367641.6 | NaN
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

pip install -q --target "$T/py" kubernetes==37.0.2 lightkube==1.0.1 \
    >"$T/log" 2>&1 || gone "kubernetes 37.0.2 or lightkube 1.0.1"
npm install --silent --no-save --prefix "$T/js" @kubernetes/client-node@2.0.1 \
    k8s-resource-parser@0.2.2 kubernetes-resource-parser@0.1.0 \
    >"$T/log" 2>&1 || gone "one of the npm packages"
(cd "$T" && apt-get download -q \
    'kubernetes-client=1.20.5+really1.20.2-1.1+deb12u1') >"$T/log" 2>&1 ||
    gone "Debian's kubernetes-client 1.20.5+really1.20.2-1.1+deb12u1"
dpkg -x "$T"/kubernetes-client_*.deb "$T/deb"

cat >"$T/ask.py" <<'E'
import sys
from decimal import Decimal
from kubernetes.utils.quantity import parse_quantity as official
from lightkube.utils.quantity import parse_quantity as lightkube
def say(f, q):
    try:
        return format(Decimal(f(q)).normalize(), "f")
    except ValueError:
        return "refused"
print(say(official, sys.argv[1]), say(lightkube, sys.argv[1]))
E
cat >"$T/ask.mjs" <<'E'
import { createRequire } from 'node:module';
import { quantityToScalar } from './js/node_modules/@kubernetes/client-node/dist/util.js';
const need = createRequire(import.meta.url);
const k8s = need('./js/node_modules/k8s-resource-parser');
const kub = need('./js/node_modules/kubernetes-resource-parser');
const [kind, q] = process.argv.slice(2);
const say = (f) => {
  try { return String(f(q)); } catch { return 'refused'; }
};
console.log(say(quantityToScalar), say(k8s[kind + 'Parser']), say(kub[kind + 'Parser']));
E

ask() { # kind (cpu, memory), text
    canon=$(HOME="$T" KUBECONFIG=/dev/null "$T/deb/usr/bin/kubectl" \
        create quota q --hard="$1=$2" --dry-run=client \
        -o jsonpath="{.spec.hard.$1}")
    py=$(PYTHONPATH="$T/py" python3 "$T/ask.py" "$2")
    js=$(node "$T/ask.mjs" "$1" "$2")
    # shellcheck disable=SC2086
    printf '%-6s %-14s %-14s | %s | %s | %s | %s | %s\n' "$1" "$2" "$canon" $py $js
}

cat >"$T/expected" <<'E'
what   text           kubectl        | kubernetes (py) | lightkube | client-node | k8s-resource-parser | kubernetes-resource-parser
cpu    2375412n       2375412n       | 0.002375412 | refused | 0.002375412 | refused | 2375412
cpu    1500u          1500u          | 0.0015 | refused | 0.0015 | refused | 1500
cpu    0.5m           500u           | 0.0005 | 0.001 | 0.0005 | 0.0005 | 0.5
cpu    1k             1k             | 1000 | 1000 | 1000 | 1000 | 1
cpu    1E3            1E3            | 1000 | refused | 1000 | 1000 | 1000
cpu    +.5            500m           | 0.5 | refused | 0.5 | 0.5 | 0.5
memory 1.5Gi          1536Mi         | 1610612736 | 1610612736 | refused | 1610612736 | 1
memory 966367641600m  966367641600m  | 966367641.6 | 966367641.6 | 966367641.6 | 966367641.6 | NaN
E
{
    echo 'what   text           kubectl        | kubernetes (py) | lightkube | client-node | k8s-resource-parser | kubernetes-resource-parser'
    ask cpu 2375412n
    ask cpu 1500u
    ask cpu 0.5m
    ask cpu 1k
    ask cpu 1E3
    ask cpu +.5
    ask memory 1.5Gi
    ask memory 966367641600m
} >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
