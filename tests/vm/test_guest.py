# SPDX-License-Identifier: Apache-2.0
"""tests/guest, run inside guests: one test here for each session of sessions.py.

The output of a session that runs alone goes straight to the terminal, that of the others comes
when it is their turn; a failure names the tests that failed in the session. With ``--all-kernels``
there are more sessions, and the scheduler has its real time constants. A kernel that Debian has no
longer fails its test, by name.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable

import pytest

from tests import table

from .guest_run import GUEST_TIMEOUT_S, Outcome
from .lanes import Lanes
from .sessions import QUICK, Session, of_all_kernels, of_every_run

pytestmark = pytest.mark.timeout(3 * GUEST_TIMEOUT_S)


def _parameters() -> list[object]:
    return [
        pytest.param(QUICK, id=QUICK.name, marks=pytest.mark.quick),
        *(pytest.param(session, id=session.name) for session in of_every_run()),
        *(
            pytest.param(session, id=session.name, marks=pytest.mark.all_kernels)
            for session in of_all_kernels()
        ),
    ]


@pytest.mark.parametrize("guest_session", _parameters())
def test_session(
    guest_session: Session,
    lanes: Lanes,
    run_alone: Callable[[Session], Outcome],
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # pyproject.toml's faulthandler_timeout is for tests that hang here; the guest has its own.
    faulthandler.cancel_dump_traceback_later()
    with capfd.disabled():
        print(f"\n· session {guest_session.name}", flush=True)
        if guest_session.beside_others:
            outcome = lanes.outcome(guest_session)
            sys.stdout.write(outcome.log.read_text(errors="replace"))
        else:
            outcome = run_alone(guest_session)
    name = f"guest {guest_session.name}"
    table.part(request.node, name, outcome.seconds, outcome.junit, outcome.waits)
    problems = outcome.problems(of_all_tests=not request.config.option.guest_tests)
    assert not problems, "\n".join(problems)
