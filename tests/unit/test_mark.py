# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import mark
from ocihook.cell import CellSpec
from ocihook.errors import InputError

masks = st.integers(0, (1 << 1024) - 1)
texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15
)
specs = st.builds(
    CellSpec,
    container=texts,
    bundle_hash=st.integers(0, (1 << 64) - 1),
    name=texts,
    shared=st.booleans(),
    scope=st.integers(0, (1 << 64) - 1),
    weight=st.integers(1, 10000),
    fixed_weight=st.booleans(),
    quota_ns=st.integers(0, (1 << 64) - 1),
    period_ns=st.integers(1, (1 << 64) - 1),
    burst_ns=st.integers(0, (1 << 64) - 1),
    fixed_quota=st.booleans(),
    allowed=masks,
    exec_allowed=masks,
    own=masks,
    own_list=masks,
    lend=st.booleans(),
    borrow=st.booleans(),
)


def spec(**members: object) -> CellSpec:
    return CellSpec(**{"container": "c1", "bundle_hash": 5, "name": "web", **members})  # type: ignore[arg-type]


def test_mark_is_compact_ascii_json() -> None:
    text = mark.write(spec(container='a"\u00e9', allowed=0b1101, exec_allowed=1))
    assert text == (
        rb'{"container":"a\"\u00e9","bundle_hash":"0000000000000005","name":"web",'
        rb'"weight":100,"cpus":"0,2-3","exec_cpus":"0"}'
    )


@given(specs)
def test_mark_brings_back_the_spec(wanted: CellSpec) -> None:
    back = mark.read(mark.write(wanted))
    for member in CellSpec.__slots__:
        assert getattr(back, member) == getattr(wanted, member)
    assert back == wanted
    assert hash(back) == hash(wanted)


def test_mark_of_all_wishes() -> None:
    wanted = spec(
        shared=True, fixed_weight=True, quota_ns=5, period_ns=6, burst_ns=7, fixed_quota=True,
        own=0b110, own_count=4, lend=False, borrow=False,
    )  # fmt: skip
    assert mark.write(wanted).endswith(
        b'"exec_cpus":"","own":"1-2","own_count":4,"quota_ns":5,"period_ns":6,"burst_ns":7,'
        b'"shared":true,"fixed_weight":true,"fixed_quota":true,"lend":false,"borrow":false}'
    )
    assert mark.read(mark.write(wanted)) == wanted


def test_mark_of_the_first_version_is_read() -> None:
    text = (
        b'{"container":"c1","bundle_hash":"0000000000000005","name":"web","weight":300,'
        b'"cpus":"0-1","exec_cpus":""}'
    )
    assert mark.read(text) == spec(weight=300, allowed=0b11)


def test_mark_of_a_later_version_is_read() -> None:
    fields = json.loads(mark.write(spec())) | {"colour": "2"}
    assert mark.read(json.dumps(fields).encode()) == spec()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"container": None}, "cell mark: container: not a string"),
        ({"weight": "5"}, "cell mark: weight: not an integer"),
        ({"weight": True}, "cell mark: weight: not an integer"),
        ({"weight": 0}, "weight 0: not in 1..10000"),
        ({"bundle_hash": "5"}, "cell mark: bundle_hash: not 16 hexadecimal digits"),
        ({"bundle_hash": "-000000000000005"}, "bundle_hash: not 16 hexadecimal digits"),
        ({"cpus": "0-x"}, "cpulist '0-x': expected a number at position 3"),
        ({"own": 3}, "cell mark: own: not a string"),
        ({"own_count": True}, "cell mark: own_count: not an integer"),
        ({"own_count": 1024}, "1024 own CPUs: 1 to 1023, or a list"),
        ({"own_count": 1, "own_list": "1"}, "1 own CPUs: 1 to 1023, or a list"),
        ({"lend": 0}, "cell mark: lend: neither true nor false"),
        ({"quota_ns": 5}, "quota of 5 ns: in no period"),
        ({"exec_cpus": 3}, "cell mark: exec_cpus: not a string"),
    ],
)
def test_bad_mark(change: dict[str, object], message: str) -> None:
    text = json.dumps(json.loads(mark.write(spec())) | change).encode()
    with pytest.raises(InputError) as caught:
        mark.read(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100000])
def test_mark_that_is_no_json(text: bytes) -> None:
    with pytest.raises(InputError, match=r"^cell mark: "):
        mark.read(text)


def test_mark_that_is_no_object() -> None:
    with pytest.raises(InputError, match="cell mark: not a JSON object"):
        mark.read(b"[]")
