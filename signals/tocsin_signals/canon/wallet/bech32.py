"""Segregated witness addresses: bech32 for version 0 (BIP-173), bech32m from version 1 on (BIP-350).

The checksum of the wrong one of the two is a wrong checksum: software from before BIP-350 makes such addresses, and
coins sent to them are lost.
"""

from collections.abc import Iterable
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.wallet import bits

MAX_CHARS: Final = 90
CHECK_GROUPS: Final = 6
BECH32: Final = 1
BECH32M: Final = 0x2BC830A3

_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def segwit(text: str, prefix: str) -> tuple[str, int, bytes]:
    """Lower-case text, version and program of an address under `prefix`; Rejected("format") or Rejected("checksum")."""
    text = bits.one_case(text)
    if len(text) > MAX_CHARS or not text.startswith(prefix + "1"):
        raise reject("format")
    groups = bits.read(text[len(prefix) + 1 :])
    if len(groups) <= CHECK_GROUPS:
        raise reject("format")
    version = groups[0]
    if checksum(prefix, groups) != (BECH32 if version == 0 else BECH32M):
        raise reject("checksum")
    program = bits.to_bytes(groups[1:-CHECK_GROUPS])
    if version > 16 or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise reject("format")
    return text, version, program


def checksum(prefix: str, groups: Iterable[int]) -> int:
    """The constant that a text with its check groups adds up to: BECH32, BECH32M or nonsense."""
    found = 1
    expanded = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    for group in (*expanded, *groups):
        top = found >> 25
        found = (found & 0x1FFFFFF) << 5 ^ group
        for bit, factor in enumerate(_GENERATOR):
            if top >> bit & 1:
                found ^= factor
    return found
