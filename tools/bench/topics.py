# SPDX-License-Identifier: Apache-2.0
"""All topics, in the order in which they are measured."""

from . import delay, dispatch, leaves, quota, reclaim, throughput, top, weights

TOPICS = (
    delay.TOPIC,
    reclaim.TOPIC,
    weights.TOPIC,
    quota.TOPIC,
    throughput.TOPIC,
    dispatch.TOPIC,
    leaves.TOPIC,
    top.TOPIC,
)
