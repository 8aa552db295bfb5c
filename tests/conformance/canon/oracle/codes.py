"""cidr/1, iban/1, device/1, pdq/1 and photodna/1, from the reference's sentences."""

import base64
import binascii
import ipaddress
import uuid
from typing import Final

from tests.conformance.canon.oracle import text as rules
from tests.conformance.canon.oracle.names import ip

_WIDTHS: Final = {4: (24,), 6: (64, 56, 48)}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_KINDS: Final = {"aaid": "gaid", "android_id": "androidid", "android-id": "androidid"}
_HEX: Final = "0123456789abcdef"


def ranges(address: str) -> list[str]:
    """The ranges that a look-up of a canonical address tries."""
    found = ipaddress.ip_address(address)
    return [str(ipaddress.ip_network(f"{found}/{width}", strict=False)) for width in _WIDTHS[found.version]]


def cidr(text: str) -> str | None:
    """Profile cidr/1."""
    trimmed = rules.edges(text)
    if not trimmed:
        return None
    address, _, length = rules.dots(trimmed).replace("[:]", ":").rpartition("/")
    if not length or any(sign not in "0123456789" for sign in length) or (length[0] == "0" and length != "0"):
        return None
    if len(address) + len(length) >= 128 or ip(address) is None or "/" in address or address.strip() != address:
        return None
    try:
        found = ipaddress.ip_network(f"{address.removeprefix('[').removesuffix(']')}/{length}")
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and any(found.subnet_of(one) for one in (_NAT64, _MAPPED)):
        found = ipaddress.ip_network((found.network_address.packed[12:], found.prefixlen - 96))
    if found.prefixlen not in _WIDTHS[found.version]:
        return None
    return str(found)


def iban(text: str) -> str | None:
    """Profile iban/1."""
    trimmed = rules.edges(text)
    if trimmed is None:
        return None
    bare = "".join(sign for sign in trimmed if not sign.isspace() and sign != "-")
    if not bare.isascii():
        return None
    bare = bare.upper()
    if bare.startswith("IBAN"):
        bare = bare[4:].removeprefix(":")
    country, check, account = bare[:2], bare[2:4], bare[4:]
    if not (len(country) == 2 and country.isalpha() and len(check) == 2 and check.isdigit()):
        return None
    if not (11 <= len(account) <= 30 and account.isalnum() and "02" <= check <= "98"):
        return None
    number = "".join(str(int(sign, 36)) for sign in account + country) + check
    return bare if int(number) % 97 == 1 else None


def device(text: str) -> str | None:
    """Profile device/1."""
    trimmed = rules.edges(text)
    if trimmed is None or ":" not in trimmed:
        return None
    name, value = (rules.edges(part) or "" for part in trimmed.split(":", 1))
    if not (name.isascii() and value.isascii() and value):
        return None
    kind = _KINDS.get(name.lower(), name.lower())
    value = value.lower()
    if kind in {"idfa", "gaid", "idfv"}:
        value = _uuid(value)
    elif kind == "imei":
        value = _imei("".join(sign for sign in value if sign not in " ./-"))
    elif kind == "mac":
        value = _mac(value)
    elif kind != "androidid" or not _is_hex(value, 16) or value == "9774d56d682e549c":
        value = ""
    return f"{kind}:{value}" if value.strip("0-") else None


def _uuid(value: str) -> str:
    bare = value[1:-1] if value[0] == "{" and value[-1] == "}" else value
    if not _is_hex(bare.replace("-", ""), 32):
        return ""
    found = str(uuid.UUID(bare.replace("-", "")))
    return found if bare in {found, found.replace("-", "")} else ""


def _imei(digits: str) -> str:
    if not digits.isdigit() or not 14 <= len(digits) <= 16:
        return ""
    if len(digits) == 15:
        total = 0
        for place, digit in enumerate(map(int, digits)):
            total += digit if place % 2 == 0 else (2 * digit if digit < 5 else 2 * digit - 9)
        if total % 10:
            return ""
    return digits[:14]


def _mac(value: str) -> str:
    groups = [value[at : at + 2] for at in range(0, 12, 2)]
    for sign, size in ((":", 2), ("-", 2), (".", 4)):
        if sign in value:
            groups = value.split(sign)
            if any(len(group) != size for group in groups):
                return ""
    found = "".join(groups)
    whole = len(value) == len(found) + max(0, len(groups) - 1) or value == found
    return found if whole and _is_hex(found, 12) and found != "f" * 12 else ""


def pdq(text: str) -> str | None:
    """Profile pdq/1."""
    trimmed = rules.edges(text)
    if trimmed is None:
        return None
    digits, comma, quality = trimmed.partition(",")
    digits, quality = (rules.edges(digits) or "").lower(), rules.edges(quality) or ""
    if comma and not (quality.isascii() and quality.isdigit() and len(quality) <= 3 and 50 <= int(quality) <= 100):
        return None
    bits = sum(int(digit, 16).bit_count() for digit in digits) if _is_hex(digits, 64) else 0
    return digits if 96 <= bits <= 160 else None


def photodna(text: str) -> str | None:
    """Profile photodna/1."""
    trimmed = rules.edges(text)
    if trimmed is None:
        return None
    data = _photodna(trimmed)
    return data.hex() if data is not None and len(data) == 144 and len(set(data)) > 1 else None


def _photodna(text: str) -> bytes | None:
    if _is_hex(text.lower(), 288) and text.isascii():
        return bytes.fromhex(text)
    numbers = [one.strip(" ") for one in text.split(",")]
    if len(numbers) == 144:
        good = all(one.isascii() and one.isdigit() and one == str(int(one)) and int(one) < 256 for one in numbers)
        return bytes(map(int, numbers)) if good else None
    try:
        return base64.b64decode(text, validate=True) if len(text) == 192 and text.isascii() else None
    except binascii.Error:
        return None


def _is_hex(text: str, size: int) -> bool:
    return len(text) == size and all(sign in _HEX for sign in text)
