"""Rows made by rule: the expected result is known from how a value is built, not from running any canonicaliser.

A family starts from a canonical form that is written down here, spells it in ways that must not change it, or changes
it in ways that must; or it builds a value that a rule of the reference refuses. No chance takes part: the same rows
come out every time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tests.conformance.canon.families import hosts, mail, names, numbers, urls
from tests.conformance.canon.families.row import Row

FAMILIES: Final[dict[str, Mapping[str, Callable[[], Iterable[Row]]]]] = {
    "url": urls.URL,
    "url-path": urls.PATH,
    "url-prefix": urls.PREFIX,
    "domain": hosts.DOMAIN,
    "email": mail.EMAIL,
    "email-mailbox": mail.MAILBOX,
    "username": names.USERNAME,
    "account": names.ACCOUNT,
    "ip": numbers.IP,
    "phone": numbers.PHONE,
    "filehash": numbers.FILEHASH,
}
"""By type, then by the family's name, which stands in the ids of its rows."""

DISTINCT: Final[dict[str, Callable[[], Iterable[list[str]]]]] = {"url": urls.distinct, "domain": hosts.distinct}
CLASSES: Final[dict[str, Callable[[], Iterable[list[str]]]]] = {"url": urls.classes, "domain": hosts.classes}


def padded(rows: Iterable[dict[str, Any]]) -> Iterable[Row]:
    """Every written row once more between control characters and spaces, which are never part of a value."""
    for number, row in enumerate(rows):
        if "in" in row and len(row["in"]) < 4096:
            before, after = ((" ", "\n"), ("\t", ""), ("", "\r\n"), ("\0", "\x1f"))[number % 4]
            region = row.get("hint", {}).get("region")
            yield Row(before + row["in"] + after, row.get("out"), row.get("reject", ""), region)
