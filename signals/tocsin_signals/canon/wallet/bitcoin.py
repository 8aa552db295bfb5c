"""Bitcoin and two that grew out of it: Litecoin and Bitcoin Cash.

A version byte tells a key's hash (P2PKH) from a script's (P2SH) and one network from another.
"""

from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet import cashaddr
from tocsin_signals.canon.wallet.base58 import decode_check, encode_check
from tocsin_signals.canon.wallet.bech32 import segwit
from tocsin_signals.canon.wallet.payload import refuse_zeros

HASH_BYTES: Final = 20
SCRIPT_BYTES: Final = (20, 32)

_BITCOIN_KEY: Final = 0x00
_BITCOIN_SCRIPT: Final = 0x05  # also Litecoin's until 2017 and Bitcoin Cash's: three chains write it 3...
_LITECOIN_KEY: Final = 0x30
_LITECOIN_SCRIPT: Final = 0x32

_KEY: Final = 0  # types of CashAddr
_SCRIPT: Final = 1
_TOKEN: Final = 2  # added by a wallet that takes tokens (CashTokens, 2023); the same key or script behind it


def btc(text: str) -> str:
    """Bitcoin."""
    if _begins(text, "bc1"):
        return _segwit(text, "bc")
    if _begins(text, "tb1", "bcrt1"):
        raise reject("network")
    _hash(text, _BITCOIN_KEY, _BITCOIN_SCRIPT)
    return text


def ltc(text: str) -> str:
    """Litecoin."""
    if _begins(text, "ltc1"):
        return _segwit(text, "ltc")
    if _begins(text, "tltc1", "rltc1"):
        raise reject("network")
    version, body = _hash(text, _LITECOIN_KEY, _LITECOIN_SCRIPT, _BITCOIN_SCRIPT)
    return encode_check(_LITECOIN_SCRIPT, body) if version == _BITCOIN_SCRIPT else text


def bch(text: str) -> str:
    """Bitcoin Cash."""
    if _begins(text, "bchtest:", "bchreg:"):
        raise reject("network")
    if text[0] not in "qpzrQPZR":
        version, body = _hash(text, _BITCOIN_KEY, _BITCOIN_SCRIPT)
        return cashaddr.encode(_KEY if version == _BITCOIN_KEY else _SCRIPT, body)
    kind, body = cashaddr.decode(text)
    kind -= _TOKEN if kind >= _TOKEN else 0
    if not ((kind == _KEY and len(body) == HASH_BYTES) or (kind == _SCRIPT and len(body) in SCRIPT_BYTES)):
        raise reject("format")
    refuse_zeros(body)
    return cashaddr.encode(kind, body)


def _begins(text: str, *heads: str) -> bool:
    return text.lower().startswith(heads)


def _segwit(text: str, prefix: str) -> str:
    found, _, program = segwit(text, prefix)
    refuse_zeros(program)
    return found


def _hash(text: str, *versions: int) -> tuple[int, bytes]:
    """Version and hash of a Base58Check address with one of these versions."""
    version, body = decode_check(text)
    if version not in versions:
        raise reject("network")
    if len(body) != HASH_BYTES:
        raise reject("format")
    refuse_zeros(body)
    return version, body
