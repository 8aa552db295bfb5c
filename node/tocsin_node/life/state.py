"""The state of a signal: one function of its entries and a clock, used wherever the question is asked.

`fold` takes the entries of one signal in log order to a `Standing`; `Standing.state` adds the clock. Publishing,
retagging, look-ups and `signal show` all ask `state`; the match index keeps standings in columns and is held to `fold`
by a property test. Several lifetime fields that disagree are a known disease of such systems; here there is one.

Rules
- The last *word* counts: the assert, or the latest revise. Details and both times are its.
- A retag gives the signal a further tag and is no word: it neither changes nor refreshes anything, so that rotating a
  community does not make old signals young.
- Withdrawn is final; nothing after it counts.
- No word makes a signal live longer than five years from its own issued_at.
- Entries of another version are not understood and change nothing.

States, the first that applies: withdrawn; expired (`now >= valid_until`); superseded (later signals of the feed,
whatever became of them, have every tag of it); epoch ended (no epoch of its tags is matched any more); too old
(`now >= issued_at + max_age`, the receiver's policy); not yet valid (issued further ahead of our clock than clocks
differ); live.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tocsin_signals.entry import MAX_AHEAD_MS, MAX_LIFETIME_MS, NAMES_SIGNAL, NO_REF, VERSION, Entry, Kind


class State(StrEnum):
    """What a signal is at a moment, in words."""

    LIVE = "live"
    NOT_YET = "not yet valid"
    TOO_OLD = "too old"
    EPOCH_ENDED = "epoch ended"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Standing(NamedTuple):
    """What the entries of a signal come to, whatever time it is. Times in ms UTC."""

    issued_at: int
    valid_until: int
    withdrawn: bool = False

    def state(
        self, now: int, *, max_age_ms: int | None = None, match_until: int | None = None, superseded: bool = False
    ) -> State:
        """The state at `now` (ms UTC).

        `max_age_ms` is the policy's cap on its age, `match_until` when the last epoch of its tags ends; None: no such
        end is known. `superseded`: later signals of the feed have every tag of it.
        """
        if self.withdrawn:
            return State.WITHDRAWN
        if now >= self.valid_until:
            return State.EXPIRED
        if superseded:
            return State.SUPERSEDED
        if match_until is not None and now >= match_until:
            return State.EPOCH_ENDED
        if max_age_ms is not None and now >= self.issued_at + max_age_ms:
            return State.TOO_OLD
        return State.NOT_YET if self.issued_at > now + MAX_AHEAD_MS else State.LIVE


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a signal, where it stands in its feed, and its details as signed."""

    index: int
    entry: Entry
    details: bytes


@dataclass(frozen=True, slots=True)
class Life:
    """A signal's entries folded: the standing, and which of them made it so."""

    standing: Standing
    word: Event
    """The assert or revise whose details and times stand."""
    withdrawal: Event | None
    tagged: tuple[Event, ...]
    """The assert and every retag: what the signal can be found under."""

    @property
    def type(self) -> int:
        """The registry code of what was asserted."""
        return self.tagged[0].entry.type


def fold(events: Sequence[Event]) -> Life:
    """The life of one signal from its entries, the assert first, in log order. ValueError when that is no assert."""
    if not events or not is_assert(events[0].entry):
        raise ValueError("a signal begins with its assert")
    word, withdrawal, tagged = events[0], None, [events[0]]
    for event in _understood(events[1:]):
        match event.entry.kind:
            case Kind.WITHDRAW if withdrawal is None:
                withdrawal = event
            case Kind.REVISE if withdrawal is None:
                word = event
            case Kind.RETAG:
                tagged.append(event)
            case _:
                pass
    standing = Standing(
        word.entry.issued_at, lasts_until(word.entry.issued_at, word.entry.valid_until), withdrawal is not None
    )
    return Life(standing, word, withdrawal, tuple(tagged))


def is_assert(entry: Entry) -> bool:
    """Whether an entry begins a signal."""
    return entry.version == VERSION and entry.kind == Kind.ASSERT and entry.ref == NO_REF


def concerns(entry: Entry, signal: int) -> bool:
    """Whether an entry is about an earlier signal of its feed."""
    return entry.version == VERSION and entry.kind in NAMES_SIGNAL and entry.ref == signal


def lasts_until(issued_at: int, valid_until: int) -> int:
    """The end of what was issued then: as it says, at most five years on."""
    return min(valid_until, issued_at + MAX_LIFETIME_MS)


def _understood(events: Iterable[Event]) -> Iterable[Event]:
    return (event for event in events if event.entry.version == VERSION)
