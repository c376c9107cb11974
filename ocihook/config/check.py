# SPDX-License-Identifier: Apache-2.0
"""Say what is wrong with a configuration. Pure: the document is what ``tomllib`` makes of it.

By hand, since the hook calls it, too; tests/unit/config/test_check.py lets the JSON Schema judge
the same documents and wants the same verdict.
"""

from ocihook.config.keys import EXCLUDE, KEYS, Finding, Key

Section = dict[str, object]

_SHOWN_CHARS = 64

_SECTIONS = {
    (): ("enrol", "limits", "host", "hook", "log"),
    ("enrol",): (*(key.name for key in KEYS if key.section == "enrol"), "exclude"),
} | {
    tuple(name.split(".")): tuple(key.name for key in KEYS if key.section == name)
    for name in (EXCLUDE, "limits", "host", "hook", "log")
}
"""What may stand in each table, the top included."""


def findings(document: Section) -> list[Finding]:
    """Return all that is wrong, form first: pairs of a place and a sentence."""
    found = [finding for path in _SECTIONS for finding in _unknown(document, path)]
    for key in KEYS:
        value = _at(document, key.path)
        if value is not None:
            found += [((*key.path, *where), problem) for where, problem in key.form(value)]
    return found or _sense(document)


def value(document: Section, key: Key) -> object:
    """Return what a document without findings says of `key`, or its default."""
    said = _at(document, key.path)
    return key.default if said is None else said


def right(document: Section) -> dict[str, object]:
    """Return the values that are written and right, by the policy's members.

    Of two that do not go together neither is.
    """
    members = {}
    for key in KEYS:
        said = _at(document, key.path)
        if said is not None and not any(key.form(said)):
            members[key.member] = said
    if _sense(document):
        members.pop("weight_min", None)
        members.pop("weight_max", None)
    return members


def dotted(path: tuple[str | int, ...]) -> str:
    """Write a place as TOML does: ``enrol.cgroups[0]``, quoted where it has to be."""
    text = ""
    for part in path:
        if isinstance(part, str) and len(part) > _SHOWN_CHARS:
            part = part[:_SHOWN_CHARS] + "..."
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").replace("-", "").isalnum() and part.isascii():
            text += f".{part}"
        else:
            text += f'."{ascii(part)[1:-1]}"'
    return text.removeprefix(".")


def _unknown(document: Section, path: tuple[str, ...]) -> list[Finding]:
    """Return what is no table at `path`, or unknown in it."""
    table = _at(document, path) if path else document
    if table is None:
        return []
    if not isinstance(table, dict):
        return [(path, "not a table")]
    return [((*path, name), _hint(name, path)) for name in table if name not in _SECTIONS[path]]


def _hint(name: str, path: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    known = _SECTIONS[path]
    close = get_close_matches(name, known, n=1)
    if close:
        return f"unknown; did you mean {close[0]}?"
    for section, names in _SECTIONS.items():
        if name in names and section != path:
            where = f"in [{'.'.join(section)}]" if section else "at the top"
            return f"unknown here; it stands {where}"
    return f"unknown; known are {', '.join(known)}"


def _sense(document: Section) -> list[Finding]:
    """Return where values that are right by themselves do not go together."""
    lowest, highest = (_at(document, ("limits", name)) for name in ("weight_min", "weight_max"))
    if isinstance(lowest, int) and isinstance(highest, int) and lowest > highest:
        return [(("limits", "weight_min"), f"{lowest} is above limits.weight_max = {highest}")]
    return []


def _at(document: Section, path: tuple[str, ...]) -> object:
    """Return what stands at `path`; None where nothing does, or what is above is no table."""
    at: object = document
    for name in path:
        if not isinstance(at, dict) or name not in at:
            return None
        at = at[name]
    return at
