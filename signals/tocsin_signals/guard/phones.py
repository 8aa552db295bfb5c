"""Phone numbers that are nobody's, everybody's, or a service's.

Uses the phone library's knowledge of short and free numbers, which may change: unlike the profile, the guard never
moves a canonical form. Fictional ranges: NANP 555-0100 to 0199 of any area, and the numbers Ofcom keeps for drama.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tocsin_signals.guard.verdict import GuardVerdict, block

if TYPE_CHECKING:
    import phonenumbers

MAX_SHORT_DIGITS: Final = 8
"""Longest national number looked at as a short code: asking is slow, and few countries have any that are longer."""

_DRAMA_UK: Final = (
    "1(?:1[3-8]|[2-6]1)4960",  # the larger cities of England and Scotland
    "1914980",  # Tyneside
    "2079460",  # London
    "28(?:96496|90180)",  # Northern Ireland, now and before
    "2920180",  # Cardiff
    "1632960",  # no area
    "7700900",  # mobile
    "3069990",  # whole country
    "8081570",  # free
    "9098790",  # premium
)
_FICTIONAL: Final = re.compile(rf"\+1[0-9]{{3}}55501[0-9]{{2}}|\+44(?:{'|'.join(_DRAMA_UK)})[0-9]{{3}}")


_NOBODY: Final = block("phone-fictional", "The number is from a range kept for fiction: it is nobody's.")
_EMERGENCY: Final = block("phone-emergency", "This is an emergency number.")
_SHORT: Final = block("phone-short", "This is a short code: it means another service in each network.")
_LOCAL: Final = block("phone-local", "The number lacks its area code: it is somebody else's in every town.")
_FREE: Final = block("phone-toll-free", "This is a free number: a service that many people call.")


def check_phone(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on a number in canonical form."""
    import phonenumbers

    if _FICTIONAL.fullmatch(canonical):
        yield _NOBODY
        return
    number = phonenumbers.parse(canonical)
    if len(phonenumbers.national_significant_number(number)) <= MAX_SHORT_DIGITS:
        if _is_emergency(number):
            yield _EMERGENCY
        elif phonenumbers.is_valid_short_number(number):
            yield _SHORT
    if phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        yield _LOCAL
    if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.TOLL_FREE:
        yield _FREE


def _is_emergency(number: "phonenumbers.PhoneNumber") -> bool:
    import phonenumbers

    national = phonenumbers.national_significant_number(number)
    regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    return any(phonenumbers.is_emergency_number(national, region) for region in regions)
