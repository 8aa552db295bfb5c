"""Text rules of the profiles, read from the frozen Unicode table as data; slow and plain."""

import json
import unicodedata
from typing import Any, Final

from tocsin_signals.canon import frozen

_TABLE: Final[dict[str, Any]] = json.loads(frozen.table("unicode/13.0"))
_FANGS: Final = ("[.]", "(.)", "{.}", "[dot]", "(dot)")
LONGEST: Final = 8192


def _within(point: int, ranges: list[list[int]]) -> bool:
    return any(first <= point <= last for first, last in ranges)


def assigned(text: str) -> bool:
    """Whether Unicode 13.0 knows every character."""
    return all(ord(one) < 128 or _within(ord(one), _TABLE["assigned"]) for one in text)


def ignorable(one: str) -> bool:
    """Whether the character is default-ignorable."""
    return _within(ord(one), _TABLE["ignorable"])


def unseen(text: str) -> bool:
    """Whether any character is ignorable, a control, a format character or a space."""
    return any(ignorable(one) or unicodedata.category(one) in {"Cc", "Cf", "Zs", "Zl", "Zp"} for one in text)


def edges(text: str) -> str | None:
    """Text without C0 controls and spaces at its ends; None when it is too long or no Unicode text."""
    if any(0xD800 <= ord(one) <= 0xDFFF for one in text) or len(text.encode()) > LONGEST:
        return None
    while text and ord(text[0]) <= 0x20:
        text = text[1:]
    while text and ord(text[-1]) <= 0x20:
        text = text[:-1]
    return text


def dots(text: str) -> str:
    """Text with the bracketed dots put back, from left to right and once."""
    done = ""
    while text:
        found = next((fang for fang in _FANGS if _ascii_lower(text[: len(fang)]) == fang), "")
        done += "." if found else text[0]
        text = text[len(found or text[0]) :]
    return done


def fold(text: str) -> str:
    """Compatibility and case folding without ignorables."""
    kept = "".join(one for one in text if not ignorable(one))
    folded = unicodedata.normalize("NFKC", kept).casefold()
    return "".join(one for one in unicodedata.normalize("NFKC", folded) if not ignorable(one))


def _ascii_lower(text: str) -> str:
    return "".join(chr(ord(one) + 32) if "A" <= one <= "Z" else one for one in text)
