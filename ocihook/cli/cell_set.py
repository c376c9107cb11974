# SPDX-License-Identifier: Apache-2.0
"""``ocihook cells set``: change a live cell."""

from typing import Any

import typer

from ocihook import cpulist
from ocihook.cell import CellSpec
from ocihook.cli import config, output
from ocihook.errors import PolicyError
from ocihook.limits import NS_PER_US
from ocihook.policy import Policy
from ocihook.sched.cell_set import Outcome, change_cell
from ocihook.sched.change import Change, parse_cpus, parse_quota


def set_cell(
    which: str = typer.Argument(help="A cell's number or name, or the beginning of a container id"),
    weight: int | None = typer.Option(None, help="In the scale of cpu.weight, 1 to 10000."),
    cpus: str | None = typer.Option(
        None, metavar="N|LIST|none", help="Own CPUs: how many, or which (one is written 4-4)."
    ),
    quota: str | None = typer.Option(
        None, metavar="N%|QUOTA/PERIOD|max", help="In percent of a CPU, or microseconds."
    ),
    burst: int | None = typer.Option(None, help="Microseconds, up to the quota."),
    lend: bool | None = typer.Option(
        None, "--lend/--no-lend", help="Whether others may use its own CPUs while they are idle."
    ),
    borrow: bool | None = typer.Option(
        None, "--borrow/--no-borrow", help="Whether it uses idle CPUs that are others' own."
    ),
    force: bool = typer.Option(False, help="Go past the limits of the configuration."),
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON (schemas/cell-change.schema.json)."
    ),
) -> None:
    """Change a live cell, at once and for the next start of the scheduler.

    A weight or quota that is set here stays, whatever is written to the cgroup's files later.
    """
    change = Change(
        weight=weight,
        cpus=None if cpus is None else parse_cpus(cpus),
        quota_us=None if quota is None else parse_quota(quota),
        burst_us=burst,
        lend=lend,
        borrow=borrow,
    )
    if change == Change():
        raise typer.BadParameter("nothing to change; see: ocihook cells set --help")
    given_out = 0
    if not force:
        policy = config.in_force().of_commands()
        _limit(change, policy)
        given_out = policy.own_cpus_mask()
    outcome = change_cell(which, change, given_out=given_out)
    for warning in outcome.warnings:
        output.complain(warning)
    if as_json:
        output.show_json(_document(outcome))
    else:
        output.say(f"cell {outcome.slot}: {_describe(outcome.spec, change)}")


def _limit(change: Change, policy: Policy) -> None:
    try:
        if change.weight is not None:
            policy.check_weight(change.weight, "weight")
        if change.cpus is not None:
            policy.check_own_cpus(*change.cpus, "own CPUs")
        policy.check_switches(change.lend is not False, change.borrow is not False, "")
    except PolicyError as error:
        error.hint = "--force goes past it"
        raise


def _document(outcome: Outcome) -> dict[str, Any]:
    spec = outcome.spec
    quota = {
        "quota_us": spec.quota_ns // NS_PER_US,
        "period_us": spec.period_ns // NS_PER_US,
        "burst_us": spec.burst_ns // NS_PER_US,
    }
    return {
        "cell": outcome.slot,
        "name": spec.name,
        "weight": spec.weight,
        "own_cpus": cpulist.format(spec.own),
        "quota": quota if spec.quota_ns else None,
        "lend": spec.lend,
        "borrow": spec.borrow,
        "warnings": outcome.warnings,
    }


def _describe(spec: CellSpec, change: Change) -> str:
    parts = []
    if change.weight is not None:
        parts.append(f"weight {spec.weight}")
    if change.cpus is not None:
        parts.append(f"own CPUs {cpulist.format(spec.own) or 'none'}")
    if change.quota_us is not None or change.burst_us is not None:
        parts.append(_quota(spec))
    if change.lend is not None:
        parts.append("lends" if spec.lend else "does not lend")
    if change.borrow is not None:
        parts.append("borrows" if spec.borrow else "does not borrow")
    return ", ".join(parts)


def _quota(spec: CellSpec) -> str:
    if not spec.quota_ns:
        return "no quota"
    text = f"quota {spec.quota_ns // NS_PER_US} us of {spec.period_ns // NS_PER_US} us"
    return f"{text}, burst {spec.burst_ns // NS_PER_US} us" if spec.burst_ns else text


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``cells``."""
    app.command("set")(set_cell)
