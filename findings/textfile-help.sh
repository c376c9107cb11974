#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Two files for node_exporter's textfile collector, one metric name, a HELP text that is not the same.
#
# Expected: each file is valid, the labels differ, so both samples come out. Failing that, the collector's own
# alarm, node_textfile_scrape_error, is 1, and the file that was not taken has no node_textfile_mtime_seconds.
#
# What happens: the file that sorts first wins. The samples which the other has under that name are gone, its other
# metrics are there; the answer is 200, node_textfile_scrape_error is 0, node_scrape_collector_success is 1, and the
# losing file has a fresh node_textfile_mtime_seconds. Only the exporter's log has it, and, from the next scrape on,
# promhttp_metric_handler_errors_total, which --web.disable-exporter-metrics takes away.
#
# A second file without any HELP fares no better: the exporter makes up a HELP for it ("Metric read from ...") and then
# finds that its own invention is not the text of the first file. If neither has a HELP, both samples come out.
#
# Why it matters: one file a container, or one a version of a tool, is how batch jobs and runtimes hand metrics to
# node_exporter. Mend a typing error in one HELP text, and until each writer has been upgraded some containers have no
# samples; the usual alerts (scrape error, age of the file) stay quiet. So a HELP text is a part of the metric's name:
# never change it in place, and always write it.
#
# Versions: prometheus-node-exporter 1.5.0-1+b6 (Debian 12, amd64), prometheus-client 0.26.0.
# The project knows of both: issue 2317 (pull request 2962 of 2024 makes differing texts set the error metric) and
# issue 3052 (one file without HELP; open when this was written). Debian 12 has neither change.
# Last run: 2026-11-27.
#
# Seen:
#   differing: 200 {"a": 2} other=5 scrape_error=0 success=1 mtimes=a.prom,b.prom gathering_errors=1
#   missing:   200 {"a": 2} other=5 scrape_error=0 success=1 mtimes=a.prom,b.prom gathering_errors=1
#   same:      200 {"a": 2, "b": 3} other=5 scrape_error=0 success=1 mtimes=a.prom,b.prom gathering_errors=0
#   neither:   200 {"a": 2, "b": 3} other=5 scrape_error=0 success=1 mtimes=a.prom,b.prom gathering_errors=0
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

apt-get -qq download prometheus-node-exporter=1.5.0-1+b6 2>apt.log || {
    echo "prometheus-node-exporter 1.5.0-1+b6 cannot be had" >&2
    exit 75
}
dpkg -x prometheus-node-exporter_*.deb deb
python3 -m pip install -q --no-deps --target py prometheus-client==0.26.0 2>pip.log || {
    echo "prometheus-client 0.26.0 cannot be had" >&2
    exit 75
}
deb/usr/bin/prometheus-node-exporter --version 2>&1 | head -n 1

cat >try.py <<'P'
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families as parse

FIRST = "# HELP demo_cpus CPUs of the container.\n"
OTHER = "# HELP demo_cpus CPUs that the container has.\n"
CASES = {"differing": (FIRST, OTHER), "missing": (FIRST, ""), "same": (FIRST, FIRST), "neither": ("", "")}
LOST = '200 {"a": 2} other=5 scrape_error=0 success=1 mtimes=a.prom,b.prom gathering_errors=1'
BOTH = '200 {"a": 2, "b": 3} other=5 scrape_error=0 success=1 mtimes=a.prom,b.prom gathering_errors=0'
EXPECTED = {"differing": LOST, "missing": LOST, "same": BOTH, "neither": BOTH}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def scrape(url):
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, ""
        except OSError:
            time.sleep(0.1)
    sys.exit("node_exporter does not answer")


def run(name, helps):
    folder = pathlib.Path(name)
    folder.mkdir()
    for cell, help_text, value, more in (("a", helps[0], 2, ""), ("b", helps[1], 3, "demo_other 5\n")):
        text = f'{help_text}# TYPE demo_cpus gauge\ndemo_cpus{{id="{cell}"}} {value}\n{more}'
        assert [s.value for m in parse(text) for s in m.samples][0] == value  # each file alone is sound
        (folder / f"{cell}.prom").write_text(text)
    port = free_port()
    with open(f"{name}.log", "w") as log:
        exporter = subprocess.Popen(
            ["deb/usr/bin/prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}",
             "--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={name}"],
            stderr=log,
        )
        try:
            scrape(f"http://127.0.0.1:{port}/metrics")
            status, text = scrape(f"http://127.0.0.1:{port}/metrics")  # the second shows the errors of the first
        finally:
            exporter.terminate()
            exporter.wait()
    samples = [s for m in parse(text) for s in m.samples]

    def value(metric, **labels):
        return next((s.value for s in samples if s.name == metric and labels.items() <= s.labels.items()), None)

    cpus = {s.labels["id"]: s.value for s in samples if s.name == "demo_cpus"}
    mtimes = sorted(s.labels["file"].rpartition("/")[2] for s in samples if s.name == "node_textfile_mtime_seconds")
    seen = (
        f"{status} {json.dumps(cpus)} other={value('demo_other')} scrape_error={value('node_textfile_scrape_error')}"
        f" success={value('node_scrape_collector_success', collector='textfile')} mtimes={','.join(mtimes)}"
        f" gathering_errors={value('promhttp_metric_handler_errors_total', cause='gathering')}"
    )
    print(f"{name + ':':<10} {seen}")
    for line in pathlib.Path(f"{name}.log").read_text().splitlines():
        if "but should have" in line:
            print("    log:", line[line.index("collected metric"):])
            break
    return seen == EXPECTED[name]


sys.exit(0 if all([run(n, h) for n, h in CASES.items()]) else 1)
P
PYTHONPATH=py python3 try.py || {
    echo "the behaviour has changed" >&2
    exit 1
}
