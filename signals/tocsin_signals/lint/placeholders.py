"""Digits that somebody made up: hardly any different ones, or counting up."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Final

MIN_DIGITS: Final = 10
"""Shorter numbers repeat by chance, and early accounts have them."""
RUN: Final = 7
"""Signs of a run that counts up; random ids of 32 hex digits have one in a million cases."""
MAX_REPEATED: Final = 2
_HEX: Final = "0123456789abcdef"


def lint_digits(canonical: str) -> Iterator[str]:
    """Digits, hexadecimal or not, alone or after a kind and a colon."""
    digits = canonical.rpartition(":")[2].removeprefix("0x").replace("-", "")
    if len(digits) < MIN_DIGITS or digits.strip(_HEX):
        return
    if len(set(digits)) <= MAX_REPEATED or _counts(digits):
        yield "placeholder"


def _counts(digits: str) -> bool:
    """Whether some RUN signs count up, or all of a shorter number's; doubled digits are one (001122334455)."""
    values = [int(digit, 16) for digit, _ in groupby(digits)]
    run = longest = 1
    for one, two in pairwise(values):
        run = run + 1 if two == one + 1 or (one, two) == (9, 0) else 1
        longest = max(longest, run)
    return longest >= min(RUN, len(values))
