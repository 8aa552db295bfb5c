"""The decision on one kind of signal: (policy, feed, type, details) -> effect, rule, caps. Architecture section 6.

1. Any refuse that matches -> ignore, whatever else the file says.
2. Else the first rule that matches gives the effect; none -> ignore, named `default-deny`.
3. Caps lower, never raise, and their order does not matter: the policy's own, the publisher's marks (human review
   required, automated enforcement forbidden -> review), its stance (suspected -> review, test -> shadow).

Details come from a peer, possibly of a later version. A value of another kind, or a word this version does not know,
satisfies no condition; a lone word is read as a list of one. Where it could *restrain* us it does: a stance that is
missing or unknown caps at ignore, because it may say anything; a mark that cannot be read caps as if it were set.

Times are not looked at: `max_age_ms` goes with the decision and counts at look-up, so decisions can be kept once per
(policy digest, feed, type, details digest). Silent and stopped feeds cap at look-up too: see `verdict`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import DEFAULT_DENY, SCALES, Conditions, Policy
from tocsin_signals import vocab

_STANCE_CAPS: Final[Mapping[object, Effect]] = {
    "harmful": Effect.ENFORCE,
    "benign": Effect.ENFORCE,
    "suspected": Effect.REVIEW,
    "test": Effect.SHADOW,
}
_LISTS: Final = ("stance", "abuse_types", "basis", "purposes", "jurisdiction", "legal_basis", "tags")
_VOCABULARIES: Final = {"severity": vocab.SEVERITY, "review_level": vocab.REVIEW_LEVEL, "tlp": vocab.TLP}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy makes of signals with these details.

    `caps` names every cap that is below what the rule gave; `max_age_ms` counts from issued_at.
    """

    effect: Effect
    rule: str
    caps: tuple[str, ...] = ()
    max_age_ms: int | None = None


def decide(policy: Policy, *, feed: str, type_name: str, details: Mapping[str, object]) -> Decision:
    """The decision for signals of the peer's feed (local name) and registry type that carry these details."""
    for refusal in policy.refusals:
        if _holds(refusal, feed, type_name, details):
            return Decision(Effect.IGNORE, refusal.name)
    for rule in policy.rules:
        if _holds(rule, feed, type_name, details):
            effect, caps = capped(rule.effect, _caps(policy, details))
            ages = [age for age in (rule.max_age_ms, policy.cap.max_age_ms) if age is not None]
            return Decision(effect, rule.name, caps, min(ages, default=None))
    return Decision(Effect.IGNORE, DEFAULT_DENY)


def capped(effect: Effect, caps: Iterable[tuple[str, Effect]]) -> tuple[Effect, tuple[str, ...]]:
    """`effect` lowered by these (name, ceiling) caps, and the names of those below it."""
    below = [(name, ceiling) for name, ceiling in caps if ceiling < effect]
    return min((ceiling for _, ceiling in below), default=effect), tuple(name for name, _ in below)


def _caps(policy: Policy, details: Mapping[str, object]) -> Iterable[tuple[str, Effect]]:
    yield "policy-cap", policy.cap.effect
    if details.get("human_review_required", False) is not False:
        yield "human-review-required", Effect.REVIEW
    forbidden = _said(details.get("forbidden", []))
    if forbidden is None or "automated_enforcement" in forbidden:
        yield "automated-enforcement-forbidden", Effect.REVIEW
    stance = details.get("stance")
    known = isinstance(stance, str) and stance in _STANCE_CAPS
    yield (f"stance-{stance}", _STANCE_CAPS[stance]) if known else ("stance-unknown", Effect.IGNORE)


def _holds(conditions: Conditions, feed: str, type_name: str, details: Mapping[str, object]) -> bool:
    if conditions.feeds and feed not in conditions.feeds:
        return False
    if conditions.types and type_name not in conditions.types:
        return False
    return all(_shares(key, getattr(conditions, key), details) for key in _LISTS) and all(
        _within(key, getattr(conditions, f"min_{key}"), getattr(conditions, f"max_{key}"), details) for key in SCALES
    )


def _shares(key: str, wanted: tuple[str, ...], details: Mapping[str, object]) -> bool:
    """Whether a list condition holds: not given, or one word in common."""
    if not wanted:
        return True
    said = _said(details.get(key)) or frozenset()
    if key == "jurisdiction":
        said |= {code.partition("-")[0] for code in said}
    return not said.isdisjoint(wanted)


def _within(key: str, least: int | None, most: int | None, details: Mapping[str, object]) -> bool:
    """Whether a scale's conditions hold: not given, or the publisher's place is known and between them."""
    if least is None and most is None:
        return True
    place = _place(key, details.get(key))
    return place is not None and (least is None or place >= least) and (most is None or place <= most)


def _place(key: str, value: object) -> int | None:
    """The publisher's place on a scale; None when it says nothing that this version knows."""
    if key == "confidence":
        known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100
        return cast("int", value) if known else None
    words = _VOCABULARIES[key].words
    return words.index(value) if isinstance(value, str) and value in words else None


def _said(value: object) -> frozenset[str] | None:
    """The words of a details value, a single word or a list; None when it is neither."""
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, list | tuple):
        items = cast("Iterable[object]", value)
        return frozenset(item for item in items if isinstance(item, str))
    return None
