"""Base58 and Base58Check, as Bitcoin made them. Every byte string has exactly one text.

Digits of base 58, most significant first; each zero byte in front is a `1`. Base58Check appends the first four bytes of
the SHA-256 of the SHA-256. Decoding takes time by the square of the length: the caller bounds it.
"""

import hashlib
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.reasons import reject

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
DIGITS: Final = MappingProxyType({sign: value for value, sign in enumerate(ALPHABET)})
CHECK_BYTES: Final = 4


def decode(text: str) -> bytes:
    """The bytes behind a text; Rejected("format") for a sign that is no digit."""
    number = value(text)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def value(text: str) -> int:
    """The number a run of digits writes; Rejected("format") for a sign that is no digit."""
    number = 0
    for sign in text:
        digit = DIGITS.get(sign)
        if digit is None:
            raise reject("format")
        number = number * 58 + digit
    return number


def encode(raw: bytes) -> str:
    """The text of some bytes."""
    number = int.from_bytes(raw, "big")
    signs: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        signs.append(ALPHABET[digit])
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + "".join(reversed(signs))


def decode_check(text: str) -> tuple[int, bytes]:
    """Version byte and body of a checked text; Rejected("format") or Rejected("checksum")."""
    raw = decode(text)
    payload, check = raw[:-CHECK_BYTES], raw[-CHECK_BYTES:]
    if not payload or _check(payload) != check:
        raise reject("checksum")
    return payload[0], payload[1:]


def encode_check(version: int, body: bytes) -> str:
    """The checked text of a version byte and a body."""
    payload = bytes([version]) + body
    return encode(payload + _check(payload))


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:CHECK_BYTES]
