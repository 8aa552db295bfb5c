"""Bank accounts: profile iban/1, an IBAN (ISO 13616). Reference signals 3.8.

In order: trim · spaces of every kind and hyphens out · ASCII only, in upper case · a word `IBAN` in front off, with or
without a colon · two letters of country, two check digits, 11 to 30 letters and digits of account · check digits are 02
to 98 · the whole, its first four signs moved to the end and letters counted from 10, leaves 1 when divided by 97.

The country's own length and structure are advice (`tocsin_signals.lint`), not part of the profile: the registry grows,
and two organisations with different editions must still agree. Card numbers are no type at all.
"""

import re
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import trim

_SPACES: Final = re.compile(r"[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000-]")
"""White space of Unicode 13.0 and of ASCII's separators, and the hyphen."""
_WORD: Final = re.compile(r"IBAN:?")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_CHECKS: Final = range(2, 99)


def iban(text: str) -> str:
    """Canonical form of an account number: its electronic form, without spaces."""
    text = _SPACES.sub("", trim(text))
    if not text.isascii():
        raise reject("charset")
    text = text.upper()
    if word := _WORD.match(text):
        text = text[word.end() :]
    if not text:
        raise reject("empty")
    if not _IBAN.fullmatch(text):
        raise reject("format")
    if int(text[2:4]) not in _CHECKS:
        raise reject("check-digits")
    if remainder(text) != 1:
        raise reject("checksum")
    return text


def remainder(text: str) -> int:
    """MOD 97-10 (ISO 7064) of an IBAN: 1 where the check digits are right."""
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97
