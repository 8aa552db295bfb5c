"""Why a signal has the effect it has: every refuse, rule, cap and time that was looked at, in the order of counting.

Pure. It adds no rule of its own: the decision is `decide.trace`, the state is `life.state`, the caps of the feed are
those of `verdict`, and the effect is what `verdict.combine` makes of the one assertion, exactly as a look-up does. What
other signals on the same tag do to the verdict (a benign one caps it) is not looked at: this is one signal's own part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin_node.life.state import Standing, State
from tocsin_node.policy.conditions import words
from tocsin_node.policy.decide import Ceiling, Decision, Trace, Tried, trace
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import DEFAULT_DENY, Policy, Refusal, Rule
from tocsin_node.policy.verdict import Assertion, FeedState, combine, feed_caps

_DAY_MS = 24 * 3600 * 1000


class Outcome(StrEnum):
    """What came of one step."""

    DECIDES = "decides"
    MATCHES = "matches"  # a refuse or rule behind the one that decides
    NO_MATCH = "no match"
    LOWERS = "lowers"
    NO_CHANGE = "no change"
    HOLDS = "holds"
    IGNORES = "ignores"  # the signal counts for nothing, whatever the policy says
    FAILS = "fails"  # a demand for sending that is not met
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at: `stage` says what kind, `why` what it was held against, in one sentence."""

    stage: str
    name: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Held:
    """A signal as this node holds it; times in ms UTC."""

    feed: str  # origin
    publisher: str
    signal: int
    type_name: str  # empty where this version does not know the type
    details: Mapping[str, object] | None = field(repr=False)  # None where they are not the JSON they should be
    standing: Standing
    feed_state: FeedState
    match_until: int | None = None  # when the last epoch of its tags ends; None where none is held
    removed: bool = False  # the publisher was removed as a peer
    found: bool = True  # its tags lead to something in the match index
    newer: int | None = None  # the later signal of the same feed that has its tags instead


@dataclass(frozen=True, slots=True)
class Explanation:
    """The effect of one signal now, and every step to it."""

    effect: Effect
    rule: str
    caps: tuple[str, ...]
    steps: tuple[Step, ...]


def explain(policy: Policy, held: Held, *, now_ms: int) -> Explanation:
    """What this policy makes of the signal at this time, and why."""
    steps = list(_standing(held))
    if not held.type_name or held.details is None:
        return Explanation(Effect.IGNORE, "", (), tuple(steps))
    feed = held.feed.rpartition("/")[2]
    walk = trace(policy, feed=feed, type_name=held.type_name, details=held.details)
    assertion = _assertion(held, walk.decision)
    steps += (*_tried(walk), *_capped(walk, held), _state(held, walk.decision, now_ms))
    barred = any(step.outcome is Outcome.IGNORES for step in steps)
    judged = () if barred else combine([assertion], now_ms=now_ms).assertions
    effect, caps = (judged[0].effect, judged[0].caps) if judged else (Effect.IGNORE, walk.decision.caps)
    return Explanation(effect, walk.decision.rule, caps, tuple(steps))


def _assertion(held: Held, decision: Decision) -> Assertion:
    return Assertion(
        feed=held.feed,
        publisher=held.publisher,
        signal=held.signal,
        type_name=held.type_name,
        issued_at=held.standing.issued_at,
        valid_until=held.standing.valid_until,
        details=held.details or {},
        decision=decision,
        feed_state=held.feed_state,
    )


def _standing(held: Held) -> Iterator[Step]:
    """What ends a signal before any policy is asked."""
    if held.removed:
        yield Step(
            "signal", "publisher", Outcome.IGNORES, f"{held.publisher} is no longer a peer: nothing of it counts"
        )
    if not held.type_name:
        yield Step("signal", "type", Outcome.IGNORES, "this version does not know its type: kept, never matched")
    if held.details is None:
        yield Step("signal", "details", Outcome.IGNORES, "its details cannot be read: kept, never matched")
    if not held.found:
        yield Step("signal", "index", Outcome.IGNORES, "the match index does not hold it: no look-up can find it")


def _tried(walk: Trace) -> Iterator[Step]:
    for one in walk.tried:
        effect = f"{one.item.effect}: " if isinstance(one.item, Rule) else ""
        yield Step(_stage(one.item), one.item.name, _outcome(one, walk.deciding), effect + _because(one))
    if walk.deciding is None:
        yield Step("rule", DEFAULT_DENY, Outcome.DECIDES, "no rule matches, so it is ignored")


def _stage(item: Refusal) -> str:
    return "rule" if isinstance(item, Rule) else "refuse"


def _outcome(one: Tried, deciding: Refusal | None) -> Outcome:
    if one.item is deciding:
        return Outcome.DECIDES
    return Outcome.MATCHES if one.holds else Outcome.NO_MATCH


def _because(one: Tried) -> str:
    """The conditions that fail; where none does, all of them."""
    failing = [condition.sentence for condition in one.conditions if not condition.holds]
    return "; ".join(failing or [condition.sentence for condition in one.conditions])


def _capped(walk: Trace, held: Held) -> Iterator[Step]:
    """Every cap against what the deciding rule gave; a refusal or default-deny gave ignore, which none lowers."""
    given = walk.deciding.effect if isinstance(walk.deciding, Rule) else Effect.IGNORE
    for cap in walk.ceilings:
        yield _cap_step("cap", cap.name, given, cap.ceiling, _cap_why(cap))
    caps = dict(feed_caps(held.feed_state))
    name = next(iter(caps), "feed-live")
    yield _cap_step("feed", name, given, caps.get(name), f"the feed is {held.feed_state}")


def _cap_step(stage: str, name: str, given: Effect, ceiling: Effect | None, why: str) -> Step:
    lowers = ceiling is not None and ceiling < given
    told = why if ceiling in (None, Effect.ENFORCE) else f"{why}, at most {ceiling}"
    return Step(stage, name, Outcome.LOWERS if lowers else Outcome.NO_CHANGE, told)


def _cap_why(cap: Ceiling) -> str:
    if cap.name == "policy-cap":
        return f"the policy's [cap] allows {cap.said}"
    key = {"human-review-required": "human_review_required", "automated-enforcement-forbidden": "forbidden"}
    name = key.get(cap.name, "stance")
    return f"{name}: the publisher {'does not say' if cap.said is None else f'says {words(cap.said)}'}"


def _state(held: Held, decision: Decision, now_ms: int) -> Step:
    """What the signal is now, by the one function that says so."""
    age = decision.max_age_ms
    superseded = held.newer is not None
    state = held.standing.state(now_ms, max_age_ms=age, match_until=held.match_until, superseded=superseded)
    why = {
        State.LIVE: "not taken back, not expired, not older than the policy allows",
        State.WITHDRAWN: "its publisher has taken it back",
        State.EXPIRED: "its time is over",
        State.SUPERSEDED: f"signal {held.newer} of the same feed is newer under the same tags and counts instead",
        State.EPOCH_ENDED: "no epoch of its tags is matched any more",
        State.TOO_OLD: f"older than the {(age or 0) // _DAY_MS} days the policy allows ({decision.age_by})",
        State.NOT_YET: "issued further ahead of this clock than clocks differ",
    }[state]
    return Step("state", state, Outcome.HOLDS if state is State.LIVE else Outcome.IGNORES, why)
