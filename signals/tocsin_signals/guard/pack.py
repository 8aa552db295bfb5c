"""The guard pack: lists of hosts, address ranges and files, with date, source, licence and digest of each.

A file is xz around text: a line `tocsin-guard-pack/1`, a line of JSON (date, and name, kind, source, licence, count and
SHA-256 of each list), then the entries of the lists in that order, one a line. Hosts are canonical domains, ranges are
`addr` or `addr/len`, files are `algorithm:hex`; what each kind means is the rules' affair (`hosts`, `addresses`,
`names`, `files`).

A pack that comes from an operator is read with the same care as any input: bounded before it is unpacked, every digest
and every entry checked, unknown kinds refused. The digest of a pack is of its text, so that another version of the
compressor changes nothing. Reading the built-in one takes about a tenth of a second.
"""

import datetime as dt
import hashlib
import json
import lzma
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, cast

from tocsin_signals.errors import Rejected
from tocsin_signals.guard.tables import Names, Range, Ranges, range_of

MAGIC: Final = "tocsin-guard-pack/1"
MAX_BYTES: Final = 2 * 1024 * 1024
"""Of a pack file, packed: what fits a wheel without being noticed."""
MAX_TEXT: Final = 32 * 1024 * 1024
"""Of its text, in bytes: a million entries; also what reading one can cost in memory."""
MAX_LISTS: Final = 128
MAX_ENTRY: Final = 256
"""Of one entry, in bytes: a host has at most 253."""
MAX_HEADER: Final = 64 * 1024
STALE_DAYS: Final = 400
"""Age in days from which a pack is worth a warning: ranges and hosts move, the well-known ones slowly."""

HOSTS: Final = MappingProxyType(
    {
        kind: 1 << bit
        for bit, kind in enumerate(
            (
                *("top", "popular", "shortener", "bio", "shared", "gateway", "vendor", "security", "dynamic"),
                *("bank", "university", "disposable"),
            )
        )
    }
)
"""Kinds of lists of hosts, each with its bit."""
RANGES: Final = (
    "cdn",
    "cloud",
    "vpn",
    "relay",
    "proxy",
    "resolver",
    "mail",
    "crawler",
    "office",
    "sinkhole",
    "parking",
)
"""Kinds of lists of addresses."""
FILE: Final = "file"
"""The kind of lists of files."""
KINDS: Final = frozenset((*HOSTS, *RANGES, FILE))

_HOST: Final = re.compile(r"(?!.{254})(?:[a-z0-9_-]{1,63}\.)+[a-z0-9_-]{1,63}")
_FILE: Final = re.compile(r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Listed:
    """One list as it goes into a pack."""

    name: str
    kind: str
    source: str
    licence: str
    entries: Sequence[str]


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What a pack says of one of its lists; `digest` is the SHA-256 of its lines in hex."""

    name: str
    kind: str
    source: str
    licence: str
    count: int
    digest: str


@dataclass(frozen=True, slots=True)
class PackHeader:
    """What a pack says of itself before its lists."""

    date: dt.date
    lists: tuple[ListFacts, ...]

    def age_days(self, today: dt.date) -> int:
        """How old it is."""
        return (today - self.date).days

    def stale(self, today: dt.date) -> bool:
        """Whether it is old enough for a warning."""
        return self.age_days(today) > STALE_DAYS


@dataclass(frozen=True, slots=True)
class Pack(PackHeader):
    """A pack that was read: its header, the digest of its text, and one table for each kind."""

    digest: str
    hosts: Names
    files: Names
    ranges: MappingProxyType[str, Ranges]
    """By kind."""


@cache
def built_in() -> Pack:
    """The pack that comes with this package."""
    return read_pack(built_in_file())


def built_in_file() -> bytes:
    """Its file."""
    return files("tocsin_signals").joinpath("data", "guard_pack.xz").read_bytes()


def empty(on: dt.date = dt.date.min) -> Pack:
    """A pack without lists."""
    return Pack(on, (), "", Names(()), Names(()), MappingProxyType({}))


def write_pack(on: str, lists: Iterable[Listed]) -> bytes:
    """The file of these lists, whose entries are sorted and canonical already; the same lists give the same text."""
    found = list(lists)
    facts = [
        {
            "name": one.name,
            "kind": one.kind,
            "source": one.source,
            "licence": one.licence,
            "count": len(one.entries),
            "sha256": _digest(one.entries),
        }
        for one in found
    ]
    header = json.dumps({"date": on, "lists": facts}, separators=(",", ":"), sort_keys=True)
    text = "\n".join([MAGIC, header, *(entry for one in found for entry in one.entries), ""])
    return lzma.compress(text.encode("ascii"), format=lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME)


def read_header(data: bytes) -> PackHeader:
    """The header of a pack that was read before, without the second that its lists take; Rejected if it has none."""
    magic, _, rest = _unpack(data, most=len(MAGIC) + MAX_HEADER + 2).partition("\n")
    if magic != MAGIC:
        raise _wrong("it does not begin as one")
    return PackHeader(*_header(rest.partition("\n")[0]))


def read_pack(data: bytes) -> Pack:
    """A pack from the bytes of its file; Rejected when anything in it is not as it says."""
    text = _unpack(data)
    lines = iter(text.split("\n"))
    if next(lines, "") != MAGIC:
        raise _wrong("it does not begin as one")
    on, facts = _header(next(lines, ""))
    hosts: list[tuple[str, int]] = []
    known: list[tuple[str, int]] = []
    ranges: dict[str, list[Range]] = {}
    for one in facts:
        entries = list(islice(lines, one.count))
        if len(entries) != one.count or _digest(entries) != one.digest:
            raise _wrong(f"the list {one.name} is not the one its digest is of")
        if one.kind in RANGES:
            ranges.setdefault(one.kind, []).extend(_ranges(one, entries))
        elif one.kind == FILE:
            known.extend((entry, 1) for entry in _names(one, entries))
        else:
            hosts.extend((entry, HOSTS[one.kind]) for entry in _names(one, entries))
    if list(islice(lines, 2)) != [""]:
        raise _wrong("it holds more than its lists")
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    return Pack(
        on,
        facts,
        digest,
        Names(hosts),
        Names(known),
        MappingProxyType({kind: Ranges(found) for kind, found in ranges.items()}),
    )


def _unpack(data: bytes, most: int | None = None) -> str:
    """The whole text, or at most so many of its first bytes."""
    if len(data) > MAX_BYTES:
        raise _wrong(f"it has more than {MAX_BYTES} bytes")
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=128 * 1024 * 1024)
    try:
        text = unpacker.decompress(data, MAX_TEXT + 1 if most is None else most)
        if most is not None:
            return text.decode("ascii")
        if len(text) > MAX_TEXT:
            raise _wrong(f"its text has more than {MAX_TEXT} bytes")
        if not unpacker.eof or unpacker.unused_data:
            raise _wrong("it is cut off or has something behind it")
        return text.decode("ascii")
    except (lzma.LZMAError, UnicodeDecodeError):
        raise _wrong("it is not xz around ASCII") from None


def _header(line: str) -> tuple[dt.date, tuple[ListFacts, ...]]:
    if len(line) > MAX_HEADER:
        raise _wrong(f"its header has more than {MAX_HEADER} bytes")
    try:
        said = cast("dict[str, Any]", json.loads(line))
        on, lists = dt.date.fromisoformat(said["date"]), tuple(_facts(one) for one in said["lists"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _wrong("its header is not what a header is") from None
    if len(lists) > MAX_LISTS or len({one.name for one in lists}) != len(lists):
        raise _wrong(f"it has more than {MAX_LISTS} lists, or two of one name")
    return on, lists


def _facts(said: dict[str, Any]) -> ListFacts:
    """What the header says of one list; ValueError, TypeError or KeyError where it does not."""
    name, kind, count, digest = said["name"], said["kind"], said["count"], said["sha256"]
    source, licence = said["source"], said["licence"]
    texts = (name, kind, digest, source, licence)
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise TypeError
    if not (_WORD.fullmatch(name) and kind in KINDS and len(source) <= MAX_ENTRY and 0 < len(licence) <= MAX_ENTRY):
        raise ValueError
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_TEXT:
        raise ValueError
    return ListFacts(name, kind, source, licence, count, digest)


def _names(one: ListFacts, entries: Sequence[str]) -> Sequence[str]:
    form = (_FILE if one.kind == FILE else _HOST).fullmatch
    for place, entry in enumerate(entries, 1):
        if not form(entry):
            raise _not_canonical(one, place, "file" if one.kind == FILE else "host")
    return entries


def _ranges(one: ListFacts, entries: Sequence[str]) -> Iterator[Range]:
    for place, entry in enumerate(entries, 1):
        try:
            yield range_of(entry)
        except ValueError:
            raise _not_canonical(one, place, "range") from None


def _not_canonical(one: ListFacts, place: int, noun: str) -> Rejected:
    return _wrong(f"entry {place} of the list {one.name} is not a canonical {noun}")


def _digest(entries: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{entry}\n" for entry in entries).encode()).hexdigest()


def _wrong(why: str) -> Rejected:
    return Rejected("guard-pack", f"This is not a guard pack: {why}.")
