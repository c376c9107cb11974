# SPDX-License-Identifier: Apache-2.0
"""ocihook-hook(8): the program that runtimes call, and the annotations that it reads."""

from ocihook import paths
from ocihook.abi import OCIHOOK_NAME_BYTES, OCIHOOK_WEIGHT_MAX, OCIHOOK_WEIGHT_MIN
from ocihook.hook import annotations
from ocihook.hook.process import DEADLINE_S
from ocihook.manual.page import Heading, Listing, Page, Paragraph, Part, Term, Terms

NAME = "ocihook-hook"

STAGES = (
    Term("createRuntime", "Makes the cell: the container's process is in its cgroup by then, and "
         "has not run."),
    Term("poststart", "Updates the cell with what the runtime has set since, or makes it now."),
    Term("poststop", "Releases the cell. Nothing to release is no error. Always ends with 0."),
)  # fmt: skip

ANNOTATIONS = (
    Term(annotations.CELL, f"A name of 1 to {OCIHOOK_NAME_BYTES - 1} of `A-Z a-z 0-9 . _ -`: all "
         "containers that give it below one parent cgroup share one cell. "
         f"`{annotations.OFF}`: no cell, the host's is used. Without it: a cell of its own, called "
         "by 12 characters of the id."),
    Term(annotations.WEIGHT, f"{OCIHOOK_WEIGHT_MIN} to {OCIHOOK_WEIGHT_MAX}, in the scale of "
         "`cpu.weight`. Without it: the cgroup's `cpu.weight`, else from `cpu.shares`, else 100."),
    Term(annotations.CPUS, "CPUs of its own: how many (`2`), or which (`2-3`; a single one is "
         "`4-4`). Without it: none."),
    Term(annotations.LEND, "`true`: others may use its own CPUs while they are idle; `false`. "
         "Without it: `true`."),
    Term(annotations.BORROW, "`true`: it uses idle CPUs that are others' own; `false`. Without it: "
         "`true`."),
    Term(annotations.REQUIRED, "`true`: the container does not start without its cell and all that "
         "it wishes; `false`. Without it: `false`."),
)  # fmt: skip

_FILES = (
    Term(paths.HOOK_PROGRAM, "The program."),
    Term(f"{paths.HOOKS_DIR}/ocihook-STAGE.json", "What podman and CRI-O run it by."),
    Term(paths.CONFIG_FILE, "The configuration; see `ocihook.toml(5)`."),
    Term(paths.PIN_DIR, "The pinned programs that it runs, of this version's ABI."),
)

_PARTS: tuple[Part, ...] = (
    Heading("SYNOPSIS"),
    Listing(("ocihook-hook STAGE <STATE",)),
    Heading("DESCRIPTION"),
    Paragraph("OCI runtimes run this program when a container is made, starts and has ended, as "
              "its `config.json` says, or the files of hooks.d from which engines make that. It "
              "reads the container's state from standard input and makes a cell for its cgroup in "
              "the scheduler that `ocihook scheduler start` has loaded."),
    Paragraph("By default a container starts, whatever fails: that is one line on standard error "
              "and a record in the journal (`journalctl -t ocihook`), and the exit status is 0. "
              f"The hook gives up by itself after {DEADLINE_S} s, before the runtime does. It "
              "starts no other program, and writes nothing to standard output."),
    Heading("STAGES"),
    Terms(STAGES),
    Heading("ANNOTATIONS"),
    Paragraph("Whoever starts the container writes them; what they may ask for is limited by the "
              "configuration, by default to what the cgroup has, or less. One that is refused, or "
              "malformed, leaves a cell as the cgroup says. Any other name below `org.ocihook/` "
              "is an error."),
    Terms(ANNOTATIONS),
    Heading("EXIT STATUS"),
    Paragraph("0, unless the container is `required` or the configuration says "
              '`on_error = "refuse"`; then what `ocihook(1)` lists, and the runtime stops the '
              "container."),
    Heading("FILES"),
    Terms(_FILES),
    Heading("SEE ALSO"),
    Paragraph("`ocihook(1)`, `ocihook-install(1)`, `ocihook.toml(5)`, `oci-hooks(5)`"),
)  # fmt: skip


def page() -> Page:
    """Return the page."""
    return Page(NAME, 8, "make a cell for a container, as a hook of its runtime", _PARTS)
