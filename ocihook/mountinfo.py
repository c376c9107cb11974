# SPDX-License-Identifier: Apache-2.0
"""The mount table, /proc/PID/mountinfo (proc(5)): which mount a path leads to.

A mount covers all that was at its place before, mounts below that included, and these stay in the
table. So what counts is the walk that the kernel does (fs/namei.c, handle_mounts): at each part of
the path it goes on to the mount that stands on this place of the mount it is in. On the hook's
path.
"""

from ocihook import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SELF = "/proc/self/mountinfo"

_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\"))
"""What the kernel writes in another way (fs/proc_namespace.c); of these the backslash goes last."""


class Mount:
    """A line of the table, as far as it is asked for.

    ``point`` is where it is mounted, ``root`` what of its file system stands there; ``device`` is
    "MAJOR:MINOR", ``options`` has those of the mount and those of the file system.
    """

    __slots__ = ("device", "id", "kind", "options", "parent", "point", "root")

    def __init__(self, line: str) -> None:
        """Take a line apart.

        Raises:
            ValueError: it has too few fields, or a device that is none.
        """
        left, _, right = line.partition(" - ")
        self.id, self.parent, self.device, root, point, options = left.split(" ", 6)[:6]
        major, _, minor = self.device.partition(":")
        if not (major + minor).isdecimal() or not 0 < len(major) <= 4 or not 0 < len(minor) <= 7:
            raise ValueError(self.device)
        self.root, self.point = _unescape(root), _unescape(point)
        self.kind, _, rest = right.partition(" ")
        self.options = frozenset((*options.split(","), *rest.rpartition(" ")[2].split(",")))


class MountTable:
    """All mounts of a mount namespace, in the kernel's order."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Remember the text: of thousands of lines, a hook needs a few."""
        self._text = "\n" + text

    def of_kind(self, kind: str) -> list[Mount]:
        """Return the mounts of a kind of file system, covered ones included."""
        return [mount for mount in self._with(f" - {kind} ") if mount.kind == kind]

    def reachable(self, kind: str) -> list[Mount]:
        """Return the mounts of a kind whose places lead to them."""
        found = []
        for mount in self.of_kind(kind):
            seen = self.holding(mount.point)
            if seen is not None and seen.id == mount.id:
                found.append(mount)
        return found

    def at(self, path: str) -> Mount | None:
        """Return the mount whose root is seen at a path; None where the path is no mount point."""
        found = self.holding(path)
        return found if found is not None and found.point == path else None

    def holding(self, path: str) -> Mount | None:
        """Return the mount that a path without links leads to.

        None where the table does not have it, as in a chroot.
        """
        steps = _steps(path)
        # Options begin with "rw" or "ro": so the place "/" is told from the root of that name.
        there = [*self._with(" / r"), *(self._with(f" {_escape(steps[1])}") if steps[1:] else ())]
        on = {(mount.parent, mount.point): mount for mount in there if mount.point in steps}
        # A root's parent is not listed, or it is its own (rootfs). In a chroot the mount that the
        # walk begins in may not be listed either; it is then the only parent without a line.
        first = {
            mount.point: mount
            for mount in on.values()
            if mount.parent == mount.id or f"\n{mount.parent} " not in self._text
        }
        current = first.get("/")
        for step in steps[1:]:  # a walk begins below what is mounted over the root
            found = first.get(step) if current is None else on.get((current.id, step))
            while found is not None:
                current = found
                # Each once: ids are given away again, also while the table is being read.
                found = on.pop((current.id, step), None)
        return current

    def covered_at(self, path: str, kind: str) -> Mount | None:
        """Return the mount of a kind at a path that another one covers; None if there is none."""
        seen = self.holding(path)
        for mount in self.of_kind(kind):
            if mount.point == path and (seen is None or mount.id != seen.id):
                return mount
        return None

    def _with(self, part: str) -> "Iterator[Mount]":
        """Yield the mounts in whose lines a text is."""
        at = self._text.find(part)
        while at >= 0:
            end = self._text.find("\n", at)
            end = len(self._text) if end < 0 else end
            try:
                yield Mount(self._text[self._text.rfind("\n", 0, at) + 1 : end])
            except ValueError:
                pass  # no line of the kernel's; programs that play /proc may write such ones
            at = self._text.find(part, end)


def read(path: "str | Path" = SELF) -> MountTable:
    """Read the table of a mount namespace.

    Raises:
        OSError: it cannot be read.
    """
    return MountTable(procfs.read(path))


def _steps(path: str) -> list[str]:
    """Return the directories on the way to a path, and the path: the places for a mount."""
    steps = ["/"]
    for part in path.split("/"):
        if part:
            steps.append(f"{steps[-1].rstrip('/')}/{part}")
    return steps


def _escape(path: str) -> str:
    for code, char in reversed(_ESCAPES):
        if char != "#":  # never escaped in a path
            path = path.replace(char, code)
    return path


def _unescape(field: str) -> str:
    if "\\" in field:
        for code, char in _ESCAPES:
            field = field.replace(code, char)
    return field
