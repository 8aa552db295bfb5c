"""The example number libphonenumber gives for each region and kind, written in each of its formats."""

from typing import Final

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tocsin_signals.canon import canonicalise

KINDS: Final = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE, PhoneNumberType.VOIP)
WRITTEN: Final = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_way_to_write_the_example_of_a_region_is_one_number(region: str) -> None:
    examples = [found for kind in KINDS if (found := phonenumbers.example_number_for_type(region, kind))]
    assert examples
    for number in examples:
        expected = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for style in WRITTEN:
            assert canonicalise("phone", phonenumbers.format_number(number, style)) == expected
        national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        assert canonicalise("phone", national, region=region) == expected
