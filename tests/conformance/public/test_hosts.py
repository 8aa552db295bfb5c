"""Host names against the `toascii` rows of web-platform-tests and Unicode's IdnaTestV2 of version 13.0.

IdnaTestV2 speaks of UTS 46 as of Unicode 13.0, the version our code points are frozen at. Where it says a name is valid
and we accept it, the forms must be equal. We refuse more than it does: single labels, empty labels, addresses and what
no resolver knows. We accept a few of its errors, because browsers do: `validity` judged with rules a URL does not apply
(STD3 characters, hyphens), capital letters that later editions map, and B1 or B6 for a label that has no right-to-left
letter itself.
"""

import json
import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tocsin_signals.canon import canonicalise
from tocsin_signals.canon.engine import to_ascii
from tocsin_signals.errors import Rejected

FOLDER: Final = Path(__file__).parent
TO_ASCII: Final[list[tuple[str, str | None]]] = [
    tuple(row) for row in json.loads((FOLDER / "toascii.json").read_text())
]
MOVED: Final = frozenset(
    {"xn--a", "xn--a.xn--zca", "xn--ls8h=", "xn--1ug.example", "xn--a-yoc", "xn--zn7c.com", "xn--0.com"}
)
"""ASCII hosts with `xn--` that do not decode: refused when the rows were written, passed on today."""
NOT_APPLIED: Final = frozenset({"V2", "V3", "U1", "A4_1", "A4_2", "X4_2"})
"""Hyphens, STD3 characters and DNS lengths: flags a URL's host is read without (lengths are checked by us)."""
ACCEPTED_ERRORS: Final = frozenset({"P1", "V5", "V6", "B1", "B6"})
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x\{([0-9A-Fa-f]+)\}")


class Row(NamedTuple):
    """One line: what goes in, what comes out, and which rules it breaks (none: valid)."""

    source: str
    to_ascii: str
    broken: frozenset[str]


def idna_rows() -> Iterator[Row]:
    """Every row whose source is text."""
    for line in lzma.decompress((FOLDER / "IdnaTestV2.txt.xz").read_bytes()).decode().splitlines():
        fields = [_ESCAPE.sub(_character, field.strip()) for field in line.partition("#")[0].split(";")]
        if len(fields) < 5:
            continue
        source, unicode_form, unicode_status, ascii_form, ascii_status = fields[:5]
        if any("\ud800" <= sign <= "\udfff" for sign in source):
            continue
        broken = frozenset(re.findall(r"[A-Z]\d(?:_\d)?", ascii_status or unicode_status)) - NOT_APPLIED
        yield Row(source, ascii_form or unicode_form or source, broken)


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16))


@pytest.mark.parametrize(("host", "expected"), TO_ASCII, ids=lambda value: ascii(value)[:40])
def test_the_engine_converts_a_host_as_the_standard_says(host: str, expected: str | None) -> None:
    found = to_ascii(host) or None
    assert found == expected or (expected is None and host in MOVED | URL_ONLY)


URL_ONLY: Final = frozenset({"www.lookout.net\u2a7480", "www\u00a0.lookout.net", "\x1flookout.net", "xn--ls8h="})
"""Forbidden in the host of a URL, though UTS 46 alone converts them."""


@pytest.mark.parametrize(("host", "expected"), TO_ASCII, ids=lambda value: ascii(value)[:40])
def test_a_host_we_accept_has_the_form_of_the_standard(host: str, expected: str | None) -> None:
    try:
        found = canonicalise("url", f"https://{host}/")
    except Rejected:
        return
    bare = f"{expected}/".removeprefix("www.")
    assert found == (bare if "." in bare else f"{expected}/")  # url/1 keeps the `www.` of a name of two labels


def test_names_valid_in_unicode_13_have_its_form_or_are_refused() -> None:
    accepted = 0
    for row in idna_rows():
        try:
            found = canonicalise("domain", row.source)
        except Rejected:
            continue
        accepted += 1
        if not row.broken:
            assert found == row.to_ascii.removesuffix("."), ascii(row.source)
        else:
            assert row.broken <= ACCEPTED_ERRORS, ascii(row.source)
    assert accepted > 400


def test_names_valid_in_unicode_13_are_refused_only_where_our_rules_are_narrower() -> None:
    reasons: dict[str, int] = {}
    for row in idna_rows():
        if row.broken:
            continue
        try:
            canonicalise("domain", row.source)
        except Rejected as error:
            reasons[error.reason] = reasons.get(error.reason, 0) + 1
    assert set(reasons) <= {"single-label", "empty-label", "empty", "length", "is-ip", "syntax", "a-label"}
    assert reasons["syntax"] < 60
