# SPDX-License-Identifier: Apache-2.0
"""The scheduler's life: can it run here, start and stop, what it does, which cells there are."""
