# SPDX-License-Identifier: Apache-2.0
"""The hot path: what an OCI runtime runs at each stage of a container's life.

Every container start waits for this code three times, so it lives by two rules.

It imports little. The program starts as ``python3 -IS`` (6.4 ms of bare start
on the machine that these were measured on); ``json`` would add 7 ms, ``re`` 5,
``typing`` 9, ``argparse`` 7, and ``os`` one, all of it for what it adds to
``posix``. A good run loads what the interpreter starts with, ``posix``,
``errno``, ``_struct``, ``_stat``, ``_json``, ``_signal``, ``_cffi_backend``, this
package, the pure modules of ``ocihook`` that it uses and the hot-safe part of
``ocihook._bpf``; tests/unit/whole/test_hook_imports.py holds it to that list.
Imports inside functions keep a stage from paying for what only another needs.

It never surprises the runtime: standard input is drained on every path,
nothing goes to standard output, no child is started, and what fails ends as one
line on standard error, a record in the journal, and exit status 0, unless the
container asked for more.

Reading order: ``main`` (exit status), ``stages`` (what happens), then what they
read: ``configured`` (what the administrator allows, an
:class:`ocihook.policy.Policy`), ``state`` and ``bundle`` (over ``json`` and
``fields``), ``annotations``, ``cgroup`` (over ``identity``); ``request`` makes
a :class:`ocihook.cell.CellSpec` of it all, and ``ocihook.grant`` gives the cell
the CPUs of its own that it wishes.
"""
