# SPDX-License-Identifier: Apache-2.0
"""The text format, read back by the parser of Prometheus' own Python client."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from ocihook.metrics.exposition import Family, Sample, histogram, render

TEXT = st.text(st.characters(codec="utf-8"))


def one(text: str) -> tuple[dict[str, str], float]:
    (family,) = parse(text)
    (sample,) = family.samples
    return sample.labels, sample.value


@given(TEXT, TEXT)
def test_labels_come_back_as_they_were(name: str, container: str) -> None:
    labels = {"name": name, "container": container}
    text = render([Family("ocihook_x", "gauge", "About x.", [Sample(labels, 1)])])
    assert one(text) == (labels, 1)


@given(TEXT)
def test_a_label_stays_on_its_line(value: str) -> None:
    text = render([Family("ocihook_x", "gauge", "About x.", [Sample({"name": value}, 1)])])
    assert text.count("\n") == 3
    assert text.endswith("\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [("a", "a"), ('say "hi"', r"say \"hi\""), ("C:\\n", r"C:\\n"), ("a\nb", r"a\nb"),
     ("{}=,#", "{}=,#"), ("gr\u00fc\u00df", "gr\u00fc\u00df"),
     ("\udcff", "\N{REPLACEMENT CHARACTER}")],
)  # fmt: skip
def test_a_label_is_escaped_as_the_format_says(value: str, written: str) -> None:
    text = render([Family("x", "gauge", "X.", [Sample({"name": value}, 1)])])
    assert text.splitlines()[-1] == f'x{{name="{written}"}} 1'
    text.encode()


def test_help_and_type_come_first() -> None:
    family = Family("ocihook_x_total", "counter", "Back\\slash,\nline.", [Sample({}, 2)])
    assert render([family]) == (
        "# HELP ocihook_x_total Back\\\\slash,\\nline.\n# TYPE ocihook_x_total counter\n"
        "ocihook_x_total 2\n"
    )


def test_a_family_without_samples_is_left_out() -> None:
    assert render([Family("x", "gauge", "X.", [])]) == ""


@given(st.floats(min_value=0, allow_infinity=False) | st.integers(0, 2**53))
def test_numbers_come_back(value: float) -> None:
    assert one(render([Family("x", "gauge", "X.", [Sample({}, value)])])) == ({}, value)


@given(st.lists(st.integers(0, 2**40), min_size=4, max_size=4))
def test_buckets_of_a_histogram_count_all_up_to_their_bound(counts: list[int]) -> None:
    samples = histogram({"cell": "1"}, counts, [1e-06, 2e-06, 0.5], 7.5)
    (family,) = parse(render([Family("x_seconds", "histogram", "X.", samples)]))
    assert (family.name, family.type) == ("x_seconds", "histogram")
    *buckets, total, count = family.samples
    assert [float(sample.labels["le"]) for sample in buckets] == [1e-06, 2e-06, 0.5, math.inf]
    assert buckets[-1].labels["le"] == "+Inf"
    assert [sample.value for sample in buckets] == [sum(counts[: n + 1]) for n in range(4)]
    assert (total.name, total.value) == ("x_seconds_sum", 7.5)
    assert (count.name, count.value) == ("x_seconds_count", sum(counts))
    assert all(sample.labels["cell"] == "1" for sample in family.samples)
