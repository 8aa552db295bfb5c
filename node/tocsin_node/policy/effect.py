"""What this node makes of a signal, weakest first; the numbers are those on the wire."""

from enum import IntEnum


class Effect(IntEnum):
    """`ignore` is kept as verified bytes and never matched; `shadow` only counts; `review` asks; `enforce` may act."""

    IGNORE = 0
    SHADOW = 1
    REVIEW = 2
    ENFORCE = 3

    def __str__(self) -> str:
        return self.name.lower()
