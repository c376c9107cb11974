# SPDX-License-Identifier: Apache-2.0
"""All about one cell, as lines for people: ``ocihook cells show``."""

from typing import Any

from ocihook.sched.waits import as_text

NS_PER_S = 1_000_000_000


def cell_pairs(cell: dict[str, Any]) -> list[tuple[str, str]]:
    """Return names and values for a document of ``list_cells``, in the order to be shown."""
    return [
        ("cell", f"{cell['cell']}, generation {cell['generation']}, {cell['state']}"),
        ("name", cell["name"]),
        *_whose(cell),
        ("tasks", str(cell["tasks"])),
        ("weight", str(cell["weight"])),
        ("cpus", cell["cpus"]),
        ("cpuset", cell["cpuset"] or ""),
        ("exec cpus", cell["exec_cpus"] or ""),
        ("own cpus", _own(cell)),
        ("borrows", "idle CPUs of others" if cell["borrow"] else "no"),
        ("quota", _quota(cell["quota"])),
        ("run", f"{_seconds(cell['run_ns'])}, {_times(cell['nr_runs'])}"),
        *((f"  cpu {cpu}", _seconds(ns)) for cpu, ns in cell["run_ns_by_cpu"].items()),
        ("borrowed", _seconds(cell["borrowed_ns"])),
        ("lent", _seconds(cell["lent_ns"])),
        ("waited", _seconds(cell["wait_ns"])),
        ("wake-ups", _wake_ups(cell)),
        ("preempted", _times(cell["nr_preempted"])),
        ("throttled", _throttled(cell)),
        ("narrow", _times(cell["nr_narrow"])),
        ("fallbacks", _times(cell["nr_fallbacks"])),
    ]


def _throttled(cell: dict[str, Any]) -> str:
    periods = f"{cell['nr_throttled']} of {cell['nr_periods']} periods"
    return f"{_seconds(cell['throttled_ns'])}, {periods}"


def _whose(cell: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    for part in cell["members"] or [cell]:
        lines.append(("container", part["container"]))
        lines.append(("cgroup", part["cgroup"] or "(gone)"))
    return lines


def _own(cell: dict[str, Any]) -> str:
    if not cell["own_cpus"]:
        return ""
    said = f"{cell['own_cpus']}, {'lent while idle' if cell['lend'] else 'not lent'}"
    out_of_reach = cell["own_cpus_out_of_reach"]
    return f"{said}; not in its cpuset now: {out_of_reach}" if out_of_reach else said


def _quota(quota: dict[str, int] | None) -> str:
    if quota is None:
        return ""
    percent = quota["quota_us"] * 100 / quota["period_us"]
    text = f"{percent:g}% of a CPU: {quota['quota_us']} us in {quota['period_us']} us"
    return f"{text}, burst {quota['burst_us']} us" if quota["burst_us"] else text


def _wake_ups(cell: dict[str, Any]) -> str:
    if not cell["nr_waits"]:
        return "0"
    shown = (f"p{percent} {as_text(cell['waits'], percent)}" for percent in (50, 99))
    return f"{cell['nr_waits']}, then waited {', '.join(shown)}"


def _seconds(ns: int) -> str:
    return f"{ns / NS_PER_S:.3f} s"


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"
