"""Look-up tables of the guard: names and address ranges in sorted arrays, eight bytes or a pair of numbers each.

A name is kept as the first eight bytes of its BLAKE2b. That one name is taken for another has a chance of one in 10^14
for a whole pack, is the same on every machine, and costs a second look. A look-up is one hash and one bisection: one to
two microseconds, whatever the size.
"""

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from ipaddress import IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final, NamedTuple

_FOUR: Final = (4, AF_INET, 32)
_SIX: Final = (6, AF_INET6, 128)


class Range(NamedTuple):
    """Addresses of one family, 4 or 6, from first to last, as numbers."""

    version: int
    first: int
    last: int


class Names:
    """A map from names to sets of kinds, a bit for each. Nobody can list it: only ask for a name."""

    __slots__ = ("_keys", "_kinds")

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        found: dict[int, int] = {}
        for name, kinds in names:
            key = _key(name)
            found[key] = found.get(key, 0) | kinds
        self._keys = array("Q", sorted(found))
        self._kinds = array("L", map(found.__getitem__, self._keys))

    def kinds(self, name: str) -> int:
        """The kinds of a name; 0 for one that is not here."""
        key, keys = _key(name), self._keys
        place = bisect_left(keys, key)
        return self._kinds[place] if place < len(keys) and keys[place] == key else 0

    def __len__(self) -> int:
        return len(self._keys)


class Ranges:
    """A set of addresses, as ranges of both families that do not overlap."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[Range]) -> None:
        found = list(ranges)
        four = _merged(one for one in found if one.version == 4)
        six = _merged(one for one in found if one.version == 6)
        self._starts = {4: array("Q", (first for first, _ in four)), 6: [first for first, _ in six]}
        self._ends = {4: array("Q", (last for _, last in four)), 6: [last for _, last in six]}

    def overlaps(self, asked: Range) -> bool:
        """Whether any address of the range asked about is in this set."""
        place = bisect_right(self._starts[asked.version], asked.last) - 1  # the last range that begins by then
        return place >= 0 and self._ends[asked.version][place] >= asked.first

    def __len__(self) -> int:
        return len(self._starts[4]) + len(self._starts[6])


def range_of(text: str) -> Range:
    """The range of a canonical address or `addr/len`. Errors: ValueError."""
    address, _, length = text.partition("/")
    version, family, bits = _SIX if ":" in address else _FOUR
    try:
        packed = inet_pton(family, address)
    except OSError:
        raise ValueError("no canonical address or range") from None
    first = int.from_bytes(packed, "big")
    span = 1
    if length or text[-1] == "/":
        size = int(length)
        span = 1 << (bits - size) if 0 <= size <= bits and str(size) == length else 0
    if not span or first % span or (inet_ntop(family, packed) != address and not _dotted(packed, address)):
        raise ValueError("no canonical address or range")
    return Range(version, first, first + span - 1)


def _dotted(packed: bytes, address: str) -> bool:
    """The system writes the ends of some IPv6 addresses dotted, the canonical form never does."""
    return len(packed) > 4 and str(IPv6Address(packed)) == address


def _merged(ranges: Iterable[Range]) -> list[tuple[int, int]]:
    """In order, with what overlaps or touches made one."""
    merged: list[tuple[int, int]] = []
    for _, first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
