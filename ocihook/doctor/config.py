# SPDX-License-Identifier: Apache-2.0
"""The administrator's configuration file: whether it is used, and what is wrong with it."""

import os
from collections.abc import Iterator

from ocihook.config import compiling, source
from ocihook.doctor.finding import Finding, Topic
from ocihook.doctor.host import Host, reason
from ocihook.errors import ConfigError
from ocihook.hook import configured
from ocihook.paths import CONFIG_FILE
from ocihook.policy import ANY_CPU, SCOPE_HOST, Policy

TOPIC = Topic("config")

MEND = "repair it: `ocihook config check` says all that is wrong"


def policy(host: Host) -> Policy:
    """Return the policy that the file says; the defaults where it says none that is right."""
    try:
        text = _text(host)
        return compiling.policy_of(text, CONFIG_FILE) if text is not None else Policy()
    except (ConfigError, OSError):
        return Policy()  # said by `check`


def check(host: Host) -> Iterator[Finding]:
    """Look at the configuration file, where there is one."""
    policy = Policy()
    try:
        text = _text(host)
        if text is not None:
            policy = compiling.policy_of(text, CONFIG_FILE)
    except PermissionError:
        yield TOPIC.skipped("file", f"{CONFIG_FILE}: permission denied", "run this command as root")
    except OSError as error:
        yield _broken(f"{CONFIG_FILE}: {reason(error)}", "put a file there, or nothing")
    except _Distrusted as error:
        yield _broken(
            f"{error.args[0]}; it is not used",
            f"chown root {CONFIG_FILE}; chmod 0644 {CONFIG_FILE}",
        )
    except ConfigError as error:
        yield _broken(f"{error.args[0]}; what it said before holds, or what is right in it", MEND)
    else:
        said = "not there, so the defaults hold" if text is None else "right"
        yield TOPIC.ok("file", f"{CONFIG_FILE}: {said}")
        yield from _limits(policy)


def _limits(policy: Policy) -> Iterator[Finding]:
    """Say by which limits one who may start containers can take what others need."""
    found = []
    if policy.own_cpus_max and policy.own_cpus == ANY_CPU:
        lends = ", lent to nobody while they are idle" if policy.lend_off else ""
        found.append(
            (
                f"own_cpus_max = {policy.own_cpus_max}, own_cpus = all: containers together may "
                f"own all CPUs but one core{lends}",
                "name the CPUs that may be given out: own_cpus",
            )
        )
    if policy.shared_change and policy.shared_scope == SCOPE_HOST and policy.shared_cells:
        found.append(
            (
                "shared_scope = host, shared_change = true: who gives the name of another's shared "
                "cell may change it",
                "narrow shared_scope, or shared_cells to names that nobody else gives",
            )
        )
    for evidence, mend in found:
        yield TOPIC.warning("limits", f"{CONFIG_FILE}: {evidence}", mend)
    if not found:
        yield TOPIC.ok("limits", "none lets one who starts containers take what others need")


class _Distrusted(ConfigError):
    """Raised where somebody else than root may have written the file, or it is none."""


def _text(host: Host) -> str | None:
    """Return the text of the file that the hook would use; None where there is none."""
    try:
        # Non-blocking, so that a FIFO in its place does not hang this command.
        file = os.open(host.path(CONFIG_FILE), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        doubt = configured.distrust(os.fstat(file))
        if doubt:
            raise _Distrusted(f"{CONFIG_FILE}: {doubt}")
        return source.read(file, CONFIG_FILE)
    finally:
        os.close(file)


def _broken(evidence: str, mend: str) -> Finding:
    return TOPIC.error("file", evidence, mend, os.EX_CONFIG)
