# SPDX-License-Identifier: Apache-2.0
"""The hook program: ``ocihook-hook STAGE``, with the container's state on standard input.

Exit status 0 unless the container is annotated ``org.ocihook/required=true``,
or the configuration says ``on_error = "refuse"``; then that of the error
(ocihook/errors.py). poststop always ends with 0: nothing
is left to protect, and crun and podman would only warn. What fails is one line
on standard error, which runc and podman show, and a record in the journal,
since crun and youki show nothing.
"""

import posix as os

from ocihook import paths
from ocihook.errors import OcihookError, SystemCallError
from ocihook.hook import process
from ocihook.hook.annotations import is_required
from ocihook.hook.stages import STAGES
from ocihook.hook.state import MAX_STATE_BYTES, ContainerState, parse
from ocihook.policy import Policy, strictest

_MAX_LINE_BYTES = 1024


def run(argv: list[str]) -> None:
    """Run, and end the process; the interpreter's own end would take another millisecond."""
    # Where not even an error can be told for want of memory, which may be the container's doing.
    status = 0 if argv[1:] == ["poststop"] else os.EX_OSERR
    try:
        status = main(argv)
    finally:
        os._exit(status)


def main(argv: list[str]) -> int:
    """Do what ``argv[1]`` names, and return the exit status. Raises nothing."""
    stage = argv[1] if len(argv) > 1 else ""
    state = None
    unknown = policy = strictest("start", paths.CONFIG_FILE)
    try:
        try:
            process.prepare()
            policy = _policy(stage)
            data = process.read_stdin(MAX_STATE_BYTES)
            if stage not in STAGES:
                # The state is not looked at: newer hook files may meet an older program, and no
                # container shall fail for that.
                raise OcihookError(f"unknown stage, nothing done (known: {', '.join(STAGES)})")
            state = parse(data)
            state.policy = policy
            STAGES[stage](state)
        finally:
            # Here and not below, so that a deadline that passes just now is one more error.
            process.finish()
        for note in state.notes:
            _tell(policy, stage, state, note, 0)
        return 0
    except OcihookError as error:
        problem = error
    except Exception as error:
        problem = _unexpected(error)
        # No memory even before the configuration was read, which may be the container's doing.
        unknown.on_error = "refuse"
    required = state is not None and is_required(state.annotations)
    closed = stage in STAGES and stage != "poststop" and policy.fails_closed(required)
    status = problem.exit_code if closed else 0
    _tell(policy, stage, state, problem, status)
    return status


def _policy(stage: str) -> Policy:
    """Return the policy in force, and tell where it is not the one that it should be."""
    try:
        os.stat(paths.CONFIG_FILE)
    except FileNotFoundError:
        return Policy()
    except OSError:
        pass  # what it says cannot be known
    problem: OcihookError | None
    try:
        from ocihook.hook import configured

        policy, problem = configured.in_force()
    except OcihookError:
        raise  # the deadline
    except Exception as error:
        # Standard input is to be read, whatever happens here. What a container may bring about
        # with its limits shall gain it nothing; an upgrade that we are in the midst of is not its
        # doing.
        policy = strictest("start" if _is_ours(error) else "refuse", paths.CONFIG_FILE)
        problem = _unexpected(error)
    if problem is not None:
        _tell(policy, stage, None, problem, 0)
    process.arm(policy.deadline_s)
    return policy


def _is_ours(error: Exception) -> bool:
    """Tell whether an error is one of a package that fits no more, and not want of memory.

    Python has many errors for that: a parser without memory finds a SyntaxError, say.
    """
    of_library = isinstance(error, ImportError) and (error.path or "").endswith(".so")
    return isinstance(error, ImportError | AttributeError) and not of_library


def _tell(
    policy: Policy, stage: str, state: ContainerState | None, problem: OcihookError, status: int
) -> None:
    """Report a problem, or at least that there is one. Raises nothing."""
    try:
        _report(policy, stage, state, problem, status)
    except Exception:  # out of memory, say: what becomes of the container is more than the words
        process.write_stderr(b"ocihook: failed, and cannot say why\n")


def _report(
    policy: Policy, stage: str, state: ContainerState | None, problem: OcihookError, status: int
) -> None:
    """Write one line to standard error, and the same with all its parts to the journal."""
    if not policy.logs("error" if status else "warning"):
        return
    parts = [stage or "(no stage)"]
    if state is not None:
        parts.append(f"container {state.id}")
    parts.append(str(problem))
    if state is not None and is_required(state.annotations) and not policy.required:
        parts[-1] += f"; required does not count: limits.required = false of {policy.file}"
    line = ": ".join(parts).encode("ascii", "backslashreplace")
    # What we quote comes from outside: no second line, no terminal escapes.
    line = bytes(byte if 32 <= byte < 127 else ord("?") for byte in line)
    if policy.stderr:
        process.write_stderr((b"ocihook: " + line)[:_MAX_LINE_BYTES] + b"\n")
    if not policy.journal:
        return
    from ocihook.hook import journal

    journal.send(
        [
            ("MESSAGE", line.decode()),
            ("MESSAGE_ID", journal.HOOK_FAILED),
            ("PRIORITY", journal.ERR if status else journal.WARNING),
            ("SYSLOG_IDENTIFIER", "ocihook"),
            ("OCIHOOK_STAGE", stage),
            ("OCIHOOK_ERROR", type(problem).__name__),
            ("OCIHOOK_STATUS", status),
            ("OCIHOOK_CONTAINER", state and state.id),
            ("OCIHOOK_BUNDLE", state and state.bundle),
            ("OCIHOOK_CELL", state and state.cell),
        ]
    )


def _unexpected(error: Exception) -> OcihookError:
    """Name what the system did not have for us, or an error of our own and where it came up."""
    if isinstance(error, OSError) and error.errno:
        return SystemCallError(str(error.filename or "a system call"), error.errno)
    if isinstance(error, MemoryError):
        return SystemCallError("memory", 12)  # ENOMEM, the same on every Linux architecture
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return OcihookError(
        f"internal error: {type(error).__name__}: {error} at {place}", "please report it"
    )
