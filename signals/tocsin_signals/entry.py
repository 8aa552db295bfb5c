"""One record of a feed: 112 bytes, little-endian, and many of them as numpy rows.

Layout of an entry (offset: field): 0 version u8 = 1 · 1 kind u8 · 2 type u16 · 4 epoch u32 · 8 tag 32 bytes · 40
details digest 32 bytes · 72 issued_at u64 · 80 valid_until u64 (both ms UTC) · 88 ref u64 · 96 salt 16 bytes.

A row is the entry behind one 00 byte, the leaf prefix of RFC 6962, so that a run of rows is hashed without copying.
`ref` is the signal's id, the index of its assert entry; NO_REF stands in open, assert and close. The salt keeps an
erased entry, of which only the leaf hash remains, from being confirmed by a guess.

This module knows the layout only: what entries mean together is decided by the node.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

VERSION: Final = 1
ENTRY_SIZE: Final = 112
ROW_SIZE: Final = 1 + ENTRY_SIZE
TAG_SIZE: Final = 32
SALT_SIZE: Final = 16
NO_REF: Final = 2**64 - 1

MAX_LIFETIME_MS: Final = 5 * 365 * 24 * 3600 * 1000
"""The longest a signal may live: five years. A publisher must look at it again before that."""

MAX_AHEAD_MS: Final = 10 * 60 * 1000
"""Clocks differ: an entry issued up to ten minutes ahead counts at once, a later one when its time comes."""


class Kind(IntEnum):
    """What an entry does. Any other number is reserved: hashed, stored, counted, never matched."""

    OPEN = 0
    ASSERT = 1
    REVISE = 2
    WITHDRAW = 3
    RETAG = 4
    RECEIPT = 16
    FEEDBACK = 17
    DISPUTE = 18
    CLOSE = 255


NAMES_SIGNAL: Final = frozenset({Kind.REVISE, Kind.WITHDRAW, Kind.RETAG})
"""Kinds whose ref is an earlier index of the same feed."""

ROW: Final = np.dtype(
    {
        "names": [
            *("prefix", "version", "kind", "type", "epoch", "tag"),
            *("details", "issued_at", "valid_until", "ref", "salt"),
        ],
        "formats": ["u1", "u1", "u1", "<u2", "<u4", "V32", "V32", "<u8", "<u8", "<u8", "V16"],
        "offsets": [0, 1, 2, 3, 5, 9, 41, 73, 81, 89, 97],
        "itemsize": ROW_SIZE,
    }
)

_LAYOUT: Final = struct.Struct("<BBHI32s32sQQQ16s")
assert _LAYOUT.size == ENTRY_SIZE


class Entry(NamedTuple):
    """One entry field by field: for single signals; runs of them stay columns."""

    version: int
    kind: int
    type: int
    epoch: int
    tag: bytes
    details: bytes
    issued_at: int
    valid_until: int
    ref: int
    salt: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        """From the 112 bytes that are hashed; ValueError for any other length."""
        if len(data) != ENTRY_SIZE:
            raise ValueError(f"an entry has {ENTRY_SIZE} bytes, not {len(data)}")
        return cls(*_LAYOUT.unpack(data))

    def encode(self) -> bytes:
        """The 112 bytes that are hashed."""
        return _LAYOUT.pack(*self)

    @property
    def kind_word(self) -> str:
        """The kind in words, its number where this version does not know it."""
        try:
            return Kind(self.kind).name.lower()
        except ValueError:
            return str(self.kind)


Rows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.void]]
Bytes2D: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
U64: TypeAlias = npt.NDArray[np.uint64]


def empty_rows(count: int) -> Rows:
    """`count` rows of version 1 with every other field zero."""
    rows = np.zeros(count, ROW)
    rows["version"] = VERSION
    return rows


def byte_view(rows: Rows) -> Bytes2D:
    """The same memory as (count, ROW_SIZE) bytes: how fixed-width fields are filled and read."""
    return rows.view(np.uint8).reshape(len(rows), ROW_SIZE)


def tag_column(rows: Rows) -> Bytes2D:
    """View of the tags, (count, 32) bytes."""
    return byte_view(rows)[:, 9:41]


def details_column(rows: Rows) -> Bytes2D:
    """View of the details digests, (count, 32) bytes."""
    return byte_view(rows)[:, 41:73]


def salt_column(rows: Rows) -> Bytes2D:
    """View of the salts, (count, 16) bytes."""
    return byte_view(rows)[:, 97:113]


def entry_bytes(rows: Rows, position: int) -> bytes:
    """The 112 bytes of one entry, as they are hashed."""
    return byte_view(rows)[position, 1:].tobytes()
