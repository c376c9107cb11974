# SPDX-License-Identifier: Apache-2.0
"""The policy in force: what the configuration file says, as it was checked and stored before.

Loaded where there is a configuration file. In step with that, what is stored is one small JSON
text; out of step, after an edit or a boot, whoever comes first makes it anew (``ocihook.config``).

A mistake in the file must not keep containers from starting: the policy from before it holds, or
else the defaults, and whoever comes is told.
"""

import posix as os
from _stat import S_ISREG

from ocihook import paths
from ocihook.errors import ConfigError, InputError
from ocihook.hook.json import parse_object
from ocihook.policy import FORMAT, Policy

MAX_STORED_BYTES = 1 << 20

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def in_force(
    config_file: str | None = None, policy_file: str | None = None
) -> tuple[Policy, ConfigError | None]:
    """Return the policy, and what is wrong with the file that it should be of.

    The defaults where there is no such file, and where somebody else than root may have written it.
    """
    config_file = config_file or paths.CONFIG_FILE
    policy_file = policy_file or paths.POLICY_FILE
    try:
        status = os.stat(config_file)
    except FileNotFoundError:
        return Policy(), None
    except OSError as error:
        return Policy(), _unreadable(config_file, error)
    doubt = distrust(status)
    if doubt:
        return Policy(), ConfigError(f"{config_file}: {doubt}", "not used; the defaults hold")
    stored, problem = _stored(policy_file)
    if stored is not None and stored.made_of == _identity(status):
        return stored.policy or Policy(), _as_error(stored.problem)
    policy, renewed = _renew(config_file, policy_file, stored.policy if stored else None)
    return policy, renewed or problem


class _Stored:
    """What is stored: the policy, of which state of the file, and what was wrong with that."""

    __slots__ = ("made_of", "policy", "problem")

    def __init__(self, document: dict[str, object]) -> None:
        """Take a document apart.

        Raises:
            InputError, LookupError: it is not as it is stored.
        """
        members = document["policy"]
        self.policy = None if members is None else Policy.of_members(members)
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
    timestamps), so there is none that keeps size and time.
    """
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _stored(path: str) -> tuple[_Stored | None, ConfigError | None]:
    """Return what is stored, None where it is of no use, and why it is not, if that is strange."""
    try:
        file = os.open(path, _READ | os.O_NOFOLLOW)
    except OSError:
        return None, None  # nothing is stored since the boot, or it is not for us to read
    try:
        doubt = distrust(os.fstat(file))
        if doubt:
            return None, ConfigError(f"{path}: {doubt}", "not used")
        document = parse_object(os.read(file, MAX_STORED_BYTES), path, InputError)
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
    config_file: str, policy_file: str, before: Policy | None
) -> tuple[Policy, ConfigError | None]:
    """Read the configuration file itself, and store what it says for the next one who comes."""
    from ocihook.config import compiling, source

    problem = ""
    holds = "the defaults hold" if before is None else "what it said before holds"
    try:
        file = os.open(config_file, _READ)
        try:
            # Of the open file, since another one may have been put in its place.
            status = os.fstat(file)
            doubt = distrust(status)
            if doubt:
                return Policy(), ConfigError(f"{config_file}: {doubt}", "not used")
            policy: Policy | None = compiling.policy_of(source.read(file, config_file), config_file)
        except ConfigError as error:
            policy = before
            problem = f"{error}; {holds}"
        finally:
            os.close(file)
    except OSError as error:
        return before or Policy(), _unreadable(config_file, error, holds)
    try:
        compiling.store(compiling.stored_text(policy, problem, _identity(status)), policy_file)
    except OSError:
        pass  # a full or read-only /run: the next one who comes reads the file again
    return policy or Policy(), _as_error(problem)


def _unreadable(path: str, error: OSError, holds: str = "the defaults hold") -> ConfigError:
    return ConfigError(f"{path}: {os.strerror(error.errno or 0).lower()}", holds)


def _as_error(problem: str) -> ConfigError | None:
    return ConfigError(problem) if problem else None
