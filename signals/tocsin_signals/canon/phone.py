"""Phone numbers: profile phone/1, written as E.164. Reference signals 3.3.

In order: trim · only characters of Unicode 13.0 · compatibility folding (full-width digits, bidi marks) · `00` needs
a region · libphonenumber reads it, with the region where it has no country code · the old Mexican mobile form `+52 1`
and ten digits loses its 1 · the length must be possible (the number need not be in service: plans change, bytes must
not) · E.164, without extension · which must read as itself (numbers with zeros piled up in front do not). Nothing is
guessed: without `+` and without a region there is no number.

Only the release line ENGINE of the library's data takes part: which national prefixes it strips is part of the
profile. The library takes 60 ms to import, so it is imported with the first number.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

from tocsin_signals.canon.engine import WRONG_ENGINE
from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import nfkc_cf, trim
from tocsin_signals.canon.unicode13 import all_assigned
from tocsin_signals.errors import Rejected

if TYPE_CHECKING:
    import phonenumbers

ENGINE: Final = "9.0."
"""The one line of phone data phone/1 is frozen on; docs/adr tells what moves between lines."""

_MEXICO: Final = 52
_OLD_MOBILE: Final = 10**10  # the 1 of `+52 1`, in front of ten digits


def phone(text: str, region: str | None = None) -> str:
    """Canonical form of a number; `region` (ISO 3166-1, any case) is where a national notation was written."""
    load()
    text = trim(text)
    if not text:
        raise reject("empty")
    if not all_assigned(text):
        raise reject("unassigned")
    folded = nfkc_cf(text)
    region = _region(region)
    if folded.startswith("00") and region is None:
        raise reject("no-region")
    found = _read(folded, region)
    if found != folded and _read(found, None) != found:
        raise reject("ambiguous")
    return found


@cache
def load() -> None:
    """Import the library now. Errors: Rejected when it is of another line."""
    require_engine(installed())


def installed() -> str:
    """The version of the library, which is imported now."""
    import phonenumbers

    return phonenumbers.__version__


def require_engine(found: str) -> None:
    """Raise Rejected when the library's version `found` is of another line than the profile's."""
    if not found.startswith(ENGINE):
        raise Rejected(WRONG_ENGINE, f"phone/1 needs phonenumberslite {ENGINE}x; version {found} is installed.")


def _region(region: str | None) -> str | None:
    if not region:
        return None
    import phonenumbers

    if not region.isascii() or region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise reject("region")
    return region.upper()


def _read(text: str, region: str | None) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise reject("parse") from None
    _without_old_mobile_prefix(number)
    if not phonenumbers.is_possible_number(number):
        raise reject("not-possible")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _without_old_mobile_prefix(number: "phonenumbers.PhoneNumber") -> None:
    national = number.national_number or 0
    if number.country_code == _MEXICO and national // _OLD_MOBILE == 1:
        number.national_number = national % _OLD_MOBILE
