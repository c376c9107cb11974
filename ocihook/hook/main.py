# SPDX-License-Identifier: Apache-2.0
"""The hook program: ``ocihook-hook STAGE``, with the container's state on standard input.

Exit status 0 unless the container is annotated ``org.ocihook/required=true``;
then that of the error (ocihook/errors.py). poststop always ends with 0: nothing
is left to protect, and crun and podman would only warn. What fails is one line
on standard error, which runc and podman show; so is each problem that was got over.
"""

import os

from ocihook.errors import OcihookError
from ocihook.hook import process
from ocihook.hook.annotations import is_required
from ocihook.hook.stages import STAGES
from ocihook.hook.state import MAX_STATE_BYTES, ContainerState, parse

_MAX_LINE_BYTES = 1024


def run(argv: list[str]) -> None:
    """Run, and end the process; the interpreter's own end would take another millisecond."""
    os._exit(main(argv))


def main(argv: list[str]) -> int:
    """Do what ``argv[1]`` names, and return the exit status. Raises nothing."""
    stage = argv[1] if len(argv) > 1 else ""
    state = None
    try:
        process.prepare()
        data = process.read_stdin(MAX_STATE_BYTES)
        if stage not in STAGES:
            # Not an error: newer hook files may meet an older program, and no
            # container shall fail for that.
            _complain(stage, state, f"unknown stage, nothing done (known: {', '.join(STAGES)})")
            return 0
        state = parse(data)
        STAGES[stage](state)
        process.finish()
        for note in state.notes:
            _complain(stage, state, str(note))
        return 0
    except OcihookError as error:
        process.finish()
        message, code = str(error), error.exit_code
    except Exception as error:
        process.finish()
        message, code = _describe(error), OcihookError.exit_code
    _complain(stage, state, message)
    counts = state is not None and stage != "poststop" and is_required(state.annotations)
    return code if counts else 0


def _complain(stage: str, state: ContainerState | None, message: str) -> None:
    """Write one line, in one piece: several hooks may share the file."""
    parts = ["ocihook", stage or "(no stage)"]
    if state is not None:
        parts.append(f"container {state.id}")
    parts.append(message)
    line = ": ".join(parts).encode("ascii", "backslashreplace")[:_MAX_LINE_BYTES]
    # What we quote comes from outside: no second line, no terminal escapes.
    printable = bytes(byte if 32 <= byte < 127 else ord("?") for byte in line)
    try:
        os.write(2, printable + b"\n")
    except OSError:
        pass  # nobody listens


def _describe(error: Exception) -> str:
    """Name an error that nobody expected, and where it came up."""
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return f"internal error: {type(error).__name__}: {error} at {place} (please report it)"
