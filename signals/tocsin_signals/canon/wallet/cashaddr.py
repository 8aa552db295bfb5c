"""CashAddr, the addresses of Bitcoin Cash (its specification of 2017): five-bit groups under a BCH code of 40 bits.

The first byte holds four bits of type and three of size. The prefix is part of the checksum and may be left out of the
text.
"""

from collections.abc import Iterable
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet import bits

PREFIX: Final = "bitcoincash"
CHECK_GROUPS: Final = 8
SIZES: Final = (20, 24, 28, 32, 40, 48, 56, 64)
"""Bytes of hash by size bits."""

_GENERATOR: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)


def decode(text: str, prefix: str = PREFIX) -> tuple[int, bytes]:
    """Type and hash of a text without prefix; Rejected("format") or Rejected("checksum")."""
    groups = bits.read(bits.one_case(text))
    if len(groups) <= CHECK_GROUPS:
        raise reject("format")
    if _checksum(prefix, groups):
        raise reject("checksum")
    raw = bits.to_bytes(groups[:-CHECK_GROUPS])
    if raw[0] >> 7 or len(raw) - 1 != SIZES[raw[0] & 7]:
        raise reject("format")
    return raw[0] >> 3, raw[1:]


def encode(kind: int, body: bytes, prefix: str = PREFIX) -> str:
    """The text, without prefix, of a type and a hash."""
    groups = bits.from_bytes(bytes([kind << 3 | SIZES.index(len(body))]) + body)
    found = _checksum(prefix, groups + [0] * CHECK_GROUPS)
    return bits.write([*groups, *(found >> shift & 31 for shift in range(35, -1, -5))])


def _checksum(prefix: str, groups: Iterable[int]) -> int:
    """Zero where the check groups at the end are right."""
    found = 1
    for group in (*(ord(sign) & 31 for sign in prefix), 0, *groups):
        top = found >> 35
        found = (found & 0x7FFFFFFFF) << 5 ^ group
        for bit, factor in enumerate(_GENERATOR):
            if top >> bit & 1:
                found ^= factor
    return found ^ 1
