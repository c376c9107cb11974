# SPDX-License-Identifier: Apache-2.0
"""Planted faults: small mistakes in the scheduler, the hook and the commands, and their tests."""
