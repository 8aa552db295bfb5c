"""Addresses, telephone numbers and hashes of files."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final

from tests.conformance.canon.families.hosts import wide
from tests.conformance.canon.families.row import Row


def _version_4() -> Iterator[Row]:
    for number in (0, 1, 0x7F000001, 0xC0000201, 0xC63364C8, 0xCB0071FF, 0xFFFFFFFF, 0x08080808):
        address = IPv4Address(number)
        for text in (
            str(address),
            f" {address}\n",
            f"{address}/32",
            str(address).replace(".", "[.]"),
            f"[{address}]",
            f"::ffff:{address}",
            f"[::FFFF:{number >> 16:X}:{number & 0xFFFF:X}]",
            f"64:ff9b::{address}/128",
        ):
            yield Row(text, str(address))
        for text in (f"{number:#x}", f"{address}:80", f"{address}.", f"0{address}", f"{address}/", wide(str(address))):
            yield Row(text, None, "syntax")
        yield from (Row(text, None, "prefix") for text in (f"{address}/31", f"{address}/032"))
        yield Row(f"{address}%eth0", None, "zone")


def _version_6() -> Iterator[Row]:
    for words in (
        (0x2001, 0xDB8, 0, 0, 8, 0x800, 0x200C, 0x417A),
        (0x2001, 0xDB8, 0, 1, 1, 1, 1, 1),
        (0, 0, 0, 0, 0, 0, 0, 1),
        (0xFF02, 0, 0, 0, 0, 0, 0, 0xFB),
        (1, 0, 0, 4, 0, 0, 0, 8),
        (0x2001, 0xDB8, 0xA, 0xB, 0xC, 0xD, 0xE, 0xF),
    ):
        address = IPv6Address(b"".join(word.to_bytes(2, "big") for word in words))
        plain = ":".join(f"{word:x}" for word in words)
        for text in (
            str(address),
            address.exploded,
            address.exploded.upper(),
            plain,
            plain.upper(),
            f"[{address}]",
            f"{address}/128",
            str(address).replace(":", "[:]"),
        ):
            yield Row(text, str(address))
        for text in (f"{plain}:1", f"[{address}", f"[{address}]:80", f"g{plain}"):
            yield Row(text, None, "syntax")
        yield from (Row(f"{address}{tail}", None, why) for tail, why in (("%eth0", "zone"), ("/64", "prefix")))


_PHONES: Final = (
    ("GB", "+44", "0", "20", "7946", "0958"),
    ("DE", "+49", "0", "30", "2318", "5555"),
    ("FR", "+33", "0", "1", "9900", "1234"),
    ("AU", "+61", "0", "2", "5550", "1234"),
    ("NL", "+31", "0", "20", "555", "0123"),
    ("JP", "+81", "0", "3", "1234", "5678"),
    ("US", "+1", "1", "415", "555", "2671"),
)
"""Region, country code, trunk prefix, and a number in groups; several are set aside for fiction."""


def _phones() -> Iterator[Row]:
    for region, code, trunk, *groups in _PHONES:
        out, spaced = code + "".join(groups), " ".join(groups)
        for text in (
            out,
            f"{code} {spaced}",
            f"{code}-{'-'.join(groups)}",
            f"{code} ({groups[0]}) {' '.join(groups[1:])}",
            f"tel:{out}",
            f"tel:{code}-{'-'.join(groups)};ext=7",
            f"{code} {spaced} x123",
            wide(out).replace("+", "\uff0b"),
            f"\u202a{out}\u202c",
            f"{code}\u00a0{spaced}",
            out.translate({48 + digit: 0x660 + digit for digit in range(10)}),
        ):
            yield Row(text, out)
            yield Row(f" {text} ", out, region="IT" if region == "GB" else "GB")
        for text in (f"{trunk}{''.join(groups)}", f"{trunk}{spaced}", f"({trunk}{groups[0]}) {'-'.join(groups[1:])}"):
            yield Row(text, out, region=region.lower())
        yield Row(f"{trunk}{spaced}", None, "parse")
        yield Row(f"00{code[1:]} {spaced}", None, "no-region")
        yield Row(f"00{code[1:]} {spaced}", out, region="ES")
        yield Row(f"{code}{groups[0][0]}", None, "parse")
        yield Row(f"{out}{'9' * 12}", None, "parse")
        yield Row(f"{out} \ue000", None, "unassigned")


def _hashes() -> Iterator[Row]:
    for name, spelled in (("md5", "MD5"), ("sha1", "SHA-1"), ("sha256", "sha-256"), ("sha512", "Sha-512")):
        size = hashlib.new(name, b"").digest_size * 2
        for content in (b"a", b"tocsin", b"\0"):
            digits = hashlib.new(name, content).hexdigest()
            for text in (f"{name}:{digits}", f"{spelled}:{digits.upper()}", f" {name.upper()} : {digits}\n"):
                yield Row(text, f"{name}:{digits}")
            for text in (
                f"{name}:{digits[:-1]}",
                f"{name}:{digits}0",
                f"{name}:0x{digits[2:]}",
                f"{name}:{digits[:-1]}g",
                f"{name}:{wide(digits)}",
            ):
                yield Row(text, None, "format")
            yield Row(digits, None, "algorithm")
        yield Row(f"{name}:{hashlib.new(name, b'').hexdigest()}", None, "guard:empty-file")
        yield from (Row(f"{name}:{digit * size}", None, "guard:degenerate") for digit in "0aF")
    for name in ("crc32", "sha224", "sha3-256", "sha384", "md4", "ssdeep", "imphash", "\uff4d\uff445"):
        yield Row(f"{name}:{'0a' * 20}", None, "algorithm")


IP: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"version-4": _version_4, "version-6": _version_6})
PHONE: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"spelled": _phones})
FILEHASH: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"spelled": _hashes})
