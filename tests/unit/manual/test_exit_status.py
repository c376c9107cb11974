# SPDX-License-Identifier: Apache-2.0
import os

from ocihook import errors
from ocihook.manual.exit_status import EXIT_STATUS


def test_exit_status_of_every_error() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in classes if issubclass(each, errors.OcihookError)}
    assert codes | {0, 2, os.EX_NOPERM} == {int(term.name) for term in EXIT_STATUS}
