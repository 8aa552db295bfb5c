"""Unicode 13.0 frozen: which code points are assigned, ignorable or invisible. Part of every profile.

Newer Unicode data gives new meanings to code points, so two nodes with different libraries would disagree about them;
text that uses a code point unknown to 13.0 is refused instead. Derived once from the Unicode 13.0 character database:
assigned = every general category but Cn, Co and Cs (675 ranges, 143,924 code points); invisible = Cc, Cf, Zs, Zl, Zp;
ignorable = Default_Ignorable_Code_Point. Ranges are facts of the standard and never change.
"""

from bisect import bisect_right
from typing import Final

_ASSIGNED_TEXT: Final = """
0+377 3+5 5+6 2 2+13 2+18c 2+25 3+31 3+2 2+36 9+1a 5+5 c+1c 2+ef 2+3b 3+64 f+3a 3+30 3+e 2+1b 3 2+a 36+14 2+11 c+b0
2+7 3+1 3+15 2+6 2 4+3 3+8 3+1 3+3 9 5+1 2+4 3+18 3+2 2+5 5+1 3+15 2+6 2+1 2+1 2+1 3 2+4 5+1 3+2 4 8+3 2 8+10 b+2
2+8 2+2 2+15 2+6 2+1 2+4 3+9 2+2 2+2 3 10+3 3+b 8+6 2+2 2+7 3+1 3+15 2+6 2+1 2+4 3+8 3+1 3+2 8+2 5+1 2+4 3+11 b+1
2+5 4+2 2+3 4+1 2 2+1 4+1 4+2 4+b 5+4 4+2 2+3 3 7 f+14 6+c 2+2 2+16 2+f 4+7 2+2 2+3 8+1 2+2 6+3 3+9 8+15 2+2 2+16
2+9 2+4 3+8 2+2 2+3 8+1 8 2+3 3+9 2+1 e+c 2+2 2+32 2+2 2+5 5+f 3+19 2+2 2+11 4+17 2+8 2 3+6 4 5+5 2 2+7 7+9 3+2 d+39
5+1c 26+1 2 2+4 2+17 2 2+16 3+4 2 2+5 3+9 3+3 21+47 2+23 5+26 2+23 2+e 2+c 26+c5 2 6 3+178 2+3 3+6 2 2+3 3+28 2+3
3+20 2+3 3+6 2 2+3 3+e 2+38 2+3 3+42 3+1f 4+19 7+55 3+5 3+29c 4+58 8+c 2+6 c+16 a+13 d+c 2+2 2+1 d+5d 3+9 7+9 7+e
2+9 7+58 8+2a 6+45 b+1e 2+b 5+b 5 4+29 3+4 c+2b 5+19 7+a 4+3d 3+40 2+1c 3+a 7+9 7+d 3+10 40+4b 5+2c 4+73 9+3b 4+e
4+3b 8+2a 3+a 9+2a 6+f9 2+11a 3+5 3+25 3+5 3+7 2 2 2 2+1e 3+34 2+e 2+d 3+5 2+12 3+2 2+8 2+64 2+b 3+1a 2+c 4+1f 11+20
10+8b 5+296 1a+a 16+713 3+1f 2+97 2+2e 2+93 6+2c 2 6 3+37 8+1 f+17 a+6 2+6 2+6 2+6 2+6 2+6 2+6 2+6 2+72 2e+19 2+58
d+d5 1b+b 5+3f 2+55 3+66 6+2a 2+5d 2+53 d+2e 2+6ddc 4+48c 4+36 a+15b 15+b7 9+bf 3+8 2b+37 4+9 7+37 9+45 9+b 7+73
c+1d 4+4d 2+a 5+20 2+36 a+d 3+9 3+66 19+1b b+5 3+5 3+5 a+6 2+6 2+3b 5+7d 3+9 7+2ba3 d+16 5+30 2105+16d 3+69 27+6 d+4
6+19 2+4 2 2+1 2+1 2+7b 12+16c 11+3f 3+35 29+d 3+19 7+32 2+12 2+3 5+4 2+86 3 2+bd 4+5 3+5 3+5 3+2 4+6 2+6 b+4 3+b
2+19 2+12 2+1 2+e 3+d 23+7a 6+2 5+2c 4+57 2+c 4 30+2d 83+1c 4+30 10+1b 5+23 a+1d 6+2a 6+1d 2+24 5+d 2b+9d 3+9 7+23
5+23 5+27 9+33 c 91+136 a+15 b+7 99+5 3 2+2b 2+1 4 3+16 2+47 9+8 31+12 2+1 6+20 4+1a 6 41+37 5+13 3+31 2+1 6+7 2+2
2+1c 3+2 5+9 8+8 8+3f 21+26 5+b a+35 4+1c 3+1a 6+19 8+3 d+6 51+48 38+32 e+32 8+2d 9+9 127+1e 2+29 2+2 3+1 4f+27 9+29
57+1b 15+16 a+4d 5+1d 10+42 c 3+18 8+9 7+34 2+11 9+26 a+5f 2+13 c+11 2+2b 42+6 2 2+3 2+e 2+a 7+3a 6+9 7+3 2+7 3+1
3+15 2+6 2+1 2+4 2+9 3+1 3+2 3 7 6+6 3+6 4+4 8c+5b 2+4 1f+47 9+9 a7+35 3+25 23+44 c+9 7+c 14+38 8+9 37+1a 3+e 5+f
c1+3b 65+52 d+7 3 3+7 2+1 2+1d 2+1 3+b a+9 47+7 3+2d 3+a 1c+47 9+52 1e+38 108+8 2+2c 2+d b+1c 4+1f 3+15 2+d 4a+6 2+1
2+2b 4 2+1 2+8 9+9 7+5 2+1 2+24 2+1 2+5 8+9 137+18 b8 10+31 e+39a 67+6e 2+4 c+c3 abd+42e 2+8 fc8+246 21ba+238 8+1e
2+9 5+1 61+1d 3+5 b+45 b+9 2+6 2+14 6+12 2b1+5a 66+4a 5+38 8+10 41+4 c+1 f+17f7 9+4d5 2b+8 22f8+11e 32+2 12+3 9+18b
905+6a 6+c 4+8 8+9 3+7 135d+f5 b+26 3+bf 18+45 9b+13 d+56 a+18 88+54 2+46 2+1 3 3+1 3+3 2+b 2 2+6 2+40 2+3 3+7 2+6
2+1b 2+3 2+4 2 4+6 2+153 3+123 3+2bd 10+4 2+e 551+6 2+10 3+6 2+1 2+4 d6+2c 4+d 3+9 5+1 171+39 6 501+c4 3+f 2a+4b 5+9
5+1 312+43 4d+3c c3+3 2+1a 2+1 2 3 2+9 2+3 2 2 7 5 2 2 2+2 2+1 2 3 2 2 2 2 2+1 2 3+3 2+6 2+3 2+3 2 2+9 2+10 6+2 2+4
2+10 35+1 10f+2b 5+63 d+e 3+e 2+e 2+24 b+ad 39+1c e+2b 5+8 8+1 f+5 9b+3d7 9+c 4+c 4+73 d+58 8+b 15+b 5+37 9+9 7+27
9+1d 3+1 4f+78 2+51 2+86 d+d 3+4 4+2 6+6 a+18 8+6 a+2 e+6 2a+92 2+36 26+9 407+a6dd 23+1034 c+dd 3+1681 f+1d30
c20+21d 5e3+134a aecb7 1f+5f 81+ef
"""
# Token `gap+more`, hexadecimal: the next range starts `gap` after the end of the last and has `more` further points.


def _parse(text: str) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    end = 0
    for token in text.split():
        gap, _, more = token.partition("+")
        start = end + int(gap, 16)
        end = start + int(more or "0", 16)
        starts.append(start)
        ends.append(end)
    return starts, ends


STARTS, ENDS = _parse(_ASSIGNED_TEXT)
"""First and last code points of the assigned ranges, ascending."""

IGNORABLE: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Body of a character class: default-ignorable code points."""

INVISIBLE: Final = (
    r"\x00-\x20\x7f-\xa0\u0600-\u0605\u06dd\u070f\u08e2\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000"
    r"\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
)
"""Body of a character class: control, format and space code points that are not in IGNORABLE (some are in both)."""

RIGHT_TO_LEFT: Final = (
    r"\u05be\u05c0\u05c3\u05c6\u05d0-\u0605\u0608\u060b\u060d\u061b-\u064a\u0660-\u0669\u066b-\u066f\u0671-\u06d5"
    r"\u06dd\u06e5-\u06e6\u06ee-\u06ef\u06fa-\u0710\u0712-\u072f\u074d-\u07a5\u07b1-\u07ea\u07f4-\u07f5\u07fa"
    r"\u07fe-\u0815\u081a\u0824\u0828\u0830-\u0858\u085e-\u08c7\u08e2\ufb1d\ufb1f-\ufb28\ufb2a-\ufd3d\ufd50-\ufdfc"
    r"\ufe70-\ufefc\U00010800-\U0001091b\U00010920-\U00010a00\U00010a10-\U00010a35\U00010a40-\U00010ae4"
    r"\U00010aeb-\U00010b35\U00010b40-\U00010d23\U00010d30-\U00010ea9\U00010ead-\U00010f45\U00010f51-\U00010ff6"
    r"\U0001e800-\U0001e8cf\U0001e900-\U0001e943\U0001e94b-\U0001eebb"
)
"""Body of a character class: bidirectional classes R, AL and AN (gaps hold unassigned points only)."""

ARABIC_NUMBERS: Final = r"\u0600-\u0605\u0660-\u0669\u066b\u066c\u06dd\u08e2\U00010d30-\U00010d39\U00010e60-\U00010e7e"
"""Body of a character class: bidirectional class AN."""


def all_assigned(text: str) -> bool:
    """Whether every code point of `text` is assigned in Unicode 13.0 (private use and surrogates are not)."""
    if text.isascii():
        return True
    for point in map(ord, text):
        at = bisect_right(STARTS, point) - 1
        if point > ENDS[at]:
            return False
    return True
