# SPDX-License-Identifier: Apache-2.0
"""Make the policy of a configuration file, and store it as the hook reads it."""

import errno
import os

from ocihook.config import source
from ocihook.config.check import dotted, findings, right, value
from ocihook.config.keys import KEYS
from ocihook.errors import ConfigError
from ocihook.policy import FORMAT, LIMITS, Policy


def problems(document: dict[str, object], text: str, path: str) -> list[str]:
    """Return all that is wrong with the document of the TOML `text` of the file `path`.

    Each is a line that begins with the file's name and, where it is known, the number of the line.
    """
    found = sorted(
        (source.line_of(text, place), dotted(place), problem)
        for place, problem in findings(document)
    )
    return [
        f"{path}{f':{line}' if line else ''}: {place}: {problem}" for line, place, problem in found
    ]


def policy_of(text: str, path: str) -> Policy:
    """Return the policy that the TOML `text` of the file `path` says.

    Raises:
        ConfigError: something is wrong with it; the message has the first that is, and its line.
    """
    document = source.parse(text, path)
    found = problems(document, text, path)
    if found:
        more = f", and {len(found) - 1} more" if found[1:] else ""
        raise ConfigError(found[0] + more, source.HINT)
    members = {key.member: value(document, key) for key in KEYS}
    written = [name for name in LIMITS if name in right(document)]
    return Policy(**members, file=path, written=written)  # type: ignore[arg-type]  # checked above


def what_is_right(text: str, path: str) -> Policy:
    """Return the policy of a file with mistakes: the keys that are right, and the limits unknown
    that are not among them. What is misspelt may have been any of them."""
    try:
        members = right(source.parse(text, path))
    except ConfigError:
        members = {}
    written = [name for name in LIMITS if name in members]
    unknown = [name for name in LIMITS if name not in members]
    return Policy(**members, file=path, written=written, unknown=unknown)  # type: ignore[arg-type]


def stored_text(policy: Policy, problem: str, made_of: list[int]) -> bytes:
    """Return what is stored: the policy, and of which file it was made.

    `problem` is what is wrong with that file, and the policy then the last one before it, or what
    is right in it: a file that is broken is looked at once, too.
    """
    import json

    document = {
        "format": FORMAT, "made_of": made_of, "problem": problem, "policy": policy.members(),
    }  # fmt: skip
    return (json.dumps(document) + "\n").encode()


def store(text: bytes, path: str) -> None:
    """Put `text` into the file `path` in one step, mode 0600; make its directory, mode 0755.

    Raises:
        OSError: it cannot be; nothing is left behind.
    """
    directory = os.path.dirname(path)
    try:
        os.mkdir(directory)
        # Whatever the umask is; not for root alone, since the agent's socket is to be there, too.
        os.chmod(directory, 0o755)  # noqa: S103
    except FileExistsError:
        pass
    # Of several hooks at once each has a file of its own; the last rename wins, with the same text.
    temporary = f"{path}.{os.getpid()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o600)
    try:
        try:
            # Short where the disk is full, or the container's RLIMIT_FSIZE, which crun hands over.
            if os.write(file, text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
