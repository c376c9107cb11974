# SPDX-License-Identifier: Apache-2.0
"""Debian's node_exporter reads our metrics from its textfile directory."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse
from told_cells import ROWS

from ocihook.abi import SchedulerRecord
from ocihook.metrics.cells import cell_families
from ocihook.metrics.exposition import Family, Sample, histogram, render
from ocihook.metrics.scheduler import scheduler_families
from tests.vm import programs

TIMEOUT_S = 60
PUBLISHED = Path(__file__).parents[1] / "data" / "metrics" / "published.txt"
STATUS = {
    "state": "running", "scheduler": "ocihook", "kernel": "6.18.1", "abi": 2, "uptime_s": 9.0,
    "exit": {"kind": 1026, "reason": "runnable task stall"},
}  # fmt: skip

Scrape = Callable[[], dict[str, Metric]]


@pytest.fixture
def scrape(tmp_path: Path) -> Iterator[Scrape]:
    """Ask a node_exporter whose directory is `tmp_path`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    debian = programs.unpacked("prometheus-node-exporter")
    log = (tmp_path / "log").open("w")
    exporter = subprocess.Popen(
        [debian.find("prometheus-node-exporter"), f"--web.listen-address={address}",
         "--collector.disable-defaults", "--collector.textfile",
         f"--collector.textfile.directory={tmp_path}"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        env={**os.environ, "LD_LIBRARY_PATH": debian.library_path},
    )  # fmt: skip

    def families() -> dict[str, Metric]:
        give_up_s = time.monotonic() + TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                    return {each.name: each for each in parse(answer.read().decode())}
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError):
                    raise
                if time.monotonic() > give_up_s:
                    pytest.fail((tmp_path / "log").read_text())
                time.sleep(0.1)

    yield families
    exporter.terminate()
    exporter.wait()
    log.close()


def ours() -> list[Family]:
    return [*scheduler_families(STATUS, SchedulerRecord(), 1e6), *cell_families(ROWS)]


def of_every_version() -> list[Family]:
    """Return a sample of every metric that there has ever been, with a label of its own."""
    labels = {"by": "another version"}
    told = []
    for name, kind, about in (line.split(" ", 2) for line in PUBLISHED.read_text().splitlines()):
        samples = [Sample(labels, 1)] if kind != "histogram" else histogram(labels, [1], [], 1)
        told.append(Family(name, kind, about, samples))  # type: ignore[arg-type]
    return told


def samples(families: dict[str, Metric]) -> set[tuple[str, ...]]:
    """Return what is told below names of ours; labels that are empty are none to the exporter."""
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()) if value))
        for family in families.values()
        for sample in family.samples
        if family.name.startswith("ocihook_")
    }


def test_what_node_exporter_makes_of_our_file(tmp_path: Path, scrape: Scrape) -> None:
    text = render(ours())
    (tmp_path / "ocihook.prom").write_text(text)
    told = scrape()
    assert told["node_textfile_scrape_error"].samples[0].value == 0
    assert samples(told) == samples({each.name: each for each in parse(text)})

    # Another version's, with every text that was ever published: nothing is lost.
    other = render(of_every_version())
    (tmp_path / "another.prom").write_text(other)
    told = scrape()
    assert told["node_textfile_scrape_error"].samples[0].value == 0
    both = samples({each.name: each for each in parse(text)})
    both |= samples({each.name: each for each in parse(other)})
    assert samples(told) == both

    # What this is for: another text, and the exporter drops samples without a word.
    (tmp_path / "another.prom").write_text(other.replace("Weight of the cell", "The weight"))
    told = scrape()
    assert told["node_textfile_scrape_error"].samples[0].value == 0
    lost = both - samples(told)
    assert lost
    assert {each[0] for each in lost} == {"ocihook_cell_weight"}

    # A copy has the same samples once more: each is told once.
    (tmp_path / "another.prom").write_text(text)
    assert samples(scrape()) == samples({each.name: each for each in parse(text)})

    # And without the last newline, the file is gone.
    (tmp_path / "another.prom").unlink()
    (tmp_path / "ocihook.prom").write_text(text.removesuffix("\n"))
    told = scrape()
    assert told["node_textfile_scrape_error"].samples[0].value == 1
    assert samples(told) == set()
