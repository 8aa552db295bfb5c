"""The file that the demo's hotline publishes: made up, mixed over every type, and not quite clean, as such files are.

Nothing in it is anybody's: names are under `.example`; addresses are from IPv6 space that was never allocated; phone
numbers start with a digit no number in London has; account ids are larger than any that was given out; wallets are
hashes that nobody has a key to; accounts at banks are in no country. (Addresses and numbers kept for documentation
would not do: the never-share guard blocks them.) Some rows say the same thing in other
words, some are wrong, and some would hit half the world; the node has to find out.
"""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from tocsin_signals.canon.iban import remainder
from tocsin_signals.formats import Format, format_of

HEADER: Final = ("type", "value", "region", "stance", "abuse_types", "severity", "confidence", "review_level")
REFUSED_TYPE: Final = "tvec"
"""The abuse type that one platform refuses."""


class Spelling(NamedTuple):
    """Something that is in the file, and another way to write it, as `asked_type` if that is another type."""

    type: str
    published: str
    asked: str
    region: str = ""
    asked_type: str = ""


def _photodna(number: int) -> bytes:
    """144 bytes that no picture gave."""
    return hashlib.shake_128(str(number).encode()).digest(144)


SPELLINGS: Final = (
    Spelling("url", "https://www.bad-0.example/album/7?b=2&a=1", "hxxp://BAD-0[.]example:80/album/./7/?a=1&b=2#top"),
    Spelling("url-path", "https://bad-1.example/gallery", "https://bad-1.example/gallery?session=11", asked_type="url"),
    Spelling("url-prefix", "https://bad-2.example/users/9/", "bad-2.example/users/9/photo.html", asked_type="url"),
    Spelling("domain", "host-3.example", "https://shop.HOST-3.example./any/page", asked_type="url"),
    Spelling("ip", "4000:bad::7", "http://[4000:BAD:0:0::7]:8080/login", asked_type="url"),
    Spelling("email", "Person.4@mail-4.example", "mailto:person.4@MAIL-4.example"),
    Spelling("email-mailbox", "person.5+news@mail-5.example", "Person.5@mail-5.example", asked_type="email"),
    Spelling("phone", "020 0946 0123", "+44 (0)20 0946-0123", region="GB"),
    Spelling("username", "chatter.example:@Stra\u00dfe_8", "Chatter.example:STRASSE_8"),
    Spelling("account", "steam:STEAM_0:1:2147483640", "steam:[U:1:4294967281]"),
    Spelling("cidr", "4000:BAD:9::/48", "4000:bad:9:1::7", asked_type="ip"),
    Spelling(
        "wallet", "bch:1Cbk8maTTvr3MjGg62AvGjYptwL27dhgVA", "bitcoincash:qplnhzrqsugam2enzml4kqjpv9gxwfdpt5lpsf0dws"
    ),
    Spelling("iban", "ZZ18 TOCS 0000 0000 0000 09", "IBAN: zz18tocs00000000000009"),
    Spelling("device", "gaid:{0D15EA5E-0000-4000-8000-000000000009}", "AAID:0d15ea5e000040008000000000000009"),
    Spelling("filehash", "MD5:5EB63BBBE01EEED093CB22BB8F5ACDC3", "md5:5eb63bbbe01eeed093cb22bb8f5acdc3"),
    Spelling("photodna", _photodna(12).hex().upper(), ",".join(map(str, _photodna(12)))),
)
REFUSED_SPELLING: Final = Spelling("url", "https://bad-6.example/video/6", "bad-6.example/video/6/")
WITHDRAWN: Final = SPELLINGS[0]

_ABUSE: Final = ("grooming", "csam_known", "sextortion_financial", REFUSED_TYPE, "csam_advert_or_access")
_WRONG: Final = (
    ("domain", "localhost"),
    ("email", "no at sign"),
    ("url", "javascript:alert(1)"),
    ("url", "https://a..b.example/"),
    ("phone", "4.42009E+11"),
    ("phone", "020 0946 0123"),
    ("ip", "192.000.002.001"),
    ("username", "@somebody"),
    ("fax", "+44 20 0946 0124"),
    ("url", "https://google.com/"),
    ("domain", "co.uk"),
    ("ip", "192.168.1.1"),
    ("phone", "+1 212 555 0123"),
    ("username", "chatter.example:admin"),
    ("filehash", "md5:d41d8cd98f00b204e9800998ecf8427e"),
)
_MAKERS: Final[tuple[tuple[str, Callable[[int], str]], ...]] = (
    ("url", lambda n: f"https://www.bad-{n}.example/a/../album/{n}?utm_source=x&id={n}"),
    ("url-path", lambda n: f"bad-{n}.example/gallery/{n}"),
    ("url-prefix", lambda n: f"https://bad-{n}.example/users/{n}/"),
    ("domain", lambda n: f"Host-{n}.example"),
    ("ip", lambda n: f"[4000:0BAD::{n >> 16:x}:{n & 0xFFFF:04X}]"),
    ("email", lambda n: f"Person.{n}@Mail-{n}.example"),
    ("email-mailbox", lambda n: f"person.{n}+tag@mail-{n}.example"),
    ("phone", lambda n: f"+44 (0)20 0{n // 10_000:03} {n % 10_000:04}"),
    ("username", lambda n: f"chatter.example:@Person_{n}"),
    ("account", lambda n: f"discord:9999999999999{n:07}"),
    ("cidr", lambda n: f"4000:0BAD:{(n >> 16) + 16:X}:{n & 0xFFFF:X}::/64"),
    ("wallet", lambda n: f"eth:0x{hashlib.sha256(str(n).encode()).hexdigest()[:40]}"),
    ("iban", lambda n: _iban(f"TOCS{n:014}")),
    ("device", lambda n: f"idfa:0D15EA5E-0000-4000-8000-{n:012X}"),
    ("filehash", lambda n: f"SHA-256:{hashlib.sha256(str(n).encode()).hexdigest().upper()}"),
    ("photodna", lambda n: _photodna(n).hex()),
)


_FIRST: Final = 11  # the numbers below are in names told of above


def _iban(account: str) -> str:
    """An IBAN with the right check digits, in a country that does not exist."""
    return f"ZZ{98 - remainder(f'ZZ00{account}'):02}{account}"


def write_rows(path: Path, count: int) -> None:
    """Write `count` rows as CSV, or as JSON Lines to a .jsonl; at least the few that are told of."""
    known, bad = _known(), _bad()
    further = range(_FIRST, _FIRST + count - len(known) - len(bad))
    rows = [*known, *map(_row, further), *bad]
    with path.open("w", newline="", encoding="utf-8") as stream:
        if format_of(path) is Format.JSONL:
            stream.writelines(f"{json.dumps(dict(zip(HEADER, row, strict=True)))}\n" for row in rows)
        else:
            csv.writer(stream).writerows([HEADER, *rows])


def _known() -> list[tuple[str, ...]]:
    rows = [_said(one.type, one.published, "grooming", one.region) for one in SPELLINGS]
    rows.append(_said(REFUSED_SPELLING.type, REFUSED_SPELLING.published, REFUSED_TYPE))
    twice = SPELLINGS[0]
    return [*rows, _said(twice.type, twice.asked, "grooming")]  # the same signal again, in other words


def _row(number: int) -> tuple[str, ...]:
    kind, make = _MAKERS[number % len(_MAKERS)]
    return _said(kind, make(number), _ABUSE[number % len(_ABUSE)])


def _bad() -> list[tuple[str, ...]]:
    late = ("url", "https://bad-0.example/late", "", "certainly", "other", "high", "90", "two_humans")
    return [*(_said(kind, value, "other") for kind, value in _WRONG), late]


def _said(kind: str, value: str, abuse: str, region: str = "") -> tuple[str, ...]:
    return (kind, value, region, "harmful", abuse, "high", "90", "two_humans")
