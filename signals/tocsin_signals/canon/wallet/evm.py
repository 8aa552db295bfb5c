"""Ethereum and every chain with its key space.

The case of the digits is the checksum (EIP-55): a letter is a capital where the same place of Keccak-256 of the digits
in lower case is 8 or more. One case throughout carries no checksum and is taken as it is.
"""

import re
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet.keccak import keccak_256
from tocsin_signals.canon.wallet.payload import refuse_zeros

_ADDRESS: Final = re.compile(r"(?:pay-)?0[xX]([0-9a-fA-F]{40})(?:@[0-9]{1,20})?")
"""With what a payment link puts around it (EIP-681): `pay-` in front, the number of the chain behind."""


def evm(text: str) -> str:
    """An account or contract."""
    match = _ADDRESS.fullmatch(text)
    if not match:
        raise reject("format")
    digits = match[1]
    lower = digits.lower()
    refuse_zeros(bytes.fromhex(lower))
    if digits not in (lower, digits.upper()) and checksummed(lower) != digits:
        raise reject("eip55")
    return "0x" + lower


def checksummed(digits: str) -> str:
    """Forty lower-case hex digits with the capitals of EIP-55."""
    places = keccak_256(digits.encode()).hex()
    return "".join(
        digit.upper() if int(place, 16) >= 8 else digit for digit, place in zip(digits, places, strict=False)
    )
