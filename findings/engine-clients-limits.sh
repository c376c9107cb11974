#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same limits by the docker command, docker-py and podman-py: one client
# leaves the CPU limit out of its request, two refuse sizes of the third.
#
# Expected: the Python clients, podman-py being laid out like docker-py, ask
# the engine for what the command asks for.
#
# What happens, with a stand-in for the engine that writes requests down:
#  - `--cpus 1.5` is NanoCpus 1500000000 on the wire, and nano_cpus=1500000000
#    the same with docker-py. podman-py lists nano_cpus among the parameters of
#    create() as a CPU quota in billionths of a CPU, takes it, and sends a
#    request with no CPU limit in it, neither a quota nor a period. Other
#    options that it cannot pass on (blkio_weight) raise a TypeError; this one
#    is on a list of words to pass over.
#  - `--memory 512MiB` and `--memory 1t` are plain to the command. docker-py
#    refuses both: it takes the B off "MiB" and stops at the i, and its units
#    end at g. podman-py refuses these and "1.5g" and "1gb", too.
#
# Why it matters: a service moved from docker-py to podman-py keeps running and
# has lost its CPU limit; and 512MiB is how `docker stats` itself writes sizes.
#
# Versions: docker 7.2.0, podman 5.8.0 (PyPI);
#   docker.io 20.10.24+dfsg1-1+deb12u1+b6 (Debian 12; the docker command only)
# Last run: 2026-11-27
#
# Seen:
#   docker    --cpus 1.5: NanoCpus 1500000000
#   docker-py nano_cpus=1500000000: NanoCpus 1500000000
#   podman-py nano_cpus=1500000000: no limit in the request
#   docker    --memory 512m: Memory 536870912
#   docker-py mem_limit='512m': Memory 536870912
#   podman-py mem_limit='512m': limit 536870912
#   docker    --memory 512MiB: Memory 536870912
#   docker-py mem_limit='512MiB': refused: DockerException
#   podman-py mem_limit='512MiB': refused: TypeError
#   docker    --memory 1t: Memory 1099511627776
#   docker-py mem_limit='1t': refused: DockerException
#   podman-py mem_limit='1t': refused: TypeError
#   docker    --memory 1.5g: Memory 1610612736
#   docker-py mem_limit='1.5g': Memory 1610612736
#   podman-py mem_limit='1.5g': refused: TypeError
#   docker    --memory 1gb: Memory 1073741824
#   docker-py mem_limit='1gb': Memory 1073741824
#   podman-py mem_limit='1gb': refused: TypeError
set -eu

T=$(mktemp -d)
engine=
trap '[ -z "$engine" ] || kill "$engine"; rm -rf "$T"' EXIT
gone() { echo "not to be had any more: $1" >&2; exit 75; }

pip install -q --target "$T/py" docker==7.2.0 podman==5.8.0 >"$T/log" 2>&1 ||
    gone "docker 7.2.0 or podman 5.8.0"
(cd "$T" && apt-get download -q 'docker.io=20.10.24+dfsg1-1+deb12u1+b6') \
    >"$T/log" 2>&1 || gone "Debian's docker.io 20.10.24+dfsg1-1+deb12u1+b6"
dpkg -x "$T"/docker.io_*.deb "$T/deb"

cat >"$T/engine.py" <<'E'
import http.server
import socketserver
import sys

class Engine(http.server.BaseHTTPRequestHandler):
    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    def do_GET(self):
        self.answer(200, b'{"Id": "abc"}')
    do_HEAD = do_GET
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with open(sys.argv[2], "wb") as out:
            out.write(body)
        self.answer(201, b'{"Id": "abc", "Warnings": []}')
    def log_message(self, *args):
        pass

class Server(socketserver.UnixStreamServer):
    def get_request(self):
        return super().get_request()[0], ("client", 0)

Server(sys.argv[1], Engine).serve_forever()
E
cat >"$T/ask.py" <<'E'
import json
import os
import subprocess
import sys
import docker
import podman

top = sys.argv[1]
url, body = f"unix://{top}/engine.sock", f"{top}/body"
env = dict(os.environ, DOCKER_HOST=url, DOCKER_CONFIG=f"{top}/none")
clients = {"docker-py": docker.DockerClient(base_url=url, version="1.41"),
           "podman-py": podman.PodmanClient(base_url=url)}

def limits(node, names=("NanoCpus", "quota", "period", "Memory", "limit")):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from limits(value)
        elif key in names and value:
            yield f"{key} {value}"

def show(who, asked, call):
    if os.path.exists(body):
        os.remove(body)
    try:
        call()
        with open(body) as sent:
            said = ", ".join(limits(json.load(sent))) or "no limit in the request"
    except (docker.errors.DockerException, TypeError) as err:
        said = f"refused: {type(err).__name__}"
    print(f"{who:9} {asked}: {said}")

def command(option, value):
    show("docker", f"{option} {value}", lambda: subprocess.run(
        [f"{top}/deb/usr/bin/docker", "create", option, value, "alpine"],
        env=env, check=True, stdout=subprocess.DEVNULL))

def python(**limit):
    [(key, value)] = limit.items()
    for who, client in clients.items():
        show(who, f"{key}={value!r}", lambda: client.containers.create("alpine", **limit))

command("--cpus", "1.5")
python(nano_cpus=1500000000)
for size in ("512m", "512MiB", "1t", "1.5g", "1gb"):
    command("--memory", size)
    python(mem_limit=size)
E
python3 "$T/engine.py" "$T/engine.sock" "$T/body" >"$T/engine.log" 2>&1 &
engine=$!
tries=0
until [ -S "$T/engine.sock" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat "$T/engine.log" >&2; exit 1; }
    sleep 0.1
done

cat >"$T/expected" <<'E'
docker    --cpus 1.5: NanoCpus 1500000000
docker-py nano_cpus=1500000000: NanoCpus 1500000000
podman-py nano_cpus=1500000000: no limit in the request
docker    --memory 512m: Memory 536870912
docker-py mem_limit='512m': Memory 536870912
podman-py mem_limit='512m': limit 536870912
docker    --memory 512MiB: Memory 536870912
docker-py mem_limit='512MiB': refused: DockerException
podman-py mem_limit='512MiB': refused: TypeError
docker    --memory 1t: Memory 1099511627776
docker-py mem_limit='1t': refused: DockerException
podman-py mem_limit='1t': refused: TypeError
docker    --memory 1.5g: Memory 1610612736
docker-py mem_limit='1.5g': Memory 1610612736
podman-py mem_limit='1.5g': refused: TypeError
docker    --memory 1gb: Memory 1073741824
docker-py mem_limit='1gb': Memory 1073741824
podman-py mem_limit='1gb': refused: TypeError
E
PYTHONPATH="$T/py" python3 "$T/ask.py" "$T" >"$T/seen"
cat "$T/seen"
if diff "$T/expected" "$T/seen"; then
    echo "as described"
else
    echo "the behaviour has changed" >&2
    exit 1
fi
