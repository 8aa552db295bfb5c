"""phone/1 for the countries the vectors use, from their numbering plans (ITU E.164 and the national plans), as facts.

A reader of its own: no libphonenumber. A plan gives the country code, the trunk prefix, the prefixes for calls abroad,
and how many digits a national number may have.
"""

import re
import unicodedata
from collections.abc import Collection
from typing import Final, NamedTuple

from tests.conformance.canon.oracle.text import assigned, edges, fold


class Plan(NamedTuple):
    """How numbers of one country are written."""

    code: str
    trunk: str
    abroad: tuple[str, ...]
    digits: Collection[int]


PLANS: Final = {
    "US": Plan("1", "1", ("011",), (7, 10)),
    "CA": Plan("1", "1", ("011",), (7, 10)),
    "GB": Plan("44", "0", ("00",), range(4, 11)),
    "DE": Plan("49", "0", ("00",), range(2, 16)),
    "FR": Plan("33", "0", ("00",), range(4, 10)),
    "IT": Plan("39", "", ("00",), range(3, 13)),
    "AU": Plan("61", "0", ("0011",), range(4, 11)),
    "BR": Plan("55", "0", ("00",), range(8, 12)),
    "RU": Plan("7", "8", ("810",), range(10, 11)),
    "JP": Plan("81", "0", ("010",), range(8, 11)),
    "MX": Plan("52", "", ("00",), range(10, 11)),
    "AR": Plan("54", "0", ("00",), range(6, 12)),
    "CI": Plan("225", "", ("00",), range(10, 11)),
    "ES": Plan("34", "", ("00",), range(9, 10)),
    "NL": Plan("31", "0", ("00",), range(5, 12)),
    "SE": Plan("46", "0", ("00",), range(6, 13)),
    "IN": Plan("91", "0", ("00",), range(8, 14)),
    "intl freephone": Plan("800", "", (), range(8, 9)),
}
_PAD: Final = ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")
_KEYS: Final = {sign: str(key) for key, signs in enumerate(_PAD, 2) for sign in signs}


def phone(text: str, region: str | None) -> str | None:
    """Profile phone/1."""
    trimmed = edges(text)
    if not trimmed or not assigned(trimmed):
        return None
    folded = fold(trimmed)
    if region and region.upper() not in PLANS:
        return None
    plan = PLANS[region.upper()] if region else None
    if folded.startswith("00") and plan is None:
        return None
    digits = _digits(_without_extension(_subscriber(folded)))
    if digits is None:
        return None
    if plan and not digits.startswith("+"):
        abroad = next((prefix for prefix in plan.abroad if digits.startswith(prefix)), "")
        digits = "+" + digits[len(abroad) :] if abroad else f"+{plan.code}{_national(digits, plan)}"
    if not digits.startswith("+"):
        return None
    known = {one.code: one for one in PLANS.values()}
    code = next((digits[1 : 1 + size] for size in (1, 2, 3) if digits[1 : 1 + size] in known), "")
    if not code:
        return None
    national = _national(digits[1 + len(code) :], known[code])
    if code == "52" and len(national) == 11 and national[0] == "1":
        national = national[1:]
    return f"+{code}{national}" if len(national) in known[code].digits else None


def _subscriber(text: str) -> str:
    """The number of a tel: URI, or what stands between the first digit or plus and what is no part of a number."""
    if text.startswith("tel:"):
        number, _, context = text[4:].partition(";phone-context=")
        return context + number if context else number
    start = re.search(r"[+\d]", text)
    return text[start.start() :] if start else ""


def _without_extension(text: str) -> str:
    return re.sub(r"\s*(?:;ext=|ext\.?|x|#)\s*\d{1,7}$", "", text)


def _digits(text: str) -> str | None:
    """A plus and digits; letters are read off the keypad."""
    done = ""
    for sign in text:
        if sign == "+" and not done:
            done = "+"
        elif sign.isdecimal():
            done += str(unicodedata.decimal(sign))
        elif sign in _KEYS:
            done += _KEYS[sign]
        elif not (sign.isspace() or sign in "()-.\u2010\u2011\u2012\u2013\u2014/"):
            return None
    return done if len(done) > 2 else None


def _national(digits: str, plan: Plan) -> str:
    """Without the trunk prefix, where the rest still is a number."""
    rest = digits.removeprefix(plan.trunk) if plan.trunk else digits
    if plan.code == "54" and len(rest) == 12 and rest[2:4] == "15":
        return f"9{rest[:2]}{rest[4:]}"  # mobile numbers are dialled 0 area 15 number, and +54 9 area number
    return rest if len(rest) in plan.digits and (plan.code != "1" or len(rest) == 10) else digits
