# SPDX-License-Identifier: Apache-2.0
"""The text format of Prometheus, version 0.0.4, as its textfile collector reads it. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
"""Names to values; a value is any text."""


class Sample(NamedTuple):
    """A number, and whose it is. ``suffix`` is for the parts of a histogram."""

    labels: Labels
    value: float
    suffix: str = ""


class Family(NamedTuple):
    """All samples of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


def render(families: Iterable[Family]) -> str:
    """Return the text of families; those without a sample are left out."""
    return "".join(_family(family) for family in families if family.samples)


def histogram(
    labels: Labels, counts: Sequence[int], bounds: Sequence[float], total: float
) -> list[Sample]:
    """Return the samples of one histogram.

    Args:
        counts: how many values each bucket has; the last one has no bound.
        bounds: of all buckets but the last, ascending, in the family's unit.
        total: the sum of the values, in that unit.
    """
    names = [*(_number(bound) for bound in bounds), "+Inf"]
    buckets = [
        Sample({**labels, "le": name}, count, "_bucket")
        for name, count in zip(names, accumulate(counts), strict=True)
    ]
    return [*buckets, Sample(labels, total, "_sum"), Sample(labels, sum(counts), "_count")]


def _family(family: Family) -> str:
    lines = [f"# HELP {family.name} {_escape(family.help)}", f"# TYPE {family.name} {family.kind}"]
    lines += (
        f"{family.name}{sample.suffix}{_labels(sample.labels)} {_number(sample.value)}"
        for sample in family.samples
    )
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Labels) -> str:
    parts = (f'{name}="{_escape(_valid(value), quote=True)}"' for name, value in labels.items())
    return f"{{{','.join(parts)}}}" if labels else ""


def _escape(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


def _valid(value: str) -> str:
    """Replace what is no Unicode, like bytes of a path: it would spoil the whole file."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _number(value: float) -> str:
    """Write a number so that Go's parser reads the same one."""
    return repr(value)
