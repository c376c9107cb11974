# SPDX-License-Identifier: Apache-2.0
"""The policy in force: what the configuration file says, as it was checked and stored before.

Loaded where there is a configuration file. In step with that, what is stored is one small JSON
text; out of step, after an edit or a boot, whoever comes first makes it anew (``ocihook.config``).

A mistake in the file must not keep containers from starting, nor open what it was to close: the
policy from before it holds, or else what is right in it, and no wish counts that meets a limit
which cannot be known. Whoever comes is told.
"""

import errno
import posix as os
from _stat import S_ISREG

from ocihook import paths
from ocihook.errors import ConfigError, InputError
from ocihook.hook.json import parse_object
from ocihook.policy import FORMAT, Policy, strictest

MAX_STORED_BYTES = 1 << 20

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_WANT = (errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""What a container can bring about with its limits, which crun hands over."""

_BEFORE = "what it said before holds"
_RIGHT = "what is right in it counts, and wishes that the rest may limit are refused"
_NOTHING = "until that is mended no wish counts"


def in_force(
    config_file: str | None = None, policy_file: str | None = None
) -> tuple[Policy, ConfigError | None]:
    """Return the policy, and what is wrong with the file that it should be of.

    The defaults where there is no such file. Where there is one that is of no use, since somebody
    else than root may have written it, say: what was stored of it before, or the strictest policy.

    Raises:
        OSError: no memory, or no file numbers.
    """
    config_file = config_file or paths.CONFIG_FILE
    policy_file = policy_file or paths.POLICY_FILE
    try:
        status = os.stat(config_file)
    except FileNotFoundError:
        return Policy(), None
    except OSError as error:
        stored, _ = _stored(policy_file)
        return _without(config_file, _reason(error), stored)
    stored, problem = _stored(policy_file)
    if doubt := distrust(status):
        return _without(config_file, f"{doubt}; not used", stored)
    if stored is not None and stored.made_of == _identity(status):
        return stored.policy, _as_error(stored.problem)
    policy, renewed = _renew(config_file, policy_file, stored)
    return policy, renewed or problem


class _Stored:
    """What is stored: the policy, of which state of the file, and what was wrong with that.

    A policy with limits that are ``unknown`` is what was right in a file with mistakes.
    """

    __slots__ = ("made_of", "policy", "problem")

    def __init__(self, document: dict[str, object]) -> None:
        """Take a document apart.

        Raises:
            InputError, LookupError: it is not as it is stored.
        """
        self.policy = Policy.of_members(document["policy"])
        self.made_of = document["made_of"]
        problem = document["problem"]
        if type(problem) is not str:
            raise InputError("problem: of the wrong type")
        self.problem = problem


def distrust(status: os.stat_result) -> str:
    """Say why a file is not to be relied on; nothing where it is.

    What it says decides over every container, so root alone may have written it; or, where the
    hook runs as somebody else, that one.
    """
    if not S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_uid not in (0, os.geteuid()):
        return f"owned by uid {status.st_uid}, and not by root"
    if status.st_mode & 0o022:
        return f"writable by others than its owner (mode {status.st_mode & 0o7777:04o})"
    return ""


def _identity(status: os.stat_result) -> list[int]:
    """Return what tells one state of a file from another.

    Kernels since 6.13 give each change that somebody may have seen a time of its own (multigrain
    timestamps). Programs can set the time of the last write back, and not that of the last change.
    """
    return [
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    ]


def _stored(path: str) -> tuple[_Stored | None, ConfigError | None]:
    """Return what is stored, None where it is of no use, and why it is not, if that is strange."""
    try:
        file = os.open(path, _READ | os.O_NOFOLLOW)
    except OSError:
        return None, None  # nothing is stored since the boot, or it is not for us to read
    try:
        status = os.fstat(file)
        doubt = distrust(status)
        if doubt:
            return None, ConfigError(f"{path}: {doubt}", "not used")
        # No more than there is: a buffer of the largest size may be more than there is memory.
        size_bytes = min(status.st_size, MAX_STORED_BYTES)
        document = parse_object(os.read(file, size_bytes), path, InputError)
        if document.get("format") != FORMAT:
            return None, None  # of another version: it is made anew
        try:
            return _Stored(document), None
        except (InputError, LookupError) as error:
            why = error if isinstance(error, InputError) else f"{error.args[0]}: missing"
            return None, ConfigError(f"{path}: {why}", "not used")
    except InputError:
        return None, None  # torn: it is made anew
    finally:
        os.close(file)


def _renew(
    config_file: str, policy_file: str, stored: _Stored | None
) -> tuple[Policy, ConfigError | None]:
    """Read the configuration file itself, and store what it says for the next one who comes."""
    from ocihook.config import compiling, source

    before = _before(stored)
    problem = text = ""
    try:
        file = os.open(config_file, _READ)
        try:
            # Of the open file, since another one may have been put in its place.
            status = os.fstat(file)
            if doubt := distrust(status):
                return _without(config_file, f"{doubt}; not used", stored)
            text = source.read(file, config_file)
            policy = compiling.policy_of(text, config_file)
        except ConfigError as error:
            policy = before or compiling.what_is_right(text, config_file)
            problem = f"{error}; {_BEFORE if before else _RIGHT}"
        finally:
            os.close(file)
    except OSError as error:
        return _without(config_file, _reason(error), stored)
    try:
        compiling.store(compiling.stored_text(policy, problem, _identity(status)), policy_file)
    except OSError:
        pass  # a full or read-only /run: the next one who comes reads the file again
    return policy, _as_error(problem)


def _before(stored: _Stored | None) -> Policy | None:
    """Return what the file said before, when nothing was wrong with it."""
    return None if stored is None or stored.policy.unknown else stored.policy


def _without(path: str, why: str, stored: _Stored | None) -> tuple[Policy, ConfigError]:
    """Return what holds where the file itself is of no use."""
    before = _before(stored)
    holds = _NOTHING if before is None else _BEFORE
    return before or strictest("start", path), ConfigError(f"{path}: {why}", holds)


def _reason(error: OSError) -> str:
    """Say why the file cannot be read.

    Raises:
        OSError: there is nothing wrong with the file.
    """
    if error.errno in _WANT:
        raise error
    return os.strerror(error.errno or 0).lower()


def _as_error(problem: str) -> ConfigError | None:
    return ConfigError(problem) if problem else None
