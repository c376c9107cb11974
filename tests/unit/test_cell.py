# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook import abi, cpulist
from ocihook.cell import CellSpec
from ocihook.errors import InputError

ALL_FIELDS = 63


def spec(**members: object) -> CellSpec:
    return CellSpec(**{"container": "c1", "bundle_hash": 5, "name": "web", **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"container": ""}, "container id of 0 bytes: 1 to 255 are allowed"),
        ({"container": "\u00e9" * 128}, "container id of 256 bytes: 1 to 255 are allowed"),
        ({"container": "a\0b"}, "container id 'a\\x00b': contains a NUL"),
        ({"container": "\ud800"}, "container id '\\ud800': not valid Unicode"),
        ({"name": "n" * 64}, "cell name of 64 bytes: 1 to 63 are allowed"),
        ({"weight": 0}, "weight 0: not in 1..10000"),
        ({"weight": 10001}, "weight 10001: not in 1..10000"),
        ({"own_count": 1024}, "1024 own CPUs: 1 to 1023, or a list"),
        ({"own_count": 2, "own_list": 1}, "2 own CPUs: 1 to 1023, or a list"),
        ({"quota_ns": 5}, "quota of 5 ns: in no period"),
        ({"quota_ns": -1, "period_ns": 5}, "quota: -1 ns are not in 64 bits"),
        ({"bundle_hash": 1 << 64}, "bundle hash 0x10000000000000000: more than 64 bits"),
    ],
)
def test_bounds(members: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        spec(**members)
    assert str(caught.value) == message


def test_request_carries_every_field() -> None:
    request = spec(weight=300, allowed=0b1010, exec_allowed=1 << 1023).request(77)
    sent = abi.CellRequest.unpack(request.pack())
    assert (sent.cgid, sent.bundle_hash, sent.weight) == (77, 5, 300)
    assert sent.fields == ALL_FIELDS
    assert (sent.shared, sent.flags, cpulist.from_words(sent.own)) == (0, 0, 0)
    assert cpulist.from_words(sent.allowed) == 0b1010
    assert cpulist.from_words(sent.exec_allowed) == 1 << 1023
    assert (sent.name, sent.container) == (b"web", b"c1")


def test_quota_and_flags() -> None:
    wanted = spec(quota_ns=5, period_ns=6, burst_ns=4, lend=False, fixed_weight=True)
    request = wanted.request(77)
    assert (request.quota_ns, request.period_ns, request.burst_ns) == (5, 6, 4)
    assert request.flags == abi.CELL_FLAG_NO_LEND | abi.CELL_FLAG_FIXED_WEIGHT
    everything = spec(lend=False, borrow=False, fixed_weight=True, fixed_quota=True)
    assert everything.flags() == 15


@pytest.mark.parametrize("wish", [{"own_count": 2}, {"own_list": 0b11}])
def test_own_cpus_are_another_step(wish: dict[str, object]) -> None:
    """A registration anew must not take away what the cell has."""
    assert spec(**wish).wishes_own()
    assert spec(own=0b11, **wish).request(77).fields == ALL_FIELDS & ~abi.CELL_FIELD_OWN
    assert not spec().wishes_own()


@pytest.mark.parametrize(
    ("wishes", "fields"),
    [
        ({}, 0),
        ({"weight": 300}, abi.CELL_FIELD_WEIGHT),
        ({"fixed_weight": True}, abi.CELL_FIELD_WEIGHT | abi.CELL_FIELD_FLAGS),
        ({"quota_ns": 5, "period_ns": 6}, abi.CELL_FIELD_QUOTA),
        ({"fixed_quota": True}, abi.CELL_FIELD_QUOTA | abi.CELL_FIELD_FLAGS),
        ({"borrow": False}, abi.CELL_FIELD_FLAGS),
        ({"own_count": 2}, 0),
    ],
)
def test_in_a_shared_cell_only_a_wish_counts(wishes: dict[str, object], fields: int) -> None:
    """And never the CPUs of one container, which would be those of all."""
    for joins, shared in ((False, abi.CELL_SHARED_CHANGE), (True, abi.CELL_SHARED_JOIN)):
        request = spec(shared=True, scope=9, allowed=2, **wishes).request(77, joins=joins)
        assert (request.shared, request.scope, request.fields) == (shared, 9, fields)


def test_a_cell_of_its_own_joins_none() -> None:
    assert spec().request(77, joins=True).shared == abi.CELL_NOT_SHARED


def test_spec_says_what_it_is() -> None:
    assert "name='web'" in repr(spec())
    assert spec() != spec(weight=5)
    assert hash(spec()) == hash(spec())
    assert CellSpec(**spec(own=1, lend=False).members()) == spec(own=1, lend=False)  # type: ignore[arg-type]
