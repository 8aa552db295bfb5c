"""Groups of five bits and their signs, which bech32 and CashAddr share (BIP-173), and regrouping them into bytes."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.reasons import reject

CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = MappingProxyType({sign: value for value, sign in enumerate(CHARSET)})


def one_case(text: str) -> str:
    """The text in lower case; Rejected("format") when it mixes cases, which both formats forbid."""
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise reject("format")
    return lower


def read(text: str) -> list[int]:
    """The groups a lower-case text writes; Rejected("format") for any other sign."""
    groups = [_VALUES.get(sign, -1) for sign in text]
    if -1 in groups:
        raise reject("format")
    return groups


def write(groups: Iterable[int]) -> str:
    """The signs of groups."""
    return "".join(CHARSET[group] for group in groups)


def to_bytes(groups: Iterable[int]) -> bytes:
    """Whole bytes of groups; Rejected("format") unless fewer than five bits are left over, all zero."""
    number = count = 0
    for group in groups:
        number = number << 5 | group
        count += 5
    rest = count % 8
    if rest >= 5 or number & ((1 << rest) - 1):
        raise reject("format")
    return (number >> rest).to_bytes(count // 8, "big")


def from_bytes(raw: bytes) -> list[int]:
    """Groups of bytes, filled up with zero bits."""
    rest = -len(raw) * 8 % 5
    number = int.from_bytes(raw, "big") << rest
    return [number >> shift & 31 for shift in range(len(raw) * 8 + rest - 5, -1, -5)]
