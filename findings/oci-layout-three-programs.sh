#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# An OCI layout by umoci, by skopeo, and read with the opencontainers library.
#
# Expected: the Python library opencontainers, made of the specification's own
# types, loads what two of the everyday tools for OCI layouts write.
#
# What happens:
#  - a layout fresh from `umoci init` has `"manifests": null` in its index,
#    where the specification wants a list, which may be empty. skopeo puts an
#    image into it all the same; opencontainers refuses it, and refuses the
#    empty list as well ("Manifests is required").
#  - the manifest that umoci writes has no mediaType of its own, and
#    opencontainers loads it. skopeo writes the same image with the member
#    that the specification has said since 1.0.2 SHOULD be there, and
#    opencontainers refuses it: "mediaType is not a valid json attribute".
#  - it refuses by SystemExit, which `except Exception` does not catch: a
#    program that tries each manifest of a registry ends at the first one.
#
# Why it matters: which of two tools wrote an image decides whether it can be
# read, and a reader that has to be lenient in one place (null for a list) has
# to be so in another (a member it does not know).
#
# Versions: opencontainers 0.0.15 (PyPI); umoci 0.4.7+ds-3+b7, skopeo
#   1.9.3+ds1-1+b10 (Debian 12, with libgpgme11 and libassuan0)
# Last run: 2026-11-27
#
# Seen:
#   umoci init: {"schemaVersion": 2, "manifests": null} -> refused by SystemExit: Please provide a dictionary to load.
#   an empty list -> refused by SystemExit: Manifests is required.
#   umoci: index -> loaded
#   umoci: manifest with schemaVersion, config, layers -> loaded
#   skopeo: index -> loaded
#   skopeo: manifest with schemaVersion, mediaType, config, layers -> refused by SystemExit: mediaType is not a valid json attribute.
set -eu

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

pip install -q --target "$T/py" opencontainers==0.0.15 >"$T/log" 2>&1 ||
    gone "opencontainers 0.0.15"
for deb in umoci=0.4.7+ds-3+b7 skopeo=1.9.3+ds1-1+b10 \
    libgpgme11=1.18.0-3+deb12u1 libassuan0=2.5.5-5; do
    (cd "$T" && apt-get download -q "$deb") >"$T/log" 2>&1 || gone "Debian's $deb"
    dpkg -x "$T/${deb%%=*}"_*.deb "$T/deb"
done
tool() {
    name=$1
    shift
    HOME="$T" TMPDIR="$T" LD_LIBRARY_PATH=$(echo "$T"/deb/usr/lib/*-linux-gnu) \
        "$T/deb/usr/bin/$name" "$@" >"$T/log" 2>&1 || { cat "$T/log" >&2; exit 1; }
}

cat >"$T/ask.py" <<'E'
import contextlib
import io
import json
import pathlib
import sys
from opencontainers.image.v1 import Index, Manifest

def load(what, document):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            what().load(document)
        return "loaded"
    except Exception as err:
        return f"refused by {type(err).__name__}"
    except BaseException as err:
        return f"refused by {type(err).__name__}: {said.getvalue().splitlines()[0]}"

top = pathlib.Path(sys.argv[1])
fresh = json.loads((top / "fresh.json").read_text())
print("umoci init:", json.dumps(fresh), "->", load(Index, fresh))
print("an empty list ->", load(Index, dict(fresh, manifests=[])))
for name in ("umoci", "skopeo"):
    layout = top / name
    index = json.loads((layout / "index.json").read_text())
    digest = index["manifests"][0]["digest"].split(":")[1]
    manifest = json.loads((layout / "blobs/sha256" / digest).read_text())
    print(f"{name}: index ->", load(Index, index))
    print(f"{name}: manifest with", ", ".join(manifest), "->", load(Manifest, manifest))
E

echo hello >"$T/file"
tar -C "$T" -cf "$T/layer.tar" file
tool umoci init --layout "$T/umoci"
tool umoci init --layout "$T/skopeo"
cp "$T/umoci/index.json" "$T/fresh.json"
tool umoci new --image "$T/umoci:a"
tool umoci raw add-layer --image "$T/umoci:a" "$T/layer.tar"
# Over Docker's own format, so that skopeo writes the manifest itself.
tool skopeo --insecure-policy copy -f v2s2 "oci:$T/umoci:a" "dir:$T/docker"
tool skopeo --insecure-policy copy -f oci "dir:$T/docker" "oci:$T/skopeo:a"

cat >"$T/expected" <<'E'
umoci init: {"schemaVersion": 2, "manifests": null} -> refused by SystemExit: Please provide a dictionary to load.
an empty list -> refused by SystemExit: Manifests is required.
umoci: index -> loaded
umoci: manifest with schemaVersion, config, layers -> loaded
skopeo: index -> loaded
skopeo: manifest with schemaVersion, mediaType, config, layers -> refused by SystemExit: mediaType is not a valid json attribute.
E
PYTHONPATH="$T/py" python3 "$T/ask.py" "$T" >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
