"""The verdict on one tag or identifier: what all live assertions come to together. Architecture section 6.

- An assertion counts while its state is live (`life.state`): issued, or at most ten minutes ahead of our clock; not
  expired; not older than policy allows, which is said. What policy ignores never counts and is never shown.
- A feed that fell silent or was stopped caps its assertions at review.
- Verdict = the strongest effect among assertions of harm (harmful, suspected; tests reach shadow at most). A benign
  assertion whose own effect is review or stronger caps it at review.
- The order of assertions and of their arrival makes no difference. A signal found under several tags counts once.

`bars` and `feed_caps` are what `combine` counts by, and what an explanation shows.

The clock is an argument. Nothing here names an identifier: a reason names feed, signal number, rule and caps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tocsin_node.life.state import Standing, State
from tocsin_node.policy.decide import Decision, capped
from tocsin_node.policy.effect import Effect

_DAY_MS: Final = 24 * 3600 * 1000


class FeedState(StrEnum):
    """Whether a feed is heard from, quiet for too long, or stopped for misbehaviour."""

    LIVE = "live"
    SILENT = "silent"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Assertion:
    """One signal found for the tag, with what policy decided on its details; times in ms UTC."""

    feed: str  # origin
    publisher: str
    signal: int
    type_name: str
    issued_at: int
    valid_until: int
    details: Mapping[str, object] = field(repr=False)
    decision: Decision
    feed_state: FeedState

    @property
    def counts_until(self) -> int:
        """When it stops counting if nothing more is said (ms UTC): its end, or the age policy allows it."""
        age = self.decision.max_age_ms
        return self.valid_until if age is None else min(self.valid_until, self.issued_at + age)


@dataclass(frozen=True, slots=True)
class Judged:
    """A live assertion, its effect alone, and every cap below what its rule gave."""

    assertion: Assertion
    effect: Effect
    caps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What this node makes of a tag: the effect, every live assertion, and one sentence for each and for the veto."""

    effect: Effect
    assertions: tuple[Judged, ...]
    reasons: tuple[str, ...]


def combine(assertions: Iterable[Assertion], *, now_ms: int) -> Verdict:
    """The verdict that these assertions come to at this time."""
    distinct = {(item.feed, item.signal, item.type_name): item for item in assertions}
    states = [(distinct[key], _state(distinct[key], now_ms)) for key in sorted(distinct)]
    judged = tuple(_judge(item) for item, state in states if state is State.LIVE)
    shown = tuple(item for item in judged if item.effect > Effect.IGNORE)
    effect = max((item.effect for item in shown if not _benign(item)), default=Effect.IGNORE)
    reasons = [_reason(item) for item in shown]
    veto = [item for item in shown if _benign(item) and item.effect >= Effect.REVIEW]
    if veto and effect > Effect.REVIEW:
        effect = Effect.REVIEW
        reasons += [f"{_name(item.assertion)} says benign and caps the verdict at review" for item in veto]
    reasons += [_too_old(item) for item, state in states if state is State.TOO_OLD]
    return Verdict(effect, shown, tuple(reason for reason in reasons if reason))


def _state(item: Assertion, now_ms: int) -> State:
    return Standing(item.issued_at, item.valid_until).state(now_ms, max_age_ms=item.decision.max_age_ms)


def feed_caps(state: FeedState) -> tuple[tuple[str, Effect], ...]:
    """The cap of a feed in this state, if any."""
    return () if state is FeedState.LIVE else ((f"feed-{state}", Effect.REVIEW),)


def _judge(item: Assertion) -> Judged:
    effect, caps = capped(item.decision.effect, feed_caps(item.feed_state))
    return Judged(item, effect, item.decision.caps + caps)


def _benign(item: Judged) -> bool:
    return item.assertion.details.get("stance") == "benign"


def _reason(item: Judged) -> str:
    found = item.assertion
    caps = f", capped by {', '.join(item.caps)}" if item.caps else ""
    stance = found.details.get("stance")
    return f"{_name(found)} ({found.type_name}, {stance}): {item.effect} by rule {found.decision.rule}{caps}"


def _too_old(item: Assertion) -> str:
    """Why a signal that is still valid does not count: the limit is the operator's own, so what set it is named."""
    if item.decision.effect is Effect.IGNORE or item.decision.max_age_ms is None:
        return ""
    days, by = item.decision.max_age_ms // _DAY_MS, item.decision.age_by
    return f"{_name(item)} ({item.type_name}): not counted, older than the {days} days that policy allows ({by})"


def _name(item: Assertion) -> str:
    return f"{item.feed} signal {item.signal}"
