# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook.config import compiling
from ocihook.errors import ConfigError
from ocihook.policy import Policy


def test_policy_of() -> None:
    text = '[limits]\nweight_max = 300\n[enrol.exclude]\ncgroups = ["/a"]\nannotations.x = "y"\n'
    assert compiling.policy_of(text, "c.toml") == Policy(
        weight_max=300,
        exclude_cgroups=["/a"],
        exclude_annotations={"x": "y"},
        file="c.toml",
        written=["weight_max"],
    )
    assert compiling.policy_of("", "c.toml") == Policy(file="c.toml")


def test_the_first_mistake_is_told_and_how_many_there_are() -> None:
    text = "[limits]\nweight_max = 0\n[hook]\non_error = 1\nx = 1\n"
    with pytest.raises(ConfigError) as caught:
        compiling.policy_of(text, "c.toml")
    assert str(caught.value) == (
        "c.toml:2: limits.weight_max: 0 is neither an integer in 1..10000 nor 'cgroup', and 2 more "
        "(see: ocihook config check)"
    )
