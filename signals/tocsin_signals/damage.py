"""What spreadsheets do to identifiers, recognised and refused, never repaired: what was lost cannot be guessed.

A number keeps fifteen digits, no plus sign and no leading zero; what looks like a date becomes one; a formula or an
error stands where a value was; a cell ends at 32,767 characters. Each has a reason of its own and a sentence that says
what to do. In columns other than the value only what cannot be meant is refused: a note may begin with an apostrophe.
"""

import re
from typing import Final, NamedTuple

from tocsin_signals.errors import Rejected

CUT_CHARS: Final = 32_767
"""Characters of the longest cell spreadsheets keep: a longer one was cut there."""

EXACT_DIGITS: Final = 15
"""Digits of a number that spreadsheets keep; the others become zeros."""
MOST_ZEROS: Final = 16
"""Zeros put after them at most: a number of 32 digits is longer than any identifier, and hashes may end in zeros."""

_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_FREE_TEXT: Final = ("case_ref", "source", "tags")


class _Damage(NamedTuple):
    reason: str
    sign: re.Pattern[str]
    sentence: str


_NUMBER: Final = _Damage(  # at most the digits that are kept, and exponents to 308: a hash of digits and an e has more
    "excel-number",
    re.compile(rf"[+-]?[0-9]{{1,{EXACT_DIGITS}}}(?:[.,][0-9]{{1,{EXACT_DIGITS}}})?E[+-]?[0-9]{{1,3}}", re.IGNORECASE),
    "A spreadsheet rounded this number; format the column as text and export again.",
)
_ROUNDED: Final = _NUMBER._replace(sign=re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,3}"))
_FORMULA: Final = _Damage(
    "excel-formula",
    re.compile(r"=.*", re.DOTALL),
    "The cell is a spreadsheet formula; replace it by its text and export again.",
)
_CLEAR_FORMULA: Final = _FORMULA._replace(
    sign=re.compile(r"=[+-]?(?:[A-Z][A-Z0-9.]*\(|\$?[A-Z]{1,3}\$?[0-9]).*", re.DOTALL | re.IGNORECASE)
)
_ERROR: Final = _Damage(
    "excel-error",
    re.compile(r"#(?:REF!|NAME\?|VALUE!|N/A|NUM!|NULL!|DIV/0!|SPILL!|CALC!|GETTING_DATA|#+)", re.IGNORECASE),
    "A spreadsheet put an error where the value was; export again from the source.",
)
_APOSTROPHE: Final = _Damage(
    "excel-apostrophe",
    re.compile(r"'.*", re.DOTALL),
    "The cell starts with the apostrophe that spreadsheets use to mark text; remove it.",
)
_DATE: Final = _Damage(
    "excel-date",
    re.compile(
        rf"[0-9]{{1,2}}[-/ .]{_MONTH}(?:[-/ .][0-9]{{2,4}})?|{_MONTH}[-/ .][0-9]{{2,4}}"
        r"|[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4}|[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}(?:[ T][0-9:.]{4,})?",
        re.IGNORECASE,
    ),
    "A date stands where the identifier was; format the column as text and enter the identifier again.",
)
_PRECISION: Final = _Damage(
    "excel-precision",
    re.compile(rf"[0-9]{{{EXACT_DIGITS}}}0{{1,{MOST_ZEROS}}}"),
    f"The number is longer than {EXACT_DIGITS} digits and ends in zeros, as a spreadsheet leaves it; "
    "export again with the column as text.",
)
_OF_VALUES: Final = (_NUMBER, _FORMULA, _APOSTROPHE, _ERROR, _DATE, _PRECISION)
_OF_TEXTS: Final = (_ROUNDED, _CLEAR_FORMULA, _ERROR)
_OF_OTHERS: Final = (_CLEAR_FORMULA, _ERROR)


def refuse_damage(meaning: str, text: str) -> None:
    """Raise Rejected if the text in a column of this meaning is what a spreadsheet made of something else."""
    if meaning == "value":
        signs = _OF_VALUES
    else:
        signs = _OF_TEXTS if meaning in _FREE_TEXT or meaning.startswith("x-") else _OF_OTHERS
    for damage in signs:
        if damage.sign.fullmatch(text):
            raise Rejected(damage.reason, damage.sentence)


def cut_off(place: int) -> Rejected:
    """The error for a cell of exactly CUT_CHARS characters in column `place`."""
    sentence = f"The cell in column {place} has exactly {CUT_CHARS} characters, where spreadsheets cut texts off."
    return Rejected("excel-cut", f"{sentence} Export again from the source.")


def number_for_identifier() -> Rejected:
    """The error for an identifier that a workbook keeps as a number."""
    sentence = "The cell holds a number, which has lost any + or 0 in front and digits beyond the fifteenth;"
    return Rejected("excel-number-cell", f"{sentence} format the column as text and enter the identifier again.")


def inexact() -> Rejected:
    """The error for a number of more digits than spreadsheets keep."""
    return Rejected(_PRECISION.reason, f"The number has more than {EXACT_DIGITS} digits; format the column as text.")


def formula() -> Rejected:
    """The error for a cell with a formula."""
    return Rejected(_FORMULA.reason, _FORMULA.sentence)


def error_value() -> Rejected:
    """The error for a cell with an error value."""
    return Rejected(_ERROR.reason, _ERROR.sentence)


def date_for_text() -> Rejected:
    """The error for a date where no date belongs."""
    return Rejected(_DATE.reason, _DATE.sentence)


def time_without_zone() -> Rejected:
    """The error for a date with a time of day: spreadsheets know no zone."""
    sentence = "The cell holds a time of day without a zone; write it as text, such as 2026-12-31T12:00:00Z."
    return Rejected("excel-time", sentence)
