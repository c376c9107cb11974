# SPDX-License-Identifier: Apache-2.0
"""The VM rig: boots a sched_ext kernel in QEMU, runs one command in it and brings the result back.

A program of its own (``python -m tests.vm``): standard library only, nothing of ocihook. See
README.md beside this file.
"""
