# SPDX-License-Identifier: Apache-2.0
"""Take typed members out of a parsed JSON object, each failure named by its path.

A member that is missing and one that is ``null`` are the same: templates and
emitters in other languages than Go write nulls, and runtimes take them.
"""

from ocihook.errors import InputError

MAX_TEXT_BYTES = 4096
"""Longest string that is read: PATH_MAX, since the longest of them are paths."""


class Fields:
    """One JSON object, with where it was found and what to raise about it."""

    __slots__ = ("_error", "_values", "_where")

    def __init__(self, values: dict[str, object], where: str, error: type[InputError]) -> None:
        self._values = values
        self._where = where
        self._error = error

    def text(self, key: str) -> str | None:
        """Return the string `key`: at most ``MAX_TEXT_BYTES``, no NUL, encodable.

        Raises:
            InputError: as the class given at construction; so do all of these.
        """
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(key, "not a string")
        try:
            size_bytes = len(value.encode())
        except UnicodeEncodeError:
            raise self.error(key, "not valid Unicode") from None
        if size_bytes > MAX_TEXT_BYTES:
            raise self.error(key, f"{size_bytes} bytes, more than {MAX_TEXT_BYTES}")
        if "\0" in value:
            raise self.error(key, "contains a NUL")
        return value

    def integer(self, key: str, lowest: int, highest: int) -> int | None:
        """Return the integer `key`. 1.0 is no integer, as in Go's encoding/json."""
        value = self._values.get(key)
        if value is None:
            return None
        if type(value) is not int:
            raise self.error(key, "not an integer")
        if not lowest <= value <= highest:
            raise self.error(key, f"not in {lowest}..{highest}")
        return value

    def table(self, key: str) -> "Fields":
        """Return the object `key`; one without members when it is missing."""
        value = self._values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error(key, "not an object")
        return Fields(value, f"{self._where}{key}.", self._error)

    def tables(self, key: str) -> "list[Fields]":
        """Return the objects of the array `key`; none when it is missing."""
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, "not an array")
        tables = []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise self.error(f"{key}[{index}]", "not an object")
            tables.append(Fields(item, f"{self._where}{key}[{index}].", self._error))
        return tables

    def texts(self, key: str) -> dict[str, str]:
        """Return the object `key`, whose members are all strings, as annotations are."""
        value = self._values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(key, "not an object")
        for name, text in value.items():
            if not isinstance(text, str):
                raise self.error(f"{key}[{name[:64]!a}]", "not a string")
        return value

    def error(self, key: str, problem: str) -> InputError:
        """Return (not raise) the error that says `problem` about `key`."""
        return self._error(f"{self._where}{key}: {problem}")
