# SPDX-License-Identifier: Apache-2.0
"""The manual: one content, written as pages for man and as the reference in docs/.

``commands`` reads the command line itself, ``configuration`` the list of keys; ``hook`` and
``examples`` hold what no code says. ``pages`` puts them together, ``roff`` and ``markdown`` write.
"""
