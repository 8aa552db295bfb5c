"""One readable table of policies, details and what comes of them."""

import pytest

from tocsin_node.policy.decide import Decision, decide
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import default_policy, parse_policy

PEER = 'peer = "hotline.example"\n'
HARMFUL = {"stance": "harmful"}
ENFORCE, REVIEW, SHADOW, IGNORE = Effect.ENFORCE, Effect.REVIEW, Effect.SHADOW, Effect.IGNORE


def decided(policy: str, details: dict[str, object], *, feed: str = "urls", type_name: str = "url") -> Decision:
    return decide(parse_policy((PEER + policy).encode(), "p.toml"), feed=feed, type_name=type_name, details=details)


def rule(*conditions: str, effect: str = "enforce", name: str = "r") -> str:
    return "\n".join(("[[rule]]", f'effect = "{effect}"', f'name = "{name}"', *conditions, ""))


def refuse(*conditions: str, name: str = "no") -> str:
    return "\n".join(("[[refuse]]", f'name = "{name}"', *conditions, ""))


ANY = 'feeds = ["urls"]'


@pytest.mark.parametrize(
    ("policy", "said", "effect", "decider"),
    [
        # default deny
        ("", {}, IGNORE, "default-deny"),
        (rule('feeds = ["other"]'), {}, IGNORE, "default-deny"),
        (rule(ANY), {}, ENFORCE, "r"),
        # the first rule that matches
        (rule(ANY, effect="review", name="a") + rule(ANY, name="b"), {}, REVIEW, "a"),
        (rule('types = ["email"]', name="a") + rule(ANY, effect="shadow", name="b"), {}, SHADOW, "b"),
        (rule(ANY, effect="ignore", name="a") + rule(ANY, name="b"), {}, IGNORE, "a"),
        # conditions are joined by and
        (rule(ANY, 'min_severity = "high"', "min_confidence = 50"), {"severity": "high"}, IGNORE, "default-deny"),
        (
            rule(ANY, 'min_severity = "high"', "min_confidence = 50"),
            {"severity": "high", "confidence": 50},
            ENFORCE,
            "r",
        ),
        # scales
        (rule('min_severity = "medium"'), {"severity": "medium"}, ENFORCE, "r"),
        (rule('min_severity = "medium"'), {"severity": "low"}, IGNORE, "default-deny"),
        (rule('max_severity = "medium"'), {"severity": "critical"}, IGNORE, "default-deny"),
        (rule('max_tlp = "amber"'), {"tlp": "clear"}, ENFORCE, "r"),
        (rule('max_tlp = "amber"'), {"tlp": "amber+strict"}, IGNORE, "default-deny"),
        (rule('min_review_level = "one_human"'), {"review_level": "expert_panel"}, ENFORCE, "r"),
        (rule('min_review_level = "one_human"'), {"review_level": "automated"}, IGNORE, "default-deny"),
        (rule("max_confidence = 30"), {"confidence": 0}, ENFORCE, "r"),
        # one word in common is enough
        (rule('abuse_types = ["tvec", "grooming"]'), {"abuse_types": ["other", "grooming"]}, ENFORCE, "r"),
        (rule('abuse_types = ["tvec", "grooming"]'), {"abuse_types": ["other"]}, IGNORE, "default-deny"),
        (rule('basis = ["authority", "hash_match"]'), {"basis": "hash_match"}, ENFORCE, "r"),
        (rule('purposes = ["block"]'), {"purposes": ["detect"]}, IGNORE, "default-deny"),
        (rule('legal_basis = ["gdpr-6-1-f"]'), {"legal_basis": ["gdpr-6-1-f"]}, ENFORCE, "r"),
        (rule('tags = ["a:b=c"]'), {"tags": ["a:b=c", "d"]}, ENFORCE, "r"),
        (rule('jurisdiction = ["US"]'), {"jurisdiction": ["US-CA"]}, ENFORCE, "r"),
        (rule('jurisdiction = ["US-CA"]'), {"jurisdiction": ["US"]}, IGNORE, "default-deny"),
        # what is not said satisfies nothing
        (rule('min_severity = "info"'), {}, IGNORE, "default-deny"),
        (rule('max_tlp = "red"'), {}, IGNORE, "default-deny"),
        (rule("min_confidence = 0"), {}, IGNORE, "default-deny"),
        (rule('purposes = ["block"]'), {"purposes": []}, IGNORE, "default-deny"),
        (refuse('max_severity = "low"') + rule(ANY), {}, ENFORCE, "r"),
        # nor do words of a later version or values of another kind
        (rule('min_severity = "info"'), {"severity": "apocalyptic"}, IGNORE, "default-deny"),
        (rule('max_tlp = "red"'), {"tlp": "purple"}, IGNORE, "default-deny"),
        (rule("min_confidence = 0"), {"confidence": "90"}, IGNORE, "default-deny"),
        (rule("min_confidence = 0"), {"confidence": True}, IGNORE, "default-deny"),
        (rule("min_confidence = 0"), {"confidence": 101}, IGNORE, "default-deny"),
        (rule('abuse_types = ["tvec"]'), {"abuse_types": {"tvec": 1}}, IGNORE, "default-deny"),
        (rule('abuse_types = ["tvec"]'), {"abuse_types": [["tvec"], 7]}, IGNORE, "default-deny"),
        (rule('abuse_types = ["tvec"]'), {"abuse_types": ["of_2040", "tvec"], "new_key": {"a": [1]}}, ENFORCE, "r"),
        # any refuse wins, wherever it stands
        (refuse('abuse_types = ["tvec"]') + rule(ANY), {"abuse_types": ["tvec", "other"]}, IGNORE, "no"),
        (rule(ANY) + refuse('min_tlp = "red"'), {"tlp": "red"}, IGNORE, "no"),
        (refuse('types = ["email"]', name="a") + refuse(ANY, name="b") + rule(ANY), {}, IGNORE, "b"),
    ],
)
def test_effect_and_decider(policy: str, said: dict[str, object], effect: Effect, decider: str) -> None:
    decision = decided(policy, HARMFUL | said)
    assert (decision.effect, decision.rule) == (effect, decider)


@pytest.mark.parametrize(
    ("policy", "details", "effect", "caps"),
    [
        (rule(ANY), HARMFUL, ENFORCE, ()),
        (rule(ANY), {"stance": "benign"}, ENFORCE, ()),
        (rule(ANY), {"stance": "suspected"}, REVIEW, ("stance-suspected",)),
        (rule(ANY), {"stance": "test"}, SHADOW, ("stance-test",)),
        (rule(ANY), {"stance": "extremely"}, IGNORE, ("stance-unknown",)),
        (rule(ANY), {"stance": ["harmful"]}, IGNORE, ("stance-unknown",)),
        (rule(ANY), {}, IGNORE, ("stance-unknown",)),
        (rule(ANY), HARMFUL | {"human_review_required": True}, REVIEW, ("human-review-required",)),
        (rule(ANY), HARMFUL | {"human_review_required": False}, ENFORCE, ()),
        (rule(ANY), HARMFUL | {"human_review_required": "no"}, REVIEW, ("human-review-required",)),
        (
            rule(ANY),
            HARMFUL | {"forbidden": ["reshare", "automated_enforcement"]},
            REVIEW,
            ("automated-enforcement-forbidden",),
        ),
        (rule(ANY), HARMFUL | {"forbidden": ["reshare"]}, ENFORCE, ()),
        (rule(ANY), HARMFUL | {"forbidden": {"all": True}}, REVIEW, ("automated-enforcement-forbidden",)),
        (rule(ANY) + '[cap]\neffect = "shadow"', HARMFUL, SHADOW, ("policy-cap",)),
        (rule(ANY, effect="shadow") + '[cap]\neffect = "review"', HARMFUL, SHADOW, ()),
        (rule(ANY, effect="review"), {"stance": "suspected"}, REVIEW, ()),
        (
            rule(ANY) + '[cap]\neffect = "review"',
            {"stance": "test", "human_review_required": True},
            SHADOW,
            ("policy-cap", "human-review-required", "stance-test"),
        ),
        (rule(ANY), {"stance": "test", "probe": "reserved/1"}, IGNORE, ("stance-test", "reserved-probe")),
        (rule(ANY), HARMFUL | {"probe": "reserved/2"}, IGNORE, ("reserved-probe",)),
        (rule(ANY), HARMFUL | {"probe": False}, IGNORE, ("reserved-probe",)),
    ],
)
def test_caps_lower_and_are_named(
    policy: str, details: dict[str, object], effect: Effect, caps: tuple[str, ...]
) -> None:
    decision = decided(policy, details)
    assert (decision.effect, decision.rule, decision.caps) == (effect, "r", caps)


def test_the_shorter_of_two_ages_goes_with_the_decision() -> None:
    day = 86_400_000
    assert decided(rule(ANY, "max_age_days = 3") + "[cap]\nmax_age_days = 9", dict(HARMFUL)).max_age_ms == 3 * day
    assert decided(rule(ANY, "max_age_days = 9") + "[cap]\nmax_age_days = 3", dict(HARMFUL)).max_age_ms == 3 * day
    assert decided(rule(ANY), dict(HARMFUL)).max_age_ms is None
    for by_rule, by_cap, said in ((3, 9, "rule r"), (9, 3, "[cap]"), (3, 3, "rule r")):
        text = rule(ANY, f"max_age_days = {by_rule}") + f"[cap]\nmax_age_days = {by_cap}"
        assert decided(text, dict(HARMFUL)).age_by == said


def test_feed_and_type_are_those_of_the_signal() -> None:
    policy = rule('feeds = ["urls", "mail"]', 'types = ["email"]')
    assert decided(policy, dict(HARMFUL), feed="mail", type_name="email").effect is ENFORCE
    assert decided(policy, dict(HARMFUL), feed="mail").effect is IGNORE
    assert decided(policy, dict(HARMFUL), feed="phones", type_name="email").effect is IGNORE


@pytest.mark.parametrize(
    ("stance", "effect"), [("harmful", REVIEW), ("suspected", REVIEW), ("benign", REVIEW), ("test", SHADOW)]
)
def test_the_default_for_own_feeds_reviews(stance: str, effect: Effect) -> None:
    decision = decide(default_policy("self"), feed="mine", type_name="url", details={"stance": stance})
    assert (decision.effect, decision.rule) == (effect, "own")
