"""Hosts by the WHATWG host parser, UTS 46 and RFC 5893, on the tables of the `idna` package instead of our engine."""

import base64
import hashlib
import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote_to_bytes

import idna
from idna.core import check_bidi, check_initial_combiner, uts46_remap, valid_contextj

from tests.conformance.canon.oracle.text import assigned, dots, edges

_FORBIDDEN = set("\0\t\n\r #/:<>?@[\\]^|%\x7f") | {chr(point) for point in range(0x20)}


def url_host(text: str) -> str | None:
    """A host as written in a URL, as url/1 has it (with `www.`): a name, `1.2.3.4` or `[v6]`."""
    if text.startswith("["):
        return _version_6(text)
    decoded = unquote_to_bytes(text).decode("utf-8", "replace")
    if not assigned(decoded):
        return None
    name = to_ascii(decoded)
    if not name or any(sign in _FORBIDDEN for sign in name):
        return None
    labels = name.removesuffix(".").split(".")
    if _is_number(labels[-1]):
        return _version_4(labels)
    return checked_name(name)


def domain_name(text: str) -> str | None:
    """A trimmed name as domain/1 has it."""
    if (
        not text
        or not assigned(text)
        or any(sign in "/\\?#@:%[]<>^|" or unicodedata.category(sign) == "Cc" for sign in text)
    ):
        return None
    if " " in text:
        return None
    found = url_host(text)
    return found if found and "." in found and not re.fullmatch(r"[0-9.]+", found) else None


def domain(text: str) -> str | None:
    """Profile domain/1."""
    trimmed = edges(text)
    return None if trimmed is None else domain_name(dots(trimmed).removeprefix("*."))


def checked_name(name: str) -> str | None:
    """Step 5 of url/1 on a name in ASCII."""
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or any(not 1 <= len(label) <= 63 for label in labels):
        return None
    if any(sign not in "abcdefghijklmnopqrstuvwxyz0123456789-_." for sign in name):
        return None
    if any(not _a_label_holds(label) for label in labels if label.startswith("xn--")):
        return None
    return name if labels[-1] != "onion" or (len(labels) > 1 and _is_onion(labels[-2])) else None


def to_ascii(host: str) -> str | None:
    """UTS 46 ToASCII, not transitional, with CheckBidi and CheckJoiners, without length and hyphen rules."""
    if host.isascii() and "xn--" not in host.lower():
        return host.lower()
    try:
        mapped = uts46_remap(host, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return None
    found = [_label(label) for label in mapped.split(".")]
    return None if None in found else ".".join(label for label in found if label is not None)


def _label(label: str) -> str | None:
    if label.startswith("xn--"):
        decoded = _punycode(label)
        return label if decoded is not None and _valid(decoded) else None
    if label.isascii():
        return label
    return "xn--" + label.encode("punycode").decode() if _valid(label) else None


def _valid(label: str) -> bool:
    """The validity criteria of UTS 46 for one label beyond ASCII."""
    if unicodedata.normalize("NFC", label) != label:
        return False
    try:
        if uts46_remap(label, std3_rules=False, transitional=False) != label:
            return False
        check_initial_combiner(label)
        check_bidi(label)
    except idna.IDNAError:
        return False
    return all(valid_contextj(label, at) for at, sign in enumerate(label) if sign in "\u200c\u200d")


def _a_label_holds(label: str) -> bool:
    decoded = _punycode(label)
    return decoded is not None and assigned(decoded) and _label(decoded) == label


def _punycode(label: str) -> str | None:
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return None
    return decoded if decoded and not decoded.isascii() else None


def _is_onion(label: str) -> bool:
    if len(label) != 56 or any(sign not in "abcdefghijklmnopqrstuvwxyz234567" for sign in label):
        return False
    raw = base64.b32decode(label.upper())
    return raw[34:] == b"\x03" and hashlib.sha3_256(b".onion checksum" + raw[:32] + b"\x03").digest()[:2] == raw[32:34]


def _is_number(label: str) -> bool:
    return label.isdigit() or re.fullmatch(r"0x[0-9a-f]*", label) is not None


def _version_4(labels: list[str]) -> str | None:
    numbers = [_number(label) for label in labels]
    if len(numbers) > 4 or any(number is None for number in numbers):
        return None
    *first, last = [number or 0 for number in numbers]
    if any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return None
    return str(IPv4Address(sum(number * 256 ** (3 - place) for place, number in enumerate(first)) + last))


def _number(label: str) -> int | None:
    base, digits = (16, label[2:]) if label.startswith("0x") else (8, label) if label.startswith("0") else (10, label)
    try:
        return int(digits, base) if digits else 0 if base == 16 else None
    except ValueError:
        return None


def _version_6(text: str) -> str | None:
    if not text.endswith("]") or "%" in text:
        return None
    try:
        address = IPv6Address(text[1:-1])
    except ValueError:
        return None
    carried = address.ipv4_mapped or _nat64(address)
    return str(carried) if carried else f"[{address.compressed}]"


def _nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(address.packed[12:]) if address.packed[:12] == bytes.fromhex("0064ff9b") + bytes(8) else None
