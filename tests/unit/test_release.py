# SPDX-License-Identifier: Apache-2.0
import pytest

from ocihook import release


@pytest.mark.parametrize(
    ("path", "expected"),
    # Test vectors of draft-eastlake-fnv-17, section 6.
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("foobar", 0x85944171F73967E8)],
)
def test_bundle_hash_is_fnv_1a(path: str, expected: int) -> None:
    assert release.bundle_hash(path) == expected


def test_bundle_hash_takes_what_the_file_system_takes() -> None:
    assert release.bundle_hash("/\udcff") != release.bundle_hash("/\udcfe")


def test_release_names_container_and_bundle() -> None:
    wanted = release.release("c1", 5)
    assert (wanted.cgid, wanted.bundle_hash, wanted.container) == (0, 5, b"c1")
