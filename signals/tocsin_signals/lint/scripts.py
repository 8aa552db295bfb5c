"""Which alphabets a label or name is written in, and whether it imitates Latin letters.

The alphabet of a letter is the first word of its Unicode name (`CYRILLIC SMALL LETTER A`): no table of ranges, right
for every living script, and free to follow newer Unicode data, since nothing here is part of a profile. Alphabets that
belong together in Chinese, Japanese and Korean may be mixed, with Latin too (the "highly restrictive" level of UTS 39).
Digits, marks and signs belong to all.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

_LETTERS: Final = frozenset({"Lu", "Ll", "Lt", "Lo"})
_LATIN: Final = "LATIN"
_TOGETHER: Final = (
    frozenset({_LATIN, "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({_LATIN, "CJK", "BOPOMOFO"}),
    frozenset({_LATIN, "CJK", "HANGUL"}),
)
_IMITATIONS: Final = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u0475\u04af\u04bb\u04cf\u0501\u051b\u051d"  # Cyrillic
    "\u03b1\u03b3\u03b9\u03ba\u03bd\u03bf\u03c1\u03c3\u03c5"  # Greek
    "\u0566\u0570\u0575\u0578\u057d\u0581\u0585"  # Armenian
)
"""Letters that pass for a e o p c y x s i j v y h l d q w, a y i k v o p o u, q h j n u g o (UTS 39)."""


def lint_scripts(text: str, *, imitations: bool = True) -> Iterator[str]:
    """Words for one label or name; with `imitations` a whole label of look-alikes is told."""
    if text.isascii():
        return
    letters = [letter for letter in text if unicodedata.category(letter) in _LETTERS]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        yield "mixed-scripts"
    elif imitations and letters and _IMITATIONS.issuperset(letters):
        yield "look-alike"
