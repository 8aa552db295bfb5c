"""Devices and pictures whose id or hash is many things at once."""

import re
from collections.abc import Iterator
from typing import Final

from tocsin_signals.guard.verdict import GuardVerdict, block, warn

PDQ_BITS: Final = range(96, 161)
"""Set bits of a usable PDQ: it is cut at the median, so a picture with anything on it has about 128 of 256."""

_SHARED: Final = frozenset({"androidid:9774d56d682e549c", "androidid:0123456789abcdef", "imei:01234567890123"})
_PLACEHOLDER: Final = re.compile(r"[a-z]+:(?:([0-9a-f])(?:\1|-)*|01234567-89ab-cdef-0123-456789abcdef)")
_TEST_IMEI: Final = re.compile(r"imei:(?:00|35999999|01234567).*")
_GROUP_BIT: Final = 1
_LOCAL_BIT: Final = 2
_DEGENERATE: Final = block("device-shared", "This id stands for an empty field or a whole series of devices.")
_GROUP: Final = block("device-group", "This is the address of a group on a network, not of a device.")
_TEST: Final = block("device-test", "This id is kept for tests of networks: no device on sale has it.")
_RANDOM: Final = warn("device-random", "This address is not the maker's: phones choose a new one for each network.")
_FLAT: Final = block("pdq-degenerate", "This picture is blank or nearly so: it would match every blank picture.")
_FLAT_DNA: Final = block("photodna-degenerate", "This hash is one value throughout: it is of a blank picture.")


def check_device(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on `kind:value`."""
    if canonical in _SHARED or _PLACEHOLDER.fullmatch(canonical):
        yield _DEGENERATE
        return
    if _TEST_IMEI.fullmatch(canonical):
        yield _TEST
    if canonical.startswith("mac:"):
        first = int(canonical[4:6], 16)
        if first & _GROUP_BIT:
            yield _GROUP
        elif first & _LOCAL_BIT:
            yield _RANDOM


def check_pdq(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on a PDQ, 64 hex digits."""
    if int(canonical, 16).bit_count() not in PDQ_BITS:
        yield _FLAT


def check_photodna(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on a PhotoDNA, 288 hex digits."""
    if len({canonical[place : place + 2] for place in range(0, len(canonical), 2)}) == 1:
        yield _FLAT_DNA
