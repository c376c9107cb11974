# SPDX-License-Identifier: Apache-2.0
"""Which cell ran on which CPU, over time: from switches to lanes, from lanes to a picture. Pure.

``lanes`` makes segments of switches, ``recording`` is what comes out of that. ``legend`` says what
gets a name and a colour, ``columns`` what a pixel shows; ``svg``, ``page`` and ``trace_events``
write a file each.
"""
