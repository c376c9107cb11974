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
    from pathlib import Path

SELF = "/proc/self/mountinfo"

_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\"))
"""What the kernel writes in another way (fs/proc_namespace.c); of these the backslash goes last."""


class Mount:
    """A line of the table, as far as somebody asks for it.

    ``point`` is where it is mounted, ``root`` what of its file system stands there; ``device`` is
    "MAJOR:MINOR", ``options`` has those of the mount and those of the file system.
    """

    __slots__ = ("device", "id", "kind", "options", "parent", "point", "root")

    def __init__(self, line: str) -> None:
        """Take a line apart."""
        left, _, right = line.partition(" - ")
        self.id, self.parent, self.device, root, point, options = left.split(" ", 6)[:6]
        self.root, self.point = _unescape(root), _unescape(point)
        self.kind, _, rest = right.partition(" ")
        self.options = frozenset((*options.split(","), *rest.rpartition(" ")[2].split(",")))


class MountTable:
    """All mounts of a mount namespace, in the kernel's order."""

    __slots__ = ("_lines",)

    def __init__(self, text: str) -> None:
        """Remember the text; of thousands of lines a caller needs a few."""
        self._lines = [line for line in procfs.lines(text) if " - " in line]

    def of_kinds(self, *kinds: str) -> list[Mount]:
        """Return the mounts of some kinds of file system, covered ones included."""
        marks = [f" - {kind} " for kind in kinds]
        return [Mount(line) for line in self._lines if any(mark in line for mark in marks)]

    def reachable(self, kind: str) -> list[Mount]:
        """Return the mounts of a kind whose places lead to them."""
        found = []
        for mount in self.of_kinds(kind):
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
        ids: set[str] = set()
        on: dict[tuple[str, str], str] = {}
        for line in self._lines:
            number, parent, _, _, point, _ = line.split(" ", 5)
            ids.add(number)
            if _unescape(point) in steps:
                on[parent, _unescape(point)] = line
        return _walk(steps, ids, on)

    def covered_at(self, path: str, kind: str) -> Mount | None:
        """Return the mount of a kind at a path that another one covers; None if there is none."""
        seen = self.holding(path)
        for mount in self.of_kinds(kind):
            if mount.point == path and (seen is None or mount.id != seen.id):
                return mount
        return None


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


def _walk(steps: list[str], ids: set[str], on: dict[tuple[str, str], str]) -> Mount | None:
    """Go from mount to mount; `on` has the lines by parent and place."""
    # A root's parent is not listed, or it is its own (rootfs). In a chroot the mount that the walk
    # begins in may not be listed either; it is then the only parent without a line.
    first = {
        place: line
        for (parent, place), line in on.items()
        if parent not in ids or line.startswith(f"{parent} {parent} ")
    }
    current = Mount(first["/"]) if "/" in first else None
    for step in steps[1:]:  # a walk begins below what is mounted over the root
        line = first.get(step) if current is None else on.get((current.id, step))
        while line is not None:
            current = Mount(line)
            line = on.get((current.id, step))
    return current


def _unescape(field: str) -> str:
    if "\\" in field:
        for code, char in _ESCAPES:
            field = field.replace(code, char)
    return field
