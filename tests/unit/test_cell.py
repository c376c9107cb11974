# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook import abi, cell, cpulist
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
    weight=st.integers(1, 10000),
    allowed=masks,
    exec_allowed=masks,
)


def spec(**members: object) -> CellSpec:
    return CellSpec(**{"container": "c1", "bundle_hash": 5, "name": "web", **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"),
    # Test vectors of draft-eastlake-fnv-17, section 6.
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("foobar", 0x85944171F73967E8)],
)
def test_bundle_hash_is_fnv_1a(path: str, expected: int) -> None:
    assert cell.bundle_hash(path) == expected


def test_bundle_hash_takes_what_the_file_system_takes() -> None:
    assert cell.bundle_hash("/\udcff") != cell.bundle_hash("/\udcfe")


@pytest.mark.parametrize(
    ("shares", "weight"),
    # The table of opencontainers/cgroups v0.0.4, runc 1.3.2 and crun 1.23.
    [
        (0, 100), (1, 1), (2, 1), (102, 17), (128, 21), (256, 35), (512, 59), (1000, 99),
        (1024, 100), (1536, 138), (2048, 174), (4096, 303), (8192, 532), (65536, 3023),
        (262144, 10000), ((1 << 64) - 1, 10000),
    ],
)  # fmt: skip
def test_weight_from_shares(shares: int, weight: int) -> None:
    assert cell.weight_from_shares(shares) == weight


@given(st.integers(0, 1 << 64))
def test_weight_from_shares_stays_in_range(shares: int) -> None:
    assert 1 <= cell.weight_from_shares(shares) <= 10000


@pytest.mark.parametrize(("weight", "clamped"), [(0, 1), (1, 1), (10000, 10000), (10001, 10000)])
def test_clamp_weight(weight: int, clamped: int) -> None:
    assert cell.clamp_weight(weight) == clamped


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
    assert sent.fields == abi.CELL_FIELD_WEIGHT | abi.CELL_FIELD_ALLOWED | abi.CELL_FIELD_EXEC
    assert cpulist.from_words(sent.allowed) == 0b1010
    assert cpulist.from_words(sent.exec_allowed) == 1 << 1023
    assert (sent.name, sent.container) == (b"web", b"c1")


def test_release_names_container_and_bundle() -> None:
    release = cell.release("c1", 5)
    assert (release.cgid, release.bundle_hash, release.container) == (0, 5, b"c1")


def test_mark_is_compact_ascii_json() -> None:
    mark = spec(container='a"\u00e9', allowed=0b1101, exec_allowed=1).mark()
    assert mark == (
        rb'{"container":"a\"\u00e9","bundle_hash":"0000000000000005","name":"web",'
        rb'"weight":100,"cpus":"0,2-3","exec_cpus":"0"}'
    )


@given(specs)
def test_mark_brings_back_the_spec(wanted: CellSpec) -> None:
    back = cell.from_mark(wanted.mark())
    for member in CellSpec.__slots__:
        assert getattr(back, member) == getattr(wanted, member)
    assert back == wanted
    assert hash(back) == hash(wanted)


def test_mark_of_a_later_version_is_read() -> None:
    fields = json.loads(spec().mark()) | {"own_cpus": "2"}
    assert cell.from_mark(json.dumps(fields).encode()) == spec()


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
        ({"exec_cpus": 3}, "cell mark: exec_cpus: not a string"),
    ],
)
def test_bad_mark(change: dict[str, object], message: str) -> None:
    mark = json.dumps(json.loads(spec().mark()) | change).encode()
    with pytest.raises(InputError) as caught:
        cell.from_mark(mark)
    assert message in str(caught.value)


@pytest.mark.parametrize("mark", [b"", b"{", b"\xff", b"[" * 100000])
def test_mark_that_is_no_json(mark: bytes) -> None:
    with pytest.raises(InputError, match=r"^cell mark: "):
        cell.from_mark(mark)


def test_mark_that_is_no_object() -> None:
    with pytest.raises(InputError, match="cell mark: not a JSON object"):
        cell.from_mark(b"[]")
