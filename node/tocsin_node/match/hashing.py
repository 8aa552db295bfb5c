"""Fingerprints: 32 secret-keyed bits of a tag and its tag space, the key of the match index.

A publisher chooses its tags freely, so a plain prefix would let it pile a million tags on one slot. The function is
Lemire and Kaser's multilinear family ("Strongly universal string hashing is fast", 2013): the sum of eight 32-bit tag
words and the space number, each times a secret random 64-bit multiplier, plus a secret constant, mod 2^64; the *upper*
32 bits are the fingerprint. Any two different inputs then share the upper b bits with probability 2^-b, whatever the
publisher does.

Why not four 64-bit words with odd multipliers: the sum mod 2^64 is blind to high bits. Flipping the top bit of two
words adds 2^63 + 2^63 = 0 for *every* choice of odd multipliers, so collisions need no secret. The unit tests keep
that attack.

A fingerprint only narrows the search; the index compares whole tags.
"""

import secrets
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS = 10  # eight tag words, one for the tag space, one constant
_MASK = (1 << 64) - 1
_HALF = np.uint64(32)
_WORDS = struct.Struct("<8I")


class Fingerprint:
    """The keyed function from (tag, space) to 32 bits; one key per index, drawn at random unless given."""

    def __init__(self, *, multipliers: Sequence[int] | None = None) -> None:
        """Take ten secret numbers below 2^64, or draw them."""
        key = tuple(secrets.randbits(64) for _ in range(MULTIPLIERS)) if multipliers is None else tuple(multipliers)
        if len(key) != MULTIPLIERS or not all(0 <= number <= _MASK for number in key):
            raise ValueError(f"a fingerprint key is {MULTIPLIERS} numbers of 64 bits")
        self._key = key
        self._columns = np.array(key, dtype=np.uint64)

    def of(self, tags: NDArray[np.uint8], spaces: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Return the fingerprints of tags (n, 32) in spaces (n,), as uint64 values below 2^32."""
        words = tags.view("<u4")
        key = self._columns
        total = spaces * key[8]
        total += key[9]
        for column in range(8):
            total += words[:, column] * key[column]
        total >>= _HALF
        return total

    def of_one(self, tag: bytes, space: int) -> int:
        """Return the fingerprint of one 32-byte tag in one space; the same value `of` gives."""
        a, b, c, d, e, f, g, h = _WORDS.unpack(tag)
        k = self._key
        total = (
            a * k[0] + b * k[1] + c * k[2] + d * k[3] + e * k[4] + f * k[5] + g * k[6] + h * k[7] + space * k[8] + k[9]
        )
        return (total & _MASK) >> 32
