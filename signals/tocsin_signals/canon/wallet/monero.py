"""Monero: its own Base58, in blocks, over one byte of network and kind, two public keys and a checksum by Keccak-256.

Each 8 bytes are 11 digits, the last block fewer, so every length of bytes has one length of text. An integrated address
holds a standard one and a payment id; the id names an invoice, not a wallet, and is left out. Keys are not checked to
be points of the curve.
"""

from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet.base58 import ALPHABET, value
from tocsin_signals.canon.wallet.keccak import keccak_256
from tocsin_signals.canon.wallet.payload import refuse_zeros

STANDARD: Final = 18
INTEGRATED: Final = 19
SUBADDRESS: Final = 42
_OTHER_NETWORKS: Final = frozenset({53, 54, 63, 24, 25, 36})  # the same three on testnet and stagenet

KEY_BYTES: Final = 64
PAYMENT_BYTES: Final = 8
CHECK_BYTES: Final = 4

_BLOCK: Final = 8
_DIGITS: Final = (0, 2, 3, 5, 6, 7, 9, 10, 11)
"""Digits of a block, by its bytes."""


def xmr(text: str) -> str:
    """A standard address or subaddress."""
    raw = decode(text)
    body, check = raw[:-CHECK_BYTES], raw[-CHECK_BYTES:]
    if not body or keccak_256(body)[:CHECK_BYTES] != check:
        raise reject("checksum")
    kind, keys = body[0], body[1:]
    if kind in _OTHER_NETWORKS:
        raise reject("network")
    extra = PAYMENT_BYTES if kind == INTEGRATED else 0
    if kind not in (STANDARD, INTEGRATED, SUBADDRESS) or len(keys) != KEY_BYTES + extra:
        raise reject("format")
    keys = keys[:KEY_BYTES]
    refuse_zeros(keys)
    return _address(STANDARD, keys) if extra else text


def decode(text: str) -> bytes:
    """The bytes of a text; Rejected("format") for a length, digit or block that writes no bytes."""
    width = _DIGITS[_BLOCK]
    found = bytearray()
    for start in range(0, len(text), width):
        block = text[start : start + width]
        if len(block) not in _DIGITS:
            raise reject("format")
        size, number = _DIGITS.index(len(block)), value(block)
        if number >> 8 * size:
            raise reject("format")
        found += number.to_bytes(size, "big")
    return bytes(found)


def encode(raw: bytes) -> str:
    """The text of some bytes."""
    found = ""
    for start in range(0, len(raw), _BLOCK):
        block = raw[start : start + _BLOCK]
        number, signs = int.from_bytes(block, "big"), ""
        for _ in range(_DIGITS[len(block)]):
            number, digit = divmod(number, len(ALPHABET))
            signs = ALPHABET[digit] + signs
        found += signs
    return found


def _address(kind: int, keys: bytes) -> str:
    body = bytes([kind]) + keys
    return encode(body + keccak_256(body)[:CHECK_BYTES])
