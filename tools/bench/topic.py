# SPDX-License-Identifier: Apache-2.0
"""What a topic is made of, and how it is measured: all variants in turn, round after round."""

from __future__ import annotations

import operator
import statistics
import sys
from collections.abc import Callable
from typing import NamedTuple

from .variant import Variant

Figures = dict[str, float]
"""What one run of one variant gave; the unit is part of the name."""

Round = dict[str, Figures]
"""The figures of all variants by the variant's name, measured one right after the other."""

RELATIONS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


class Bar(NamedTuple):
    """What a figure has to reach.

    ``figure`` makes it of one round, so that what is compared was measured within seconds of each
    other; the median of the rounds is what counts.
    """

    what: str
    relation: str
    limit: float
    unit: str
    figure: Callable[[Round], float]

    def is_met(self, rounds: list[Round]) -> bool:
        """Return whether the median of the rounds reaches the bar."""
        median = statistics.median(map(self.figure, rounds))
        return bool(RELATIONS[self.relation](median, self.limit))


class Topic(NamedTuple):
    """One question to the scheduler; ``cpus`` is the number that the guest for it has."""

    name: str
    title: str
    cpus: int
    variants: tuple[Variant, ...]
    measure: Callable[[Variant], Figures]
    bars: tuple[Bar, ...]


def ratio(name: str, variant: str, base: str) -> Callable[[Round], float]:
    """Return what divides the figure ``name`` of one variant by that of another."""
    return lambda done: done[variant][name] / done[base][name]


def figure(name: str, variant: str) -> Callable[[Round], float]:
    """Return what takes the figure ``name`` of a variant as it is."""
    return lambda done: done[variant][name]


def run(topic: Topic, rounds: int) -> list[Round]:
    """Measure every variant of the topic in turn, ``rounds`` times."""
    return [_round(topic, f"{topic.name}: round {n + 1} of {rounds}") for n in range(rounds)]


def _round(topic: Topic, label: str) -> Round:
    done: Round = {}
    for variant in topic.variants:
        print(f"{label}: {variant.name}", file=sys.stderr, flush=True)
        done[variant.name] = topic.measure(variant)
    return done
