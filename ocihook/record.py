# SPDX-License-Identifier: Apache-2.0
"""What the generated classes of ocihook/abi.py have in common. On the hook's path."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from struct import Struct
    from typing import ClassVar, Self


class Record:
    """A C structure as a Python object: one attribute a member.

    Arrays of integers are tuples. Byte arrays are NUL-padded C strings on the C side and
    ``bytes`` without the padding here.
    """

    __slots__: "tuple[str, ...]" = ()
    LAYOUT: "ClassVar[Struct]"
    COUNTS: "ClassVar[tuple[int, ...]]"
    """How many values of LAYOUT belong to each of ``__slots__``."""

    def pack(self) -> bytearray:
        """Return the structure as the kernel expects it, in a buffer it may write to.

        A byte string longer than its member is cut; whoever fills one bounds it first.

        Raises:
            struct.error: a number does not fit its member.
        """
        values: list[object] = []
        for name, count in zip(self.__slots__, self.COUNTS, strict=True):
            value = getattr(self, name)
            if count > 1:
                values.extend(value)
            else:
                values.append(value)
        return bytearray(self.LAYOUT.pack(*values))

    @classmethod
    def unpack(cls, data: "bytes | bytearray") -> "Self":
        """Return the object for ``LAYOUT.size`` bytes of the structure."""
        self = cls.__new__(cls)
        values = cls.LAYOUT.unpack(data)
        at = 0
        for name, count in zip(cls.__slots__, cls.COUNTS, strict=True):
            value = values[at : at + count] if count > 1 else values[at]
            if isinstance(value, bytes):
                value = value.split(b"\0", 1)[0]
            setattr(self, name, value)
            at += count
        return self
