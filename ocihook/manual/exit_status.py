# SPDX-License-Identifier: Apache-2.0
"""What the commands end with; the classes of errors behind it are in ``ocihook.errors``."""

from ocihook.manual.page import Term

EXIT_STATUS = (
    Term("0", "Done. The hook: also what failed, with one line on standard error."),
    Term("2", "Usage: no such command or option."),
    Term("65", "`EX_DATAERR`: malformed input (state, config.json, cpulist, annotation); an error "
         "that `validate` found. `doctor`: warnings, and nothing worse."),
    Term("66", "`EX_NOINPUT`: the container's cgroup cannot be had, or must not become a cell."),
    Term("69", "`EX_UNAVAILABLE`: no scheduler of ours runs, or none can run here. `doctor`: "
         "containers get no cells."),
    Term("70", "`EX_SOFTWARE`: the hook failed in a way that nobody foresaw. `ocihook` then ends "
         "with 1 and a traceback."),
    Term("71", "`EX_OSERR`: a system call failed."),
    Term("73", "`EX_CANTCREAT`: a file cannot be placed or removed, or is somebody else's."),
    Term("75", "`EX_TEMPFAIL`: every cell is taken, CPUs wished as its own are not free, or the "
         "hook's own deadline has passed."),
    Term("76", "`EX_PROTOCOL`: what is pinned was made by another build, or another version's "
         "scheduler runs."),
    Term("77", "`EX_NOPERM`: a system call failed for want of permission, or the configuration "
         "does not allow what was asked for. `doctor`: not all could be looked at."),
    Term("78", "`EX_CONFIG`: the configuration is malformed. `doctor`: that, or a hooks.d file or "
         "an engine's."),
)  # fmt: skip
