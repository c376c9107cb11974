# SPDX-License-Identifier: Apache-2.0
"""What the scheduler and its cells did, as Prometheus text.

``exposition`` knows the format, ``cells`` and ``scheduler`` what is told of each, ``collect`` asks
the kernel.
"""
