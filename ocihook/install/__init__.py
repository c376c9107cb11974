# SPDX-License-Identifier: Apache-2.0
"""Place the hook program and the hooks.d files on a host, and take them away.

``hooks`` says what goes where and in which order, ``launcher`` writes the
program's text, ``files`` touches the disk.
"""
