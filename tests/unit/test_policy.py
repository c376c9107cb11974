# SPDX-License-Identifier: Apache-2.0
import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_policy import opened

from ocihook import paths
from ocihook.errors import PolicyError
from ocihook.glob import MAX_TEXT_CHARS
from ocihook.hook import annotations
from ocihook.hook.process import DEADLINE_S
from ocihook.policy import Policy, strictest

FILE = "/etc/ocihook/config.toml"
OURS = {"org.ocihook/weight": "5"}
BATCH = {"com.example/tier": "batch-1"}


def policy(**members: object) -> Policy:
    return Policy(file=FILE, written=list(members), **members)  # type: ignore[arg-type]


def wishes(given: dict[str, str]) -> annotations.Wishes:
    return annotations.parse({f"org.ocihook/{key}": value for key, value in given.items()})


def enrolled(of: Policy, given: dict[str, str], cgroup: str = "/a") -> bool:
    """As the hook asks: first without the cgroup, which takes a while to find."""
    asks = annotations.parse(given).asks
    if not of.enrols(given, asks):
        return False
    return of.enrols(given, asks, cgroup)


def test_without_a_file_a_container_may_have_less_and_what_its_cgroup_has() -> None:
    of = Policy()
    assert enrolled(of, {})
    assert enrolled(of, OURS)
    for wish in (
        {"cell": "any"}, {"cell": "off"}, {"weight": "100"}, {"weight": "1"}, {"lend": "true"},
        {"borrow": "false"}, {"required": "true"},
    ):  # fmt: skip
        annotations.limit(wishes(wish), of, 100)
    assert of.fails_closed(True)
    assert not of.fails_closed(False)
    assert of.deadline_s == DEADLINE_S


HOW = "(to allow it, write {} below [limits] in {})"


@pytest.mark.parametrize(
    ("given", "message", "key"),
    [
        ({"weight": "300"},
         'weight: 300 is above limits.weight_max = "cgroup" (here 100), the default', "weight_max"),
        ({"cpus": "1"}, "cpus: a wish for 1 is above limits.own_cpus_max = 0, the default",
         "own_cpus_max"),
        ({"cpus": "0-1023"}, "cpus: a wish for 1024 is above limits.own_cpus_max = 0, the default",
         "own_cpus_max"),
        ({"lend": "false"}, "lend: false is against limits.lend_off = false, the default",
         "lend_off"),
    ],
)  # fmt: skip
def test_without_a_file_a_refusal_names_the_key_that_allows_it(
    given: dict[str, str], message: str, key: str
) -> None:
    for of, file in ((Policy(), paths.CONFIG_FILE), (Policy(file=FILE), FILE)):
        with pytest.raises(PolicyError) as caught:
            annotations.limit(wishes(given), of, 100)
        assert str(caught.value) == f"annotation org.ocihook/{message} {HOW.format(key, file)}"


def test_the_cgroups_own_weight_is_the_most_where_it_is_known() -> None:
    of = policy(weight_max="cgroup")
    annotations.limit(wishes({"weight": "300"}), of)
    annotations.limit(wishes({"weight": "300"}), of, 300)
    with pytest.raises(PolicyError, match=r'weight_max = "cgroup" \(here 299\) of /etc/ocihook/'):
        annotations.limit(wishes({"weight": "300"}), of, 299)


def test_commands_are_bound_by_what_is_written() -> None:
    """The defaults are against what others write; root's own word is none of that."""
    free = Policy().of_commands()
    free.check_weight(10000, "weight")
    free.check_own_cpus(1024, 0, "own CPUs")
    free.check_switches(False, False, "")
    policy(weight_max="cgroup").of_commands().check_weight(10000, "weight")
    bound = policy(weight_max=100, own_cpus_max=1, lend_off=False).of_commands()
    for check in (
        lambda: bound.check_weight(101, "weight"),
        lambda: bound.check_own_cpus(2, 0, "own CPUs"),
        lambda: bound.check_switches(False, True, ""),
    ):
        with pytest.raises(PolicyError, match=rf" of {FILE}$"):
            check()
    with pytest.raises(PolicyError, match="cannot be known"):
        strictest("start", FILE).of_commands().check_weight(1, "weight")


@pytest.mark.parametrize("who", ["annotated", "all"])
def test_without_patterns_the_engine_selects(who: str) -> None:
    assert enrolled(policy(who=who), {})


@pytest.mark.parametrize(
    ("members", "given", "cgroup", "expected"),
    [
        ({"annotations": {"com.example/tier": "batch-*"}}, BATCH, "/a", True),
        ({"annotations": {"com.example/tier": "web-*"}}, BATCH, "/a", False),
        ({"annotations": {"com.example/tier": "web-*"}}, {**BATCH, **OURS}, "/a", True),
        ({"annotations": {"com.example/tier": "web-*"}, "who": "all"}, BATCH, "/a", True),
        ({"annotations": {"x": "*", "com.example/tier": "*"}}, BATCH, "/a", True),
        ({"cgroups": ["/b", "/a/**"]}, {}, "/a/b/c", True),
        ({"cgroups": ["/b", "/a/**"]}, {}, "/b/a", False),
        ({"cgroups": ["/b"]}, OURS, "/a", True),
        ({"cgroups": ["/b"], "annotations": {"com.example/tier": "*"}}, BATCH, "/a", True),
        ({"exclude_cgroups": ["/a/*"]}, {}, "/a/b", False),
        ({"exclude_cgroups": ["/a/*"]}, {}, "/b", True),
        ({"exclude_cgroups": ["/a/*"], "who": "all"}, {}, "/a/b", False),
        ({"exclude_cgroups": ["/a/*"], "cgroups": ["/**"]}, {}, "/a/b", False),
        ({"exclude_annotations": {"com.example/tier": "batch-*"}}, BATCH, "/a", False),
        ({"exclude_annotations": {"com.example/tier": "web-*"}}, BATCH, "/a", True),
    ],
)
def test_who_is_enrolled(
    members: dict[str, object], given: dict[str, str], cgroup: str, expected: bool
) -> None:
    assert enrolled(policy(**members), given, cgroup) == expected


def test_no_annotation_enrols_who_is_excluded() -> None:
    by_cgroup = policy(exclude_cgroups=["/system.slice/**"])
    with pytest.raises(PolicyError) as caught:
        enrolled(by_cgroup, OURS, "/system.slice/x")
    assert str(caught.value) == (
        "the container is excluded by enrol.exclude.cgroups: '/system.slice/**' of "
        "/etc/ocihook/config.toml (its annotations cannot change that)"
    )
    by_annotation = policy(exclude_annotations={"com.example/tier": "*"})
    with pytest.raises(PolicyError, match=r"enrol.exclude.annotations: com.example/tier = '\*' of"):
        enrolled(by_annotation, {**OURS, **BATCH})


def test_a_value_too_long_to_be_matched_excludes_and_never_enrols() -> None:
    """Else whoever writes the annotation could make it miss the pattern."""
    long = {"com.example/tier": "x" * (MAX_TEXT_CHARS + 1)}
    assert not enrolled(policy(exclude_annotations={"com.example/tier": "y*"}), long)
    assert not enrolled(policy(annotations={"com.example/tier": "*"}), long)


@pytest.mark.parametrize(
    ("members", "key", "value", "message"),
    [
        ({"weight_max": 1000}, "weight", "5000",
         "annotation org.ocihook/weight: 5000 is above limits.weight_max = 1000 of FILE"),
        ({"weight_min": 50}, "weight", "49",
         "annotation org.ocihook/weight: 49 is below limits.weight_min = 50 of FILE"),
        ({"own_cpus_max": 2}, "cpus", "3",
         "annotation org.ocihook/cpus: a wish for 3 is above limits.own_cpus_max = 2 of FILE"),
        ({"own_cpus_max": 2}, "cpus", "0-2",
         "annotation org.ocihook/cpus: a wish for 3 is above limits.own_cpus_max = 2 of FILE"),
        ({"own_cpus_max": 0}, "cpus", "1",
         "annotation org.ocihook/cpus: a wish for 1 is above limits.own_cpus_max = 0 of FILE"),
        ({"own_cpus": "0-3", "own_cpus_max": 4}, "cpus", "2-5",
         "annotation org.ocihook/cpus: 4-5 not in limits.own_cpus = 0-3 of FILE"),
        ({"lend_off": False}, "lend", "false",
         "annotation org.ocihook/lend: false is against limits.lend_off = false of FILE"),
        ({"borrow_off": False}, "borrow", "false",
         "annotation org.ocihook/borrow: false is against limits.borrow_off = false of FILE"),
        ({"cell_off": False}, "cell", "off",
         "annotation org.ocihook/cell: off is against limits.cell_off = false of FILE"),
        ({"shared_cells": []}, "cell", "web",
         "annotation org.ocihook/cell: 'web' is not of limits.shared_cells = none of FILE"),
        ({"shared_cells": ["db", "web-*"]}, "cell", "web",
         "annotation org.ocihook/cell: 'web' is not of limits.shared_cells = db, web-* of FILE"),
    ],
)  # fmt: skip
def test_every_refusal_says_which_limit(
    members: dict[str, object], key: str, value: str, message: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        annotations.limit(wishes({key: value}), policy(**members))
    assert str(caught.value) == message.replace("FILE", FILE)
    annotations.limit(wishes({key: value}), opened())


@pytest.mark.parametrize(
    ("members", "given"),
    [
        ({"cell_off": False}, {"cell": "on"}),
        ({"weight_min": 50, "weight_max": 100}, {"weight": "50"}),
        ({"weight_min": 50, "weight_max": 100}, {"weight": "100"}),
        ({"weight_min": 50}, {"cell": "web"}),
        ({"own_cpus_max": 2, "own_cpus": "2-5"}, {"cpus": "2-3"}),
        ({"own_cpus_max": 2, "own_cpus": "2-5"}, {"cpus": "2"}),
        ({"lend_off": False, "borrow_off": False}, {"lend": "true", "borrow": "true"}),
        ({"shared_cells": ["web-*"]}, {"cell": "web-1"}),
    ],
)
def test_what_is_within_the_limits_passes(
    members: dict[str, object], given: dict[str, str]
) -> None:
    annotations.limit(wishes(given), policy(**members))


@given(
    wished=st.fixed_dictionaries(
        {},
        optional={
            "cell": st.sampled_from(["web-1", "web", "db"]),
            "weight": st.integers(1, 10000).map(str),
            "cpus": st.sampled_from(["1", "2", "8", "0-1", "2-3", "3,5", "0-1023"]),
            "lend": st.sampled_from(["true", "false"]),
            "borrow": st.sampled_from(["true", "false"]),
        },
    ),
    least=st.integers(1, 10000),
    most=st.integers(1, 10000),
    own_cpus_max=st.integers(0, 8),
    own_cpus=st.sampled_from(["all", "2-5", "0"]),
    lend_off=st.booleans(),
    borrow_off=st.booleans(),
    shared_cells=st.sampled_from([["*"], [], ["web-*"], ["db", "web"]]),
)
def test_no_annotation_gets_past_a_limit(
    wished: dict[str, str], least: int, most: int, own_cpus_max: int, own_cpus: str,
    lend_off: bool, borrow_off: bool, shared_cells: list[str],
) -> None:  # fmt: skip
    of = policy(
        weight_min=least, weight_max=most, own_cpus_max=own_cpus_max, own_cpus=own_cpus,
        lend_off=lend_off, borrow_off=borrow_off, shared_cells=shared_cells,
    )  # fmt: skip
    parsed = wishes(wished)
    listed = {cpu for cpu in range(1024) if parsed.own_list >> cpu & 1}
    given_out = {"all": set(range(1024)), "2-5": {2, 3, 4, 5}, "0": {0}}[own_cpus]
    expected = (
        least <= int(wished.get("weight", least)) <= (most if "weight" in wished else least)
        and max(parsed.own_count, len(listed)) <= own_cpus_max
        and listed <= given_out
        and (lend_off or wished.get("lend") != "false")
        and (borrow_off or wished.get("borrow") != "false")
        and any(fnmatch.fnmatchcase(wished.get("cell", ""), each) for each in shared_cells)
        | ("cell" not in wished)
    )
    if expected:
        annotations.limit(parsed, of)
    else:
        with pytest.raises(PolicyError, match=rf" limits\.\w+ = .* of {FILE}$"):
            annotations.limit(parsed, of)


def test_a_long_limit_does_not_hide_the_file() -> None:
    """The hook's line is cut, and the file's name is at its end."""
    for members, asked in (
        ({"shared_cells": ["x" * 256] * 64}, {"org.ocihook/cell": "web"}),
        (
            {"own_cpus": ",".join(map(str, range(0, 1024, 2))), "own_cpus_max": 9},
            {"org.ocihook/cpus": "1-1"},
        ),
        (
            {"own_cpus": "0", "own_cpus_max": 1024},
            {"org.ocihook/cpus": ",".join(map(str, range(1, 1024, 2)))},
        ),
    ):
        with pytest.raises(PolicyError) as caught:
            annotations.limit(annotations.parse(asked), policy(**members))
        assert str(caught.value).endswith(f" of {FILE}")
        assert len(str(caught.value)) < 800


def test_fails_closed() -> None:
    assert policy(on_error="refuse").fails_closed(False)
    assert policy(on_error="refuse", required=False).fails_closed(True)
    assert not policy(required=False).fails_closed(True)


def test_levels() -> None:
    assert [policy(level="warning").logs(level) for level in ("error", "warning")] == [True, True]
    assert [policy(level="error").logs(level) for level in ("error", "warning")] == [True, False]
