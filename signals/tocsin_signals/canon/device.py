"""Devices: profile device/1, `kind:value`. Reference signals 3.9.

    idfa, gaid, idfv    advertising ids of iOS and Android, vendor id of iOS: a UUID in lower case, with hyphens
    imei                14 digits: the check digit of 15 must be right and is left out, as is the software version of 16
    mac                 12 hex digits in lower case
    androidid           16 hex digits in lower case

In order: trim · split at the first colon · the kind by its aliases · the value as its kind has it, separators out. What
devices send when they have nothing to send is refused: zeros (advertising ids of those who opted out), the broadcast
address, the Android id that a whole generation of phones shared. Which phone carries an id today nobody can tell.
"""

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import trim

SHARED_ANDROID_ID: Final = "9774d56d682e549c"
"""A defect of Android 2.2 gave this id to every phone of several makers."""

_UUID: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IMEI: Final = re.compile(r"[0-9]{14,16}")
_MAC: Final = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}"
)
_ANDROID_ID: Final = re.compile(r"[0-9a-f]{16}")
_IMEI_DIGITS: Final = 14


def device(text: str) -> str:
    """Canonical form of a device's id."""
    name, colon, value = trim(text).partition(":")
    name, value = trim(name), trim(value)
    if not (colon and name):
        raise reject("no-kind")
    kind = ALIASES.get(name.lower()) if name.isascii() else None
    if kind is None:
        raise reject("kind")
    if not value:
        raise reject("empty")
    if not value.isascii():
        raise reject("format")
    return f"{kind}:{KINDS[kind](value.lower())}"


def luhn(digits: str) -> int:
    """What is left of the Luhn sum modulo 10 of digits that end in their check digit: 0 where it is right."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10


def _uuid(value: str) -> str:
    if value.startswith("{") and value.endswith("}"):
        value = value[1:-1]
    if not _UUID.fullmatch(value):
        raise reject("format")
    digits = value.replace("-", "")
    _refuse_zeros(digits)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _imei(value: str) -> str:
    digits = re.sub(r"[ ./-]", "", value)
    if not _IMEI.fullmatch(digits):
        raise reject("format")
    if len(digits) == _IMEI_DIGITS + 1 and luhn(digits):
        raise reject("luhn")
    digits = digits[:_IMEI_DIGITS]
    _refuse_zeros(digits)
    return digits


def _mac(value: str) -> str:
    if not _MAC.fullmatch(value):
        raise reject("format")
    digits = re.sub(r"[:.-]", "", value)
    _refuse_zeros(digits)
    if digits == "f" * 12:
        raise reject("guard:broadcast")
    return digits


def _android_id(value: str) -> str:
    if not _ANDROID_ID.fullmatch(value):
        raise reject("format")
    _refuse_zeros(value)
    if value == SHARED_ANDROID_ID:
        raise reject("guard:shared")
    return value


def _refuse_zeros(digits: str) -> None:
    if not digits.strip("0"):
        raise reject("guard:zero")


KINDS: Final = MappingProxyType[str, Callable[[str], str]](
    {"idfa": _uuid, "gaid": _uuid, "idfv": _uuid, "imei": _imei, "mac": _mac, "androidid": _android_id}
)
ALIASES: Final = MappingProxyType(
    {name: name for name in KINDS} | {"aaid": "gaid", "android_id": "androidid", "android-id": "androidid"}
)
"""Kind by every name it goes under."""
