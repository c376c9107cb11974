# SPDX-License-Identifier: Apache-2.0
"""The configuration file: from TOML to the policy that the hook reads.

``keys`` is the list of what there is, ``check`` says what is wrong with a document, ``source``
reads the file and finds the line of a mistake, ``compiling`` makes the policy of it and stores
that, ``template`` writes the file that ``ocihook install`` places.

The hook comes here once after each edit or boot: ``tomllib`` alone takes 20 ms. Otherwise it reads
what was stored (``ocihook.hook.configured``). So the checks are written by hand, and
``ocihook config check`` lets the JSON Schema judge besides.
"""
