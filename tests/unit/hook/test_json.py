# SPDX-License-Identifier: Apache-2.0
import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocihook.errors import StateError
from ocihook.hook.json import parse_object
from ocihook.install import launcher

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3)
    | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=10,
)  # fmt: skip


def parse(data: bytes) -> dict[str, object]:
    return parse_object(data, "state", StateError)


@given(st.dictionaries(st.text(max_size=5), values), st.booleans(), st.integers(0, 2))
def test_reads_what_json_writes(document: dict[str, object], escape: bool, indent: int) -> None:
    text = json.dumps(document, ensure_ascii=escape, indent=indent or None)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert parse(b" \n" + data + b"\t\r\n") == document


@given(st.binary(max_size=30) | st.text('{}[]":,019.eE+- \\u"nN', max_size=30).map(str.encode))
def test_judges_as_json_loads(data: bytes) -> None:
    def refuse(name: str) -> object:
        raise ValueError(name)

    try:
        expected = json.loads(data.decode(), parse_constant=refuse)
    except ValueError:
        expected = None
    if isinstance(expected, dict):
        assert parse(data) == expected
    else:
        with pytest.raises(StateError):
            parse(data)


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


def test_64_levels_are_read() -> None:
    assert list(parse(nested(64))) == ["a"]
    assert list(parse(b'{"a": "' + b"[" * 65 + b'"}')) == ["a"]


def test_brackets_in_strings_are_no_levels() -> None:
    """Nor is a quote the end of a string, or a backslash its escape, wherever it stands."""
    texts = ["[" * 70, '"[', "\\", '\\"[{', "]}", "\u00e9[", '\\\\"']
    document = {f"{text}{number}": [text] for number in range(20) for text in texts}
    for escape in (True, False):
        assert parse(json.dumps(document, ensure_ascii=escape).encode()) == document
    wide = b"{" + b",".join(b'"%d":%s' % (number, nested(63)) for number in range(20)) + b"}"
    assert len(parse(wide)) == 20


def test_equal_keys_the_last_counts() -> None:
    assert parse(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "state: empty"),
        (b" \n", "state: empty"),
        (b"\xef\xbb\xbf{}", "state: starts with a byte order mark"),
        (b"\xff{}", "state: not JSON: 'utf-8' codec can't decode byte 0xff in position 0"),
        (b"}", "state: not JSON: expected a value at character 0"),
        (b'{"a":}', "state: not JSON: expected a value at character 5"),
        (b'{"a" 1}', "state: not JSON: Expecting ':' delimiter: line 1 column 6 (char 5)"),
        (b'{"a": "', "state: not JSON: Unterminated string"),
        (b'{"a": "\n"}', "state: not JSON: Invalid control character"),
        (b'{"a": NaN}', "state: not JSON: NaN is not JSON"),
        (b'{"a": -Infinity}', "state: not JSON: -Infinity is not JSON"),
        (b"{} x", "state: not JSON: text after the end at character 2"),
        (b"[]", "state: not a JSON object"),
        (b"null", "state: not a JSON object"),
        (b'{"a":' * 100000, "state: nested more than 64 deep"),
        (nested(65), "state: nested more than 64 deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "state: not JSON: Exceeds the limit"),
    ],
)
def test_refuses(data: bytes, message: str) -> None:
    with pytest.raises(StateError) as caught:
        parse(data)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("data", ["{", '{"a" 1}', '{"a": "'])
def test_broken_text_before_anybody_imported_json(data: str) -> None:
    """The C scanner of CPython up to 3.12 has no exception to raise then."""
    program = (
        f"import sys; sys.path += {list(map(str, launcher.module_directories()))!r}\n"
        "from ocihook.hook.json import parse_object\n"
        "from ocihook.errors import StateError\n"
        "assert 'json.decoder' not in sys.modules\n"
        f"try: parse_object({data.encode()!r}, 'state', StateError)\n"
        "except StateError as error: print(error)\n"
    )
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", program], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"state: not JSON: ")
    assert b"line 1 column" in done.stdout


def test_without_the_c_scanner_json_serves() -> None:
    program = (
        f"import sys; sys.path += {list(map(str, launcher.module_directories()))!r}\n"
        "sys.modules['_json'] = None\n"
        "from ocihook.hook.json import parse_object\n"
        "from ocihook.errors import StateError\n"
        "assert parse_object(b' {\"a\": [1]} ', 'state', StateError) == {'a': [1]}\n"
        "for data in b'{', b'{}x', b'{\"a\": NaN}', b'}':\n"
        "    try: parse_object(data, 'state', StateError)\n"
        "    except StateError: print('refused')\n"
    )
    done = subprocess.run(
        [launcher.find_interpreter(), "-IS", "-c", program], capture_output=True, check=True
    )
    assert done.stdout.split() == [b"refused"] * 4
