"""What each profile is frozen on: its data tables, in one stable text each, and the libraries it may be run with.

A table is data that can move bytes: lists, registries, ranges of code points, the line of phone data. Its text is
sorted ASCII JSON and its digest the SHA-256 of that; a table that changes is another table, of another profile. Rules
are not tables: the vectors hold them. Lists that never move bytes (guard, public suffixes) do not belong
here. Reference signals 4.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any, Final

from tocsin_signals.canon.email import ALIASES as PROVIDERS, DOTLESS
from tocsin_signals.canon.engine import MIN_ENGINE
from tocsin_signals.canon.phone import ENGINE as PHONE_LINE, installed as phone_version
from tocsin_signals.canon.platform import ALIASES, FEDIVERSE, IDS, NAMES
from tocsin_signals.canon.unicode13 import ARABIC_NUMBERS, ENDS, IGNORABLE, INVISIBLE, RIGHT_TO_LEFT, STARTS
from tocsin_signals.canon.url import TRACKING, TRACKING_PREFIXES


@dataclass(frozen=True, slots=True)
class Library:
    """A library that decides something in a profile. `minimum` counts; a `line` is the only one allowed, if given."""

    name: str
    minimum: tuple[int, ...]
    installed: Callable[[], str]
    line: str = ""

    def unfit(self) -> str:
        """Why the installed version will not do, as half a sentence; empty if it will."""
        found = self.installed()
        if self.line and not found.startswith(self.line):
            return f"needs {self.name} {self.line}x, and {found} is installed"
        if _numbers(found, len(self.minimum)) < self.minimum:
            return f"needs {self.name} {self.least} or newer, and {found} is installed"
        return ""

    @property
    def least(self) -> str:
        """The minimum as text."""
        return ".".join(map(str, self.minimum))


@dataclass(frozen=True, slots=True)
class Frozen:
    """Names of tables and libraries of one profile."""

    tables: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


def _installed(package: str) -> Callable[[], str]:
    def find() -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "no version"

    return find


_ADA: Final = "ada-url"
_PHONE: Final = "phonenumberslite"
_UNICODE: Final = "unicodedata"
_RANGES: Final = "unicode/13.0"

LIBRARIES: Final = MappingProxyType(
    {
        library.name: library
        for library in (
            Library(_ADA, MIN_ENGINE, _installed("ada-url")),
            Library(_PHONE, (9, 0), phone_version, line=PHONE_LINE),
            Library(_UNICODE, (13, 0), lambda: unicodedata.unidata_version),
        )
    }
)
"""By name; `unicodedata` is the Unicode version of the Python that runs."""

PROFILES: Final = MappingProxyType(
    {
        "url/1": Frozen(("trk/1", _RANGES), (_ADA,)),
        "domain/1": Frozen((_RANGES,), (_ADA,)),
        "email/1": Frozen((_RANGES,), (_ADA, _UNICODE)),
        "mailbox/1": Frozen(("providers/1", _RANGES), (_ADA, _UNICODE)),
        "phone/1": Frozen(("phone-metadata/1", _RANGES), (_PHONE, _UNICODE)),
        "username/1": Frozen(("platform-names/1", _RANGES), (_ADA, _UNICODE)),
        "account/1": Frozen(("platform-ids/1",)),
        "ip/1": Frozen(),
        "filehash/1": Frozen(),
    }
)
"""What each profile stands on; one that is missing here stands on its rules alone."""


def of(profile: str) -> Frozen:
    """What `profile` is frozen on."""
    return PROFILES.get(profile, Frozen())


def table(name: str) -> bytes:
    """The stable text of a table as this installation has it. KeyError for a name nobody uses."""
    return json.dumps(_TABLES[name](), ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii")


def table_digest(name: str) -> str:
    """`sha256:` and the hex digest of the table's text."""
    return f"sha256:{hashlib.sha256(table(name)).hexdigest()}"


def versions(profile: str) -> str:
    """The installed libraries and Unicode data a profile runs on, for people: `ada-url 4.0.0, unicodedata 14.0.0`."""
    names = dict.fromkeys((*of(profile).libraries, _UNICODE))
    return ", ".join(f"{name} {LIBRARIES[name].installed()}" for name in names)


_TABLES: Final = MappingProxyType[str, Callable[[], Any]](
    {
        "trk/1": lambda: {"names": sorted(TRACKING), "prefixes": sorted(TRACKING_PREFIXES)},
        "providers/1": lambda: {"aliases": dict(PROVIDERS), "dots_ignored": DOTLESS},
        "platform-names/1": lambda: {
            "aliases": dict(ALIASES),
            "fediverse": FEDIVERSE,
            "names": {name: allowed.pattern for name, allowed in NAMES.items()},
        },
        "platform-ids/1": lambda: {
            "aliases": dict(ALIASES),
            "ids": {name: allowed.pattern for name, allowed in IDS.items()},
        },
        "phone-metadata/1": lambda: {"library": "libphonenumber", "line": PHONE_LINE},
        _RANGES: lambda: {
            "arabic_numbers": _ranges(ARABIC_NUMBERS),
            "assigned": [list(pair) for pair in zip(STARTS, ENDS, strict=True)],
            "ignorable": _ranges(IGNORABLE),
            "invisible": _ranges(INVISIBLE),
            "right_to_left": _ranges(RIGHT_TO_LEFT),
        },
    }
)


def _ranges(body: str) -> list[list[int]]:
    """The [first, last] code points of the body of a character class."""
    text = re.sub(r"\\(?:x(..)|u(.{4})|U(.{8}))", lambda found: chr(int(found[found.lastindex or 0], 16)), body)
    return [[ord(first), ord(last or first)] for first, last in re.findall(r"(.)(?:-(.))?", text, re.DOTALL)]


def _numbers(text: str, count: int) -> tuple[int, ...]:
    """The leading numbers of a version; () for what is none, which is older than everything."""
    parts = text.split(".")[:count]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()
