#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A CPU request of 0.1 is above a limit of 100m, and K is written as a suffix.
#
# Expected: the official Python client's parse_quantity gives equal numbers for
# equal amounts, and what its format_quantity writes is a quantity.
#
# What happens:
#  - a manifest may say `cpu: 0.1` without quotes (Kubernetes takes it), and a
#    YAML reader hands that on as a float. parse_quantity takes floats, and
#    keeps all the digits of the binary one: 0.1 comes out as
#    0.1000000000000000055..., above the limit of 100m, and 0.7 as
#    0.69999999999999995..., below a minimum of 700m. The same text in quotes
#    is exact.
#  - format_quantity(2000, "K") writes "2K", and parse_quantity reads it back;
#    Kubernetes has only the small k and refuses "2K" (the capital is right
#    only in Ki).
# The judge is kubectl, which takes 0.1 and 100m to the same canonical text
# with Kubernetes' own code; it needs no cluster for that.
#
# Why it matters: an admission hook or a lint that compares request and limit
# refuses a good pod, but only for the values that have no exact binary form.
#
# Versions: kubernetes 37.0.2, PyYAML 6.0.4 (PyPI); kubernetes-client
#   1.20.5+really1.20.2-1.1+deb12u1 (Debian 12)
# Last run: 2026-11-27
#
# Seen:
#   cpu: 0.1 > 100m; in quotes: =
#   cpu: 0.25 = 250m; in quotes: =
#   cpu: 0.7 < 700m; in quotes: =
#   format_quantity(2000, K): 2K read back: 2000
#   kubectl: 0.1 is 100m
#   kubectl: 0.7 is 700m
#   kubectl: 2k is 2k
#   kubectl: 2K is error: unable to parse quantity's suffix
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

pip install -q --target "$T/py" kubernetes==37.0.2 PyYAML==6.0.4 \
    >"$T/log" 2>&1 || gone "kubernetes 37.0.2 or PyYAML 6.0.4"
(cd "$T" && apt-get download -q \
    'kubernetes-client=1.20.5+really1.20.2-1.1+deb12u1') >"$T/log" 2>&1 ||
    gone "Debian's kubernetes-client 1.20.5+really1.20.2-1.1+deb12u1"
dpkg -x "$T"/kubernetes-client_*.deb "$T/deb"

cat >"$T/ask.py" <<'E'
import yaml
from kubernetes.utils.quantity import format_quantity, parse_quantity

for number, milli in (("0.1", "100m"), ("0.25", "250m"), ("0.7", "700m")):
    pod = yaml.safe_load(f"plain: {number}\nquoted: '{number}'\nmilli: {milli}\n")
    plain, quoted, milli_value = (parse_quantity(v) for v in pod.values())
    sign = ">" if plain > milli_value else "<" if plain < milli_value else "="
    print(f"cpu: {number} {sign} {milli}; in quotes:", "=" if quoted == milli_value else "not =")
text = format_quantity(parse_quantity("2000"), "K")
print("format_quantity(2000, K):", text, "read back:", parse_quantity(text))
E
canonical() {
    HOME="$T" KUBECONFIG=/dev/null "$T/deb/usr/bin/kubectl" create quota q \
        --hard="cpu=$1" --dry-run=client -o jsonpath='{.spec.hard.cpu}' 2>&1 |
        tr '\n' ' ' | sed 's/ *$//'
}
cat >"$T/expected" <<'E'
cpu: 0.1 > 100m; in quotes: =
cpu: 0.25 = 250m; in quotes: =
cpu: 0.7 < 700m; in quotes: =
format_quantity(2000, K): 2K read back: 2000
kubectl: 0.1 is 100m
kubectl: 0.7 is 700m
kubectl: 2k is 2k
kubectl: 2K is error: unable to parse quantity's suffix
E
{
    PYTHONPATH="$T/py" python3 "$T/ask.py"
    for text in 0.1 0.7 2k 2K; do
        echo "kubectl: $text is $(canonical "$text")"
    done
} >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
