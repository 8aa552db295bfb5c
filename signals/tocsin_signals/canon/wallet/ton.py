"""TON: `workchain:hex`, which wallets show in a friendly form of 48 signs of base64.

Friendly: one byte of flags, one of workchain, the account's 32, and a CRC-16 (XMODEM). Flags only say whether a payment
may bounce, so every friendly form of an account is the same account; the raw form has no checksum.
"""

import re
from base64 import b64decode
from binascii import crc_hqx
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet.payload import refuse_zeros

_RAW: Final = re.compile(r"(0|-?[1-9][0-9]{0,2}):([0-9a-fA-F]{64})")
_FRIENDLY: Final = re.compile(r"[A-Za-z0-9+/_-]{48}")
_TO_STANDARD: Final = str.maketrans("-_", "+/")
_FLAGS: Final = (0x11, 0x51)  # a payment may bounce, or not
_TEST_ONLY: Final = 0x80
_WORKCHAINS: Final = range(-128, 128)  # what the friendly form has room for


def ton(text: str) -> str:
    """An account, from its raw or a friendly form, or a link to pay it (`ton://transfer/...`)."""
    text = text.removeprefix("transfer/")
    if raw := _RAW.fullmatch(text):
        workchain, account = int(raw[1]), bytes.fromhex(raw[2])
    else:
        workchain, account = _friendly(text)
    if workchain not in _WORKCHAINS:
        raise reject("format")
    refuse_zeros(account)
    return f"{workchain}:{account.hex()}"


def _friendly(text: str) -> tuple[int, bytes]:
    if not _FRIENDLY.fullmatch(text):
        raise reject("format")
    raw = b64decode(text.translate(_TO_STANDARD))
    if crc_hqx(raw[:34], 0) != int.from_bytes(raw[34:], "big"):
        raise reject("checksum")
    if raw[0] & ~_TEST_ONLY not in _FLAGS:
        raise reject("format")
    if raw[0] & _TEST_ONLY:
        raise reject("network")
    return int.from_bytes(raw[1:2], "big", signed=True), raw[2:34]
