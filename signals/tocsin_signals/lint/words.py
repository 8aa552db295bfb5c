"""The warnings: stable words, each with its sentence. Sentences are for people and may be reworded."""

from types import MappingProxyType
from typing import Final, NamedTuple


class LintWarning(NamedTuple):
    """One thing that looks wrong."""

    word: str
    sentence: str


SENTENCES: Final = MappingProxyType(
    {
        "mixed-scripts": "One label or name mixes alphabets: a letter may stand for another that looks like it.",
        "look-alike": "A label or name is in another alphabet, with letters that look like Latin ones throughout.",
        "reserved-name": "The domain is reserved for documentation and tests (RFC 2606, RFC 6761): nobody is there.",
        "platform": "The platform is neither a known one nor a domain: others will name it differently.",
        "phone-not-valid": "The length is possible, but no numbering plan known here gives out such a number.",
        "iban-country": "The country has no IBAN in the registry known here.",
        "iban-length": "The length is not the one the registry gives for this country.",
        "iban-structure": "Letters and digits do not stand where the registry has them for this country.",
        "iban-example": "This is the example that the registry publishes for the country.",
        "mac-local": "The device made this address up (locally administered) and may have another tomorrow.",
        "mac-group": "The address names a group of devices, not one.",
        "imei-test": "IMEIs of this range belong to test devices.",
        "uuid-version": "Phones give out random UUIDs (version 4) as this kind of id; this is another one.",
        "segwit-version": "No wallet makes addresses of this witness version yet.",
        "workchain": "TON has no workchain of this number.",
        "placeholder": "The digits repeat or count up, as in examples and test data.",
    }
)


def warning(word: str) -> LintWarning:
    """The warning of one of the words above."""
    return LintWarning(word, SENTENCES[word])
