# SPDX-License-Identifier: Apache-2.0
"""All topics, in the order in which they are measured."""

from . import delay, throughput

TOPICS = (
    delay.TOPIC,
    throughput.TOPIC,
)
