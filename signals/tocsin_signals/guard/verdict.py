"""What the guard says: a level, the rule that gave it, and a sentence."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """What the guard says; the worse is the larger."""

    OK = 0
    WARN = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """A level with the rule that gave it; the sentence never quotes the value."""

    level: Level
    rule: str
    sentence: str


OK: Final = GuardVerdict(Level.OK, "none", "No rule of the guard speaks against this.")


def block(rule: str, sentence: str) -> GuardVerdict:
    """It must not be published."""
    return GuardVerdict(Level.BLOCK, rule, sentence)


def warn(rule: str, sentence: str) -> GuardVerdict:
    """It is published, and somebody should look."""
    return GuardVerdict(Level.WARN, rule, sentence)
