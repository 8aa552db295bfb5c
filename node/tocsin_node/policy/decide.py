"""The decision on one kind of signal: (policy, feed, type, details) -> effect, rule, caps. Architecture section 6.

1. Any refuse that matches -> ignore, whatever else the file says.
2. Else the first rule that matches gives the effect; none -> ignore, named `default-deny`.
3. Caps lower, never raise, and their order does not matter: the policy's own, the publisher's marks (human review
   required, automated enforcement forbidden -> review), its stance (suspected -> review, test -> shadow), the mark of
   a probe (-> ignore: it is nobody's identifier).

`decide` is what counts, `trace` is the same walk with every step kept: both hold conditions the same way (`conditions`)
and take the first match by `first_match`; both conclude in `_conclude`, from the caps that `ceilings` lists.

Where details could *restrain* us and cannot be read, they do: a stance that is missing or unknown caps at ignore,
because it may say anything; a mark that cannot be read caps as if it were set.

Times are not looked at: `max_age_ms` goes with the decision and counts at look-up, so decisions can be kept once per
(policy digest, feed, type, details digest). Silent and stopped feeds cap at look-up too: see `verdict`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from tocsin_node.policy.conditions import About, Condition, conditioned, matches, said_words, tried
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import DEFAULT_DENY, Policy, Refusal, Rule
from tocsin_signals.probes import MARK_KEY, is_marked

_STANCE_CAPS: Final[Mapping[object, Effect]] = {
    "harmful": Effect.ENFORCE,
    "benign": Effect.ENFORCE,
    "suspected": Effect.REVIEW,
    "test": Effect.SHADOW,
}
_CAPPING: Final = frozenset(("human_review_required", "forbidden", "stance"))  # what `ceilings` reads of the details


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy makes of signals with these details.

    `caps` names every cap that is below what the rule gave; `max_age_ms` counts from issued_at, and `age_by`
    says in words what set it: the rule or the policy's [cap], whichever allows less.
    """

    effect: Effect
    rule: str
    caps: tuple[str, ...] = ()
    max_age_ms: int | None = None
    age_by: str = ""


class Ceiling(NamedTuple):
    """One cap there can be: its ceiling, None where it is not set, and what the file or the publisher says."""

    name: str
    ceiling: Effect | None
    said: object


@dataclass(frozen=True, slots=True)
class Tried:
    """One refuse or rule with every condition it gives."""

    item: Refusal
    conditions: tuple[Condition, ...]

    @property
    def holds(self) -> bool:
        """Whether it matches."""
        return all(condition.holds for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Trace:
    """A decision and the way to it: each refuse, then each rule, then each cap, whether or not it was needed."""

    decision: Decision
    deciding: Refusal | None
    tried: tuple[Tried, ...]
    ceilings: tuple[Ceiling, ...]


def decide(policy: Policy, *, feed: str, type_name: str, details: Mapping[str, object]) -> Decision:
    """The decision for signals of the peer's feed (local name) and registry type that carry these details."""
    about = About(feed, type_name, details)
    found = first_match((item, matches(item, about)) for item in (*policy.refusals, *policy.rules))
    return _conclude(policy, details, found)


def trace(policy: Policy, *, feed: str, type_name: str, details: Mapping[str, object]) -> Trace:
    """`decide` with every step, those behind the deciding one too."""
    about = About(feed, type_name, details)
    steps = tuple(Tried(item, tried(item, about)) for item in (*policy.refusals, *policy.rules))
    found = first_match((step.item, step.holds) for step in steps)
    return Trace(_conclude(policy, details, found), found, steps, tuple(ceilings(policy, details)))


def looked_at(policy: Policy) -> frozenset[str]:
    """The keys of the details that decisions of this policy can depend on: no other key changes any."""
    keys = {conditioned(key) for item in (*policy.refusals, *policy.rules) for key, _ in item.given}
    return frozenset(keys | _CAPPING)


def first_match(steps: Iterable[tuple[Refusal, bool]]) -> Refusal | None:
    """What decides: the first that matches of refusals and rules, in this order."""
    return next((item for item, holds in steps if holds), None)


def capped(effect: Effect, caps: Iterable[tuple[str, Effect]]) -> tuple[Effect, tuple[str, ...]]:
    """`effect` lowered by these (name, ceiling) caps, and the names of those below it."""
    below = [(name, ceiling) for name, ceiling in caps if ceiling < effect]
    return min((ceiling for _, ceiling in below), default=effect), tuple(name for name, _ in below)


def ceilings(policy: Policy, details: Mapping[str, object]) -> Iterator[Ceiling]:
    """The policy's cap, the publisher's marks, its stance; each set or not."""
    yield Ceiling("policy-cap", policy.cap.effect, str(policy.cap.effect))
    review = details.get("human_review_required")
    required = "human_review_required" in details and review is not False
    yield Ceiling("human-review-required", Effect.REVIEW if required else None, review)
    forbidden = details.get("forbidden")
    named = said_words(details.get("forbidden", []))
    banned = named is None or "automated_enforcement" in named
    yield Ceiling("automated-enforcement-forbidden", Effect.REVIEW if banned else None, forbidden)
    stance = details.get("stance")
    if isinstance(stance, str) and stance in _STANCE_CAPS:
        yield Ceiling(f"stance-{stance}", _STANCE_CAPS[stance], stance)
    else:
        yield Ceiling("stance-unknown", Effect.IGNORE, stance)
    if is_marked(details):  # told only where it is: no operator sets it
        yield Ceiling("reserved-probe", Effect.IGNORE, details[MARK_KEY])


def _conclude(policy: Policy, details: Mapping[str, object], deciding: Refusal | None) -> Decision:
    """What follows from the refuse or rule that decides."""
    if deciding is None:
        return Decision(Effect.IGNORE, DEFAULT_DENY)
    if not isinstance(deciding, Rule):
        return Decision(Effect.IGNORE, deciding.name)
    set_ = ((cap.name, cap.ceiling) for cap in ceilings(policy, details) if cap.ceiling is not None)
    effect, caps = capped(deciding.effect, set_)
    given = ((deciding.max_age_ms, f"rule {deciding.name}"), (policy.cap.max_age_ms, "[cap]"))
    ages = ((age, by) for age, by in given if age is not None)
    age, by = min(ages, key=lambda one: one[0], default=(None, ""))  # of two that are equal, the rule's
    return Decision(effect, deciding.name, caps, age, by)
