# SPDX-License-Identifier: Apache-2.0
"""Place everything of ocihook on a host, and take it away.

``host`` has the order of it all, ``layout`` says what goes where. ``hooks`` has the program and
the hooks.d files, ``launcher`` writes the program's text; ``service`` is systemd's part,
``configuration`` the administrator's. ``files`` touches the disk. ``bundle`` is for plain bundles.
"""
