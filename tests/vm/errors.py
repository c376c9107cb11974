# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the rig, kept apart from what can go wrong in the guest's command.

RigError                 the rig cannot do what it was asked (os.EX_*)
├── Unavailable          a package, a kernel or a tool cannot be had (EX_UNAVAILABLE)
├── GuestTimeout         the guest did not finish in time (124, as timeout(1) has it)
│   └── HungGuest        a test that it announced did not end in its own time (123)
└── LostGuest            the guest died, or ended without saying how its command ended (125)
"""

from __future__ import annotations

import os


class RigError(Exception):
    """Say that the rig could not do its work: the message names the object and ends with a hint."""

    status: int = os.EX_SOFTWARE


class Usage(RigError):
    """Say that the rig was asked for what makes no sense, such as a directory that is not there."""

    status = os.EX_USAGE


class Unavailable(RigError):
    """Say that something the rig needs from outside (package, kernel, tool) is not to be had."""

    status = os.EX_UNAVAILABLE


class GuestTimeout(RigError):
    """Say that the guest was stopped as its time was up; nothing is known about its command."""

    status = 124

    def __init__(self, message: str, *, report: str) -> None:
        """Keep ``report``, the kernel's answer when it was asked, as a part of the message."""
        super().__init__(f"{message}; the kernel says:\n{report}".rstrip())
        self.report = report


class HungGuest(GuestTimeout):
    """Say that the guest was stopped as a test did not end in the time that it was given."""

    status = 123

    def __init__(self, test: str, *, report: str) -> None:
        """Name the ``test``, and keep the kernel's ``report``."""
        super().__init__(f"guest: {test} hangs", report=report)
        self.test = test


class LostGuest(RigError):
    """Say that the guest is gone (panic, reset, no result); nothing is known about its command."""

    status = 125

    def __init__(self, message: str, *, console: str) -> None:
        """Keep ``console``, the end of the guest's kernel log, beside the message."""
        super().__init__(message)
        self.console = console
