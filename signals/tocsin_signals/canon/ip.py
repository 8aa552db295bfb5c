"""IP addresses: profile ip/1. Reference signals 3.6.

In order: trim · refang · `/32` or `/128` may follow, any other prefix length is refused (ranges are another type) ·
brackets off · a strict dotted quad (a leading zero may mean octal and is refused, as are hex, short and whole-number
forms, which only browsers read) or an IPv6 address, written as RFC 5952 has it. An IPv6 address that only carries an
IPv4 one (mapped, or under the well-known NAT64 prefix) becomes that one. Ports and zones are refused.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import refang_dots, trim

MAX_BYTES: Final = 128
"""Longest text looked at after trimming: an address takes 45 characters, bracketed dots some more."""

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_QUAD: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_DIGITS: Final = re.compile(r"[0-9]+")
_MAPPED: Final = 0xFFFF  # ::ffff:0:0/96, IPv4-mapped
_NAT64: Final = 0x64FF9B << 64  # 64:ff9b::/96, the well-known NAT64 prefix


def ip(text: str) -> str:
    """Canonical form of one address."""
    address, length = split(text)
    if length is not None and not _DIGITS.fullmatch(length):
        raise reject("syntax")
    if _QUAD.fullmatch(address):
        whole, found = "32", address
    else:
        number = _version_6(address)
        whole, found = "128", str(carried(number) or number)
    if length not in (None, whole):
        raise reject("prefix")
    return found


def split(text: str) -> tuple[str, str | None]:
    """The address as written, without brackets, and the prefix length as written, if one follows."""
    text = refang_dots(trim(text)).replace("[:]", ":")
    if not text:
        raise reject("empty")
    if len(text) > MAX_BYTES:
        raise reject("syntax")
    address, slash, length = text.partition("/")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    return address, length if slash else None


def read(address: str) -> IPv4Address | IPv6Address:
    """The address as it is written, of either version."""
    return IPv4Address(address) if _QUAD.fullmatch(address) else _version_6(address)


def carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    number = int(address)
    return IPv4Address(number & 0xFFFFFFFF) if number >> 32 in (_MAPPED, _NAT64) else None


def _version_6(text: str) -> IPv6Address:
    if "%" in text:
        raise reject("zone")
    try:
        return IPv6Address(text)
    except ValueError:
        raise reject("syntax") from None
