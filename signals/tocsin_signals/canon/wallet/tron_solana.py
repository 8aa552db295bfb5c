"""TRON, in the Base58Check of Bitcoin over an address of Ethereum's making, and Solana, in bare Base58.

A Solana address is a public key without a checksum: a mistyped one is another address.
"""

import re
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet.base58 import decode, decode_check, encode_check
from tocsin_signals.canon.wallet.payload import refuse_zeros

_TRON: Final = 0x41
_TRON_HEX: Final = re.compile(r"(?:0[xX])?41([0-9a-fA-F]{40})")
_TRON_BYTES: Final = 20
_SOLANA_BYTES: Final = 32


def trx(text: str) -> str:
    """TRON."""
    if match := _TRON_HEX.fullmatch(text):
        body = bytes.fromhex(match[1])
        text = encode_check(_TRON, body)
    else:
        version, body = decode_check(text)
        if version != _TRON:
            raise reject("network")
        if len(body) != _TRON_BYTES:
            raise reject("format")
    refuse_zeros(body)
    return text


def sol(text: str) -> str:
    """Solana."""
    raw = decode(text)
    if len(raw) != _SOLANA_BYTES:
        raise reject("format")
    refuse_zeros(raw)
    return text
