"""Whether the conditions of one refuse or rule hold for a signal: each one tried alone. Pure; architecture section 6.

Who decides asks `matches`, which stops at the first condition that fails; who explains asks `tried`, which shows them
all. Both hold a condition by `_holds`.

Details come from a peer, possibly of a later version. A value of another kind, or a word this version does not know,
satisfies no condition; a lone word is read as a list of one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from tocsin_node.policy.model import SCALES, Conditions
from tocsin_signals import vocab

SAID_CHARS: Final = 120  # of a peer's value in an explanation: one line of a terminal

_OF_THE_SIGNAL: Final = ("feeds", "types")  # the other conditions are about what the publisher says
_BOUNDS: Final = {f"{bound}_{scale}": scale for bound in ("min", "max") for scale in SCALES}
_VOCABULARIES: Final = {"severity": vocab.SEVERITY, "review_level": vocab.REVIEW_LEVEL, "tlp": vocab.TLP}


@dataclass(frozen=True, slots=True)
class About:
    """What conditions look at: the feed's local name, the registry type, and what the publisher says."""

    feed: str
    type_name: str
    details: Mapping[str, object]


class Condition(NamedTuple):
    """One condition a file gives, beside what it is held against; None where the publisher does not say."""

    key: str
    wanted: tuple[str, ...] | int
    said: object
    holds: bool

    @property
    def sentence(self) -> str:
        """The condition as the file has it, and what was found."""
        return f"{self.key} = {_wanted(self.key, self.wanted)}: {self._found()}"

    def _found(self) -> str:
        if self.key in _OF_THE_SIGNAL:
            return f"it is {self.said}"
        if self.said is None:
            return "the publisher does not say"
        known = self.key not in _BOUNDS or _place(_BOUNDS[self.key], self.said) is not None
        return f"the publisher says {words(self.said)}{'' if known else ', which this version does not know'}"


def matches(conditions: Conditions, about: About) -> bool:
    """Whether every condition that is given holds: what counts. It stops at the first that fails."""
    return all(_holds(key, wanted, _said(key, about)) for key, wanted in conditions.given)


def tried(conditions: Conditions, about: About) -> tuple[Condition, ...]:
    """Every condition that is given, each held as `matches` holds it, in the order of the model."""
    found = ((key, wanted, _said(key, about)) for key, wanted in conditions.given)
    return tuple(Condition(key, wanted, said, _holds(key, wanted, said)) for key, wanted, said in found)


def conditioned(key: str) -> str:
    """The key of the details that a condition is held against; its own where it is about the signal."""
    return _BOUNDS.get(key, key)


def said_words(value: object) -> frozenset[str] | None:
    """The words of a details value, a single word or a list; None when it is neither."""
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, list | tuple):
        items = cast("Iterable[object]", value)
        return frozenset(item for item in items if isinstance(item, str))
    return None


def words(value: object) -> str:
    """A details value for people, cut to SAID_CHARS."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SAID_CHARS else f"{text[:SAID_CHARS]}..."


def _said(key: str, about: About) -> object:
    """What a condition is held against."""
    if key in _OF_THE_SIGNAL:
        return about.feed if key == "feeds" else about.type_name
    return about.details.get(conditioned(key))


def _holds(key: str, wanted: tuple[str, ...] | int, said: object) -> bool:
    if isinstance(wanted, int):
        place = _place(_BOUNDS[key], said)
        return place is not None and (place >= wanted if key.startswith("min_") else place <= wanted)
    return said in wanted if key in _OF_THE_SIGNAL else _shares(key, wanted, said)


def _shares(key: str, wanted: tuple[str, ...], value: object) -> bool:
    said = said_words(value) or frozenset()
    if key == "jurisdiction":
        said |= {code.partition("-")[0] for code in said}
    return not said.isdisjoint(wanted)


def _place(key: str, value: object) -> int | None:
    """The publisher's place on a scale; None when it says nothing that this version knows."""
    if key == "confidence":
        known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100
        return cast("int", value) if known else None
    steps = _VOCABULARIES[key].words
    return steps.index(value) if isinstance(value, str) and value in steps else None


def _wanted(key: str, wanted: tuple[str, ...] | int) -> str:
    if isinstance(wanted, int):
        scale = _BOUNDS[key]
        return str(wanted) if scale == "confidence" else _VOCABULARIES[scale].words[wanted]
    return " or ".join(wanted)
