# SPDX-License-Identifier: Apache-2.0
"""``ocihook version``: one line, or with what it stands on."""

from typing import Any

import typer

from ocihook import __version__
from ocihook.cli import output
from ocihook.sched.versions import versions

_BTF = {
    "sound": "sound",
    "missing": "missing; boot a kernel built with CONFIG_DEBUG_INFO_BTF=y",
    "malformed": "malformed: {kfunc} has a hidden parameter; no sched_ext scheduler can load",
}


def version(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="With what it stands on."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON (schemas/version.schema.json)."),
) -> None:
    """Show the version; --verbose also ABI, libbpf, kernel, sched_ext, BTF and Python."""
    if as_json:
        output.show_json(versions())
    elif verbose:
        output.show_pairs(_pairs(versions()))
    else:
        output.say(f"ocihook {__version__}")


def _pairs(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("ocihook", f"{found['version']} in {found['package']}"),
        ("abi", str(found["abi"])),
        ("libbpf", found["libbpf"]),
        ("python", f"{found['python']}, {found['interpreter']}"),
        ("kernel", f"{found['kernel']} {found['machine']}"),
        ("sched_ext", _sched_ext(found["sched_ext"])),
        ("btf", _BTF[found["btf"]["verdict"]].format_map(found["btf"])),
    ]


def _sched_ext(found: dict[str, str | None] | None) -> str:
    if found is None:
        return "not in this kernel; boot one built with CONFIG_SCHED_CLASS_EXT=y"
    return f"{found['state']}: {found['scheduler']}" if found["scheduler"] else f"{found['state']}"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(version)
