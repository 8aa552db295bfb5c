"""Ids of devices that are well formed and name no one device for long."""

from collections.abc import Iterator
from typing import Final

from tocsin_signals.lint.placeholders import lint_digits

_RANDOM: Final = "4"
_VERSION_AT: Final = 14  # the place of a UUID's version
_VARIANT_AT: Final = 19  # both are fixed in a random UUID, whoever made up the rest
_UUIDS: Final = frozenset({"idfa", "gaid", "idfv"})
_ADVERTISING: Final = frozenset({"idfa", "gaid"})
_GROUP: Final = 1  # bits of a MAC address's first byte (IEEE 802)
_LOCAL: Final = 2
_TEST_IMEI: Final = "00"  # reporting body of test devices (GSMA TS.06)


def lint_device(canonical: str) -> Iterator[str]:
    """`kind:value`."""
    kind, _, value = canonical.partition(":")
    if kind in _ADVERTISING and value[_VERSION_AT] != _RANDOM:
        yield "uuid-version"
    elif kind == "imei" and value.startswith(_TEST_IMEI):
        yield "imei-test"
    elif kind == "mac":
        first = int(value[:2], 16)
        if first & _GROUP:
            yield "mac-group"
        elif first & _LOCAL:
            yield "mac-local"
    if kind in _UUIDS:
        value = value[:_VERSION_AT] + value[_VERSION_AT + 1 : _VARIANT_AT] + value[_VARIANT_AT + 1 :]
    yield from lint_digits(value)
