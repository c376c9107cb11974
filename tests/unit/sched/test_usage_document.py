# SPDX-License-Identifier: Apache-2.0
from readings import Slot, live, ran, reading

from ocihook import schema
from ocihook.abi import (
    OCIHOOK_WAIT_BUCKETS,
)
from ocihook.sched.usage import usage
from ocihook.sched.usage_document import describe_usage

HOST = Slot(live("host", cgid=1))


def test_document() -> None:
    before = reading(10, [HOST, Slot(live("web"))])
    waits = {4: 99, OCIHOOK_WAIT_BUCKETS - 1: 2}
    after = reading(12, [HOST, Slot(live("web"), ran(1, 3), waits)])
    document = describe_usage(usage(before, after))
    assert schema.findings("top", document) == []
    assert document["cells"][1]["wait_below_us"] == {"p50": 16, "p99": None}
    assert document["cpus"][1] == {"cpu": 1, "busy": 1, "cells": [{"cell": 1, "part": 1}]}
