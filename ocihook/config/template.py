# SPDX-License-Identifier: Apache-2.0
"""Write the configuration as TOML: the file that ``ocihook install`` places, or what holds."""

import json
import textwrap
from itertools import groupby

from ocihook.config.keys import KEYS, Key
from ocihook.policy import Policy

_HEAD = """\
# The configuration of ocihook. Every key stands here with its default, commented out; without this
# file all is the same. The next hook that runs reads it anew after a change; who = "all" and the
# patterns of [enrol] take effect with `ocihook install`. Have it checked: ocihook config check
#
# Patterns: * is any characters but a slash, ** any at all, ? one that is not a slash. Some of them:
#   cgroups = ["/kubepods.slice/**", "/machine.slice/libpod-*.scope/**"]
#   annotations = { "io.kubernetes.pod.namespace" = "prod-*", "com.example/tier" = "*" }
"""

_WIDTH = 100


def default_text() -> str:
    """Return the file as it is installed: all that there is, commented out."""
    lines = [_HEAD]
    for section, keys in groupby(KEYS, key=_section):
        lines.append(f"[{section}]")
        for key in keys:
            purpose = f"{key.purpose} ({key.values.replace('`', '')})"
            lines += textwrap.wrap(purpose, _WIDTH, initial_indent="# ", subsequent_indent="# ")
            lines.append(f"#{key.name} = {toml(key.default)}")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def text_of(policy: Policy) -> str:
    """Return all keys with the values of `policy`; a comment tells which are not the defaults."""
    lines = []
    for section, keys in groupby(KEYS, key=_section):
        lines.append(f"[{section}]")
        for key in keys:
            value = getattr(policy, key.member)
            comment = "" if value == key.default else f"  # default: {toml(key.default)}"
            if key.member in policy.unknown:
                comment = "  # cannot be known, so no wish passes it"
            lines.append(f"{key.name} = {toml(value)}{comment}")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def document_of(policy: Policy) -> dict[str, object]:
    """Return all keys with the values of `policy`, by section, as schemas/config.schema.json has
    them."""
    document: dict[str, object] = {}
    for key in KEYS:
        table = document
        for name in key.path[:-1]:
            table = table.setdefault(name, {})  # type: ignore[assignment]
        table[key.name] = getattr(policy, key.member)
    return document


def toml(value: object) -> str:
    """Write a value of ours as TOML; its strings are those of JSON with escapes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml(key)} = {toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _section(key: Key) -> str:
    return key.section
