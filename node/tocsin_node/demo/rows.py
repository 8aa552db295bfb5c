"""The file that the demo's hotline publishes: made up, mixed, and not quite clean, as such files are.

Every name is under `.example`, which nobody can own. Some rows say the same thing in other words, some are wrong, and
one would hit half the world; the node has to find out.
"""

import csv
from pathlib import Path
from typing import Final, NamedTuple

HEADER: Final = ("type", "value", "stance", "abuse_types", "severity", "confidence", "review_level")
REFUSED_TYPE: Final = "tvec"
"""The abuse type that one platform refuses."""


class Spelling(NamedTuple):
    """Something that is in the file, and another way to write it."""

    type: str
    published: str
    asked: str


SPELLINGS: Final = (
    Spelling("url", "https://www.bad-0.example/album/7?b=2&a=1", "hxxp://BAD-0[.]example:80/album/./7/?a=1&b=2#top"),
    Spelling("domain", "host-1.example", "*.HOST-1.example."),
    Spelling("email", "Person.2@mail-2.example", "mailto:person.2@MAIL-2.example"),
    Spelling("email-mailbox", "person.3+news@mail-3.example", "Person.3@mail-3.example"),
    Spelling("url-path", "https://bad-4.example/gallery", "https://bad-4.example/gallery?session=11"),
    Spelling("url-prefix", "https://bad-5.example/users/9/", "https://bad-5.example/users/9/photo.html"),
)
REFUSED_SPELLING: Final = Spelling("url", "https://bad-6.example/video/6", "bad-6.example/video/6/")
WITHDRAWN: Final = SPELLINGS[0]

_ABUSE: Final = ("grooming", "csam_known", "sextortion_financial", REFUSED_TYPE, "csam_advert_or_access")
_WRONG: Final = (
    ("domain", "localhost"),
    ("email", "no at sign"),
    ("url", "javascript:alert(1)"),
    ("url", "https://a..b.example/"),
    ("phone-number", "+1 555 0100"),
    ("url", "https://google.com/"),
    ("domain", "co.uk"),
)


def write_rows(path: Path, count: int) -> int:
    """Write about `count` rows; returns how many."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        written = 0
        for row in [*_known(), *(_row(number) for number in range(10, count - len(_WRONG) - 2)), *_bad()]:
            writer.writerow(row)
            written += 1
    return written


def _known() -> list[tuple[str, ...]]:
    rows = [_said(one.type, one.published, "grooming") for one in SPELLINGS]
    rows.append(_said(REFUSED_SPELLING.type, REFUSED_SPELLING.published, REFUSED_TYPE))
    twice = SPELLINGS[0]
    return [*rows, _said(twice.type, twice.asked, "grooming")]  # the same signal again, in other words


def _row(number: int) -> tuple[str, ...]:
    abuse = _ABUSE[number % len(_ABUSE)]
    match number % 6:
        case 0:
            return _said("url", f"https://www.bad-{number}.example/a/../album/{number}?utm_source=x&id={number}", abuse)
        case 1:
            return _said("domain", f"Host-{number}.example", abuse)
        case 2:
            return _said("email", f"Person.{number}@Mail-{number}.example", abuse)
        case 3:
            return _said("email-mailbox", f"person.{number}+tag@mail-{number}.example", abuse)
        case 4:
            return _said("url-path", f"bad-{number}.example/gallery/{number}", abuse)
        case _:
            return _said("url-prefix", f"https://bad-{number}.example/users/{number}/", abuse)


def _bad() -> list[tuple[str, ...]]:
    return [_said(kind, value, "other") for kind, value in _WRONG] + [
        ("url", "https://bad-0.example/late", "certainly", "other", "high", "90", "two_humans")
    ]


def _said(kind: str, value: str, abuse: str) -> tuple[str, ...]:
    return (kind, value, "harmful", abuse, "high", "90", "two_humans")
