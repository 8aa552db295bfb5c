"""Hosts: step 5 of url/1, shared by domain/1 and email/1. Reference signals 1.4, 3.1.

Input is a host as the URL parser wrote it: lower case, A-labels, addresses in brackets or dotted. Two guards keep
library versions from moving bytes: the whole host must survive decoding its xn-- labels and encoding it again, and
every code point before and after must be assigned in Unicode 13.0. RFC 5893 rules that engines apply unevenly (a label
with right-to-left letters starts with one) are checked here. Does not resolve names and knows no list of suffixes.
"""

import hashlib
import re
from base64 import b32decode
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote

from tocsin_signals.canon.engine import parse_and_serialise, to_ascii
from tocsin_signals.canon.ip import carried
from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import refang_dots, trim
from tocsin_signals.canon.unicode13 import ARABIC_NUMBERS, RIGHT_TO_LEFT, all_assigned

MAX_NAME: Final = 253
MAX_LABEL: Final = 63

_NAME: Final = re.compile(r"(?!.{254})(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_IPV4: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_AUTHORITY: Final = re.compile(r"[^:]*:[/\\]*([^/\\?#]*)")
_NOT_IN_DOMAIN: Final = re.compile(r"[/\\?#@:%\[\]<>^|\x00-\x20\x7f-\x9f]")
_MIXED: Final = re.compile(rf"(?:^|\.)(?:[{ARABIC_NUMBERS}]|[^.{RIGHT_TO_LEFT}][^.]*[{RIGHT_TO_LEFT}])")


def is_address(host: str) -> bool:
    """Whether a host from the URL parser is an IP address (it writes every IPv4 form as a dotted quad)."""
    return host.startswith("[") or _IPV4.fullmatch(host) is not None


def canonical_address(host: str) -> str:
    """The address host in url/1 form: an IPv6 address that carries an IPv4 one becomes that one."""
    if not host.startswith("["):
        return host
    found = carried(IPv6Address(host[1:-1]))
    return host if found is None else str(found)


def canonical_name(host: str, *, prefix: str = "") -> str:
    """Check a host name from the URL parser, return it without trailing dot; `prefix` goes before some reasons."""
    name = host.removesuffix(".")
    if not _NAME.fullmatch(name):
        raise reject(prefix + _why_no_name(name))
    if "xn--" in name:
        _check_a_labels(name)
    if name.endswith(".onion"):
        _check_onion(name.split(".")[-2])
    return name


def check_raw_host(url: str) -> None:
    """Refuse a URL (unparsed, with scheme) whose host as written has a code point unknown to Unicode 13.0."""
    if url.isascii() and "%" not in url:
        return
    match = _AUTHORITY.match(url)
    if match and not all_assigned(unquote(match[1].rpartition("@")[2])):
        raise reject("unassigned")


def domain(text: str) -> str:
    """Canonical form of a domain, profile domain/1: the host and everything below it."""
    return domain_name(refang_dots(trim(text)).removeprefix("*."))


def domain_name(name: str) -> str:
    """Canonical form of a trimmed, refanged domain name; addresses and single labels are refused."""
    if not name:
        raise reject("empty")
    if _NOT_IN_DOMAIN.search(name):
        raise reject("syntax")
    if not all_assigned(name):
        raise reject("unassigned")
    try:
        host = parse_and_serialise(f"https://{name}/")[8:-1]
    except ValueError:
        raise reject("syntax") from None
    if is_address(host):
        raise reject("is-ip")
    found = canonical_name(host)
    if "." not in found:
        raise reject("single-label")
    return found


def _why_no_name(name: str) -> str:
    labels = name.split(".")
    if "" in labels:
        return "empty-label"
    if len(name) > MAX_NAME or max(map(len, labels)) > MAX_LABEL:
        return "length"
    return "charset"


def _check_a_labels(name: str) -> None:
    try:
        decoded = ".".join(
            label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
            for label in name.split(".")
        )
        again = to_ascii(decoded)
    except UnicodeError:
        raise reject("a-label") from None
    if again != name:
        raise reject("a-label")
    if not all_assigned(decoded):
        raise reject("unassigned")
    if _MIXED.search(decoded):
        raise reject("bidi")


def _check_onion(label: str) -> None:
    """Tor v3: base32 of key (32 bytes), checksum (2), version (1); checksum: SHA3-256 of a fixed text, key, version."""
    if len(label) == 16:
        raise reject("onion-v2")
    try:
        raw = b32decode(label, casefold=True)
    except ValueError:
        raise reject("onion") from None
    key, checksum, version = raw[:32], raw[32:34], raw[34:]
    expected = hashlib.sha3_256(b".onion checksum" + key + version).digest()[:2]
    if len(label) != 56 or version != b"\x03" or checksum != expected:
        raise reject("onion")
