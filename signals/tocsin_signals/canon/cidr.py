"""Ranges of addresses: profile cidr/1, `address/length`. Reference signals 3.6.

In order: trim · refang · a length must follow · brackets off · an address as in ip/1, with the same refusals; a range
of addresses that only carry IPv4 ones becomes that IPv4 range · only the lengths that look-ups try · no bits set below
the length, for nobody could tell whether the address or the range was meant. One address is `ip`, whatever follows it.

A look-up tries few lengths, because each costs a tag, and a published range that no look-up tries would be silently
dead: /24 for IPv4 (what one network announces), /64, /56 and /48 for IPv6 (one link, home and site). Anything wider is
split by its publisher, who should think twice: a /16 is 65,536 strangers. docs/adr/0024.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.ip import carried, read, split
from tocsin_signals.canon.reasons import reject

LENGTHS: Final = MappingProxyType({4: (24,), 6: (64, 56, 48)})
"""Lengths of a range by version of the protocol, narrowest first."""

_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_CARRIER: Final = 96  # bits in front of an IPv4 address that an IPv6 one carries


def cidr(text: str) -> str:
    """Canonical form of a range."""
    written, length_text = split(text)
    address = read(written)
    if length_text is None:
        raise reject("single")
    if not _LENGTH.fullmatch(length_text) or int(length_text) > address.max_prefixlen:
        raise reject("syntax")
    length = int(length_text)
    inner = carried(address) if isinstance(address, IPv6Address) and length >= _CARRIER else None
    if inner is not None:
        address, length = inner, length - _CARRIER
    _check_length(address, length)
    if _masked(address, length) != address:
        raise reject("host-bits")
    return f"{address}/{length}"


def ranges(text: str) -> tuple[str, ...]:
    """Every range a look-up of the canonical address `text` tries, narrowest first, each in canonical form."""
    address = read(text)
    return tuple(f"{_masked(address, length)}/{length}" for length in LENGTHS[address.version])


def wider(canonical: str) -> tuple[str, ...]:
    """The range itself and the wider ones that hold it."""
    address, _, length = canonical.partition("/")
    return tuple(found for found in ranges(address) if int(found.partition("/")[2]) <= int(length))


def _check_length(address: IPv4Address | IPv6Address, length: int) -> None:
    if length == address.max_prefixlen:
        raise reject("single")
    lengths = LENGTHS[address.version]
    if length < lengths[-1]:
        raise reject("too-wide")
    if length not in lengths:
        raise reject("width")


def _masked(address: IPv4Address | IPv6Address, length: int) -> IPv4Address | IPv6Address:
    below = address.max_prefixlen - length
    return type(address)(int(address) >> below << below)
