# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the scheduler: what ``./dev bench sched`` runs.

A topic is one question (``delay.py``, ``reclaim.py``, ``weights.py``, ``quota.py``,
``throughput.py``, ``dispatch.py``, ``top.py``): variants, what is measured of each, and the bars
that the figures have to reach. ``boots.py`` runs on the host and boots a guest for each number of
CPUs; ``sched.py`` runs in the guest.
"""
