"""A signal's life told: its state and why, what this node makes of it now, where it is found, who has which entry.

State and effect come from the same functions as a look-up's: `life.state`, `match.judge` and `policy.verdict`. Nothing
here reads the store or a clock.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from tocsin_node.community.held import Epoch
from tocsin_node.life.state import Event, Life, State, fold
from tocsin_node.log.runs import Delivery
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.match.judge import Judge
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.verdict import Assertion, combine
from tocsin_signals.details import decode
from tocsin_signals.entry import MAX_AHEAD_MS
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code

_DAY_MS: Final = 24 * 3600 * 1000
_LAST_MS: Final = 253_402_300_799_000  # the last instant a four-digit year can name


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a signal; `match_until` in ms UTC, None when this node does not hold the epoch."""

    epoch: int
    tag: bytes
    match_until: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything there is to say of a signal at one moment. `delivered` is what peers have of the whole feed."""

    feed: str
    publisher: str
    signal: int
    type_name: str
    state: State
    why: str
    effect: Effect
    rule: str
    caps: tuple[str, ...]
    counts_until: int
    tags: tuple[Tag, ...]
    events: tuple[Event, ...]
    left_out: int
    """Entries after the assert for which there was no room."""
    delivered: tuple[Delivery, ...]
    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What policy makes of a signal whose state is no obstacle."""

    effect: Effect = Effect.IGNORE
    rule: str = ""
    caps: tuple[str, ...] = ()
    max_age_ms: int | None = None
    age_by: str = ""


def show(
    facts: FeedFacts,
    events: Sequence[Event],
    *,
    left_out: int,
    holder: Callable[[Event], int | None],
    judge: Judge,
    book: FeedBook,
    epochs: Sequence[Epoch],
    delivered: Sequence[Delivery],
    identifier: str,
    now: int,
) -> Shown:
    """What there is to say at `now` (ms UTC) of the signal with these entries, the assert first.

    `holder` says which signal of the feed a tag leads to.
    """
    found, kind = fold(events), by_code(events[0].entry.type)
    tags = tuple(_tag(event, epochs) for event in found.tagged)
    judged = _judge(facts, found, events[0].index, judge, book, now)
    ends = [tag.match_until for tag in tags if tag.match_until is not None]
    match_until = max(ends, default=None)  # an epoch this node does not hold is one it never looks up
    later = [held for event in found.tagged if (held := holder(event)) is not None and held > events[0].index]
    state = found.standing.state(
        now, max_age_ms=judged.max_age_ms, match_until=match_until, superseded=len(later) == len(found.tagged)
    )
    why = f"signal {max(later)} has its place" if state is State.SUPERSEDED else _why(found, state, judged, match_until)
    if state is not State.LIVE:
        judged = replace(judged, effect=Effect.IGNORE, caps=())
    until = found.standing.valid_until
    if judged.max_age_ms is not None:
        until = min(until, found.standing.issued_at + judged.max_age_ms)
    return Shown(
        feed=facts.origin,
        publisher=facts.publisher,
        signal=events[0].index,
        type_name=kind.name if kind else f"unknown type {found.type:#06x}",
        state=state,
        why=why,
        effect=judged.effect,
        rule=judged.rule,
        caps=judged.caps,
        counts_until=until,
        tags=tags,
        events=tuple(events),
        left_out=left_out,
        delivered=tuple(delivered),
        identifier=identifier,
    )


def _tag(event: Event, epochs: Sequence[Epoch]) -> Tag:
    held = next((epoch for epoch in epochs if epoch.number == event.entry.epoch), None)
    return Tag(event.entry.epoch, event.entry.tag, None if held is None else held.descriptor.match_until)


def _judge(facts: FeedFacts, found: Life, signal: int, judge: Judge, book: FeedBook, now: int) -> _Judged:
    """The decision on the details that stand, with the caps a look-up would apply."""
    kind = by_code(found.type)
    try:
        said = decode(found.word.details)
    except Rejected:
        said = None
    decision = judge.decide(facts, found.type, said)
    if kind is None or said is None or decision is None:
        return _Judged(rule="not-understood")
    if not book.counts(facts):
        return _Judged(rule="removed-peer")
    # Asked about a moment at which it certainly counts: whether it does now is the state's affair.
    assertion = Assertion(
        facts.origin, facts.publisher, signal, kind.name, now, now + 1, said, replace(decision, max_age_ms=None),
        book.reliance(facts, now),
    )  # fmt: skip
    shown = combine([assertion], now_ms=now).assertions
    effect, caps = (shown[0].effect, shown[0].caps) if shown else (decision.effect, decision.caps)
    return _Judged(effect, decision.rule, caps, decision.max_age_ms, decision.age_by)


def _why(found: Life, state: State, judged: _Judged, match_until: int | None) -> str:
    standing = found.standing
    match state:
        case State.WITHDRAWN:
            assert found.withdrawal is not None
            return (
                f"taken back by its publisher at {_time(found.withdrawal.entry.issued_at)}{_reason(found.withdrawal)}"
            )
        case State.EXPIRED:
            return f"its time ended at {_time(standing.valid_until)}"
        case State.EPOCH_ENDED:
            assert match_until is not None
            return f"the last epoch this node could look it up under stopped being matched at {_time(match_until)}"
        case State.TOO_OLD:
            assert judged.max_age_ms is not None
            ended = _time(standing.issued_at + judged.max_age_ms)
            days = judged.max_age_ms // _DAY_MS
            return f"policy counts it for {days} days ({judged.age_by}), which ended at {ended}"
        case State.NOT_YET:
            return f"it counts from {_time(standing.issued_at - MAX_AHEAD_MS)} on: it was issued ahead of this clock"
        case State.LIVE | State.SUPERSEDED:
            return f"it counts until {_time(standing.valid_until)} unless its publisher says otherwise"


def _reason(withdrawal: Event) -> str:
    try:
        said = json.loads(withdrawal.details)
        reason, action = said["reason"], said["required_action"]
    except (ValueError, KeyError, TypeError):
        return ""
    words = [word for word in (reason, action) if isinstance(word, str) and len(word) <= 64]
    return f" ({words[0]}); receivers must {words[1].replace('_', ' ')}" if len(words) == 2 else ""


def _time(ms: int) -> str:
    if not 0 <= ms <= _LAST_MS:
        return "a time no calendar names"
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
