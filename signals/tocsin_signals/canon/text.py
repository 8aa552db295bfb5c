"""Text rules shared by the profiles: limits, trimming, refanging, compatibility folding. Reference signals 1.4, 3.

Everything here is part of the profiles: a change moves bytes and needs a new profile number.
"""

import re
from typing import Final
from unicodedata import normalize

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.unicode13 import IGNORABLE

MAX_TEXT_BYTES: Final = 8192
"""Longest input and longest canonical form, in bytes of UTF-8: beyond what browsers and logs carry."""

_EDGE: Final = "".join(map(chr, range(0x21)))
_BRACKETED: Final = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE | re.ASCII)
_IGNORABLE: Final = re.compile(f"[{IGNORABLE}]")


def trim(text: str) -> str:
    """Check the size, then strip C0 controls and spaces at both ends."""
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise reject("not-utf8") from None
    if size > MAX_TEXT_BYTES:
        raise reject("too-long")
    return text.strip(_EDGE)


def refang_dots(text: str) -> str:
    """Turn the bracketed dots people use to make addresses unclickable back into dots."""
    if "[" in text or "(" in text or "{" in text:
        return _BRACKETED.sub(".", text)
    return text


def nfkc_cf(text: str) -> str:
    """Compatibility folding: drop ignorables, NFKC, case fold, NFKC (26 code points need it), drop ignorables."""
    folded = normalize("NFKC", normalize("NFKC", _IGNORABLE.sub("", text)).casefold())
    return _IGNORABLE.sub("", folded)
