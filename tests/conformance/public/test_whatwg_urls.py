"""The URL tests of web-platform-tests, against the installed parser and against url/1 on top of it.

The rows are of 2022. Since then two rules of the standard moved, on purpose; rows that only they decide are listed by
what moved. Our guards stand above both, so that url/1 does not move with them.
"""

import json
import lzma
from pathlib import Path
from typing import Any, Final

import ada_url
import pytest

from tocsin_signals.canon import canonicalise
from tocsin_signals.canon.ip import ip
from tocsin_signals.errors import Rejected

PACKED: Final = Path(__file__).parent / "urltestdata.json.xz"
ROWS: Final[list[dict[str, Any]]] = [
    row for row in json.loads(lzma.decompress(PACKED.read_bytes())) if isinstance(row, dict)
]
WEB: Final = ("http:", "https:", "ws://", "wss://", "ftp://")
"""How a row begins that url/1 reads as the standard does; it gives other texts `https://`, as people write hosts."""


def _names_punycode(row: dict[str, Any]) -> bool:
    """An ASCII host with `xn--` that does not decode: refused in 2022, taken as it is today."""
    return bool(row.get("failure")) and "xn--" in row["input"].lower()


def _caret(text: str) -> str:
    """A caret in a path: raw in 2022, escaped today."""
    return text.replace("^", "%5E")


def _parsed(row: dict[str, Any]) -> ada_url.URL | None:
    try:
        return ada_url.URL(row["input"], base=row["base"])
    except ValueError:
        return None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ascii(row["input"])[:60])
def test_the_parser_reads_a_url_as_the_standard_says(row: dict[str, Any]) -> None:
    found = _parsed(row)
    if row.get("failure"):
        assert found is None or _names_punycode(row)
        return
    assert found is not None
    for part in ("href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"):
        assert _caret(getattr(found, part)) == _caret(row[part]), part


def test_no_accepted_host_differs_from_the_standard() -> None:
    accepted = refused = 0
    for row in ROWS:
        if row["base"] != "about:blank" or not row["input"].lower().startswith(WEB):
            continue
        try:
            canonical = canonicalise("url", row["input"])
        except Rejected:
            refused += 1
            continue
        assert not row.get("failure"), row["input"]
        accepted += 1
        assert _host(canonical) == _expected(row["hostname"])
    assert (accepted, refused) > (100, 60)


def _host(canonical: str) -> str:
    authority = canonical.removeprefix("ftp://").partition("/")[0]
    return authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]


def _expected(hostname: str) -> str:
    if hostname.startswith("["):
        found = ip(hostname)
        return f"[{found}]" if ":" in found else found
    return hostname.removesuffix(".").removeprefix("www.")
