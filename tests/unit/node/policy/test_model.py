"""Policy files: what is read, and how each mistake is told."""

import hashlib

import pytest

from tocsin_node.limits import POLICY_BYTES
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import MAX_RULES, PolicyErrors, default_policy, default_text, parse_policy

FULL = b"""
peer = "hotline.example"

[[refuse]]
note = "not our field"
abuse_types = ["tvec", "ncii_adult"]

[[rule]]
name = "reviewed-urls"
effect = "enforce"
feeds = ["urls"]
types = ["url", "url-prefix"]
stance = ["harmful"]
abuse_types = ["csam_known"]
basis = ["hotline_report"]
purposes = ["block"]
jurisdiction = ["US-CA", "DE"]
legal_basis = ["gdpr-6-1-f"]
tags = ["batch:7"]
min_severity = "high"
max_severity = "critical"
min_confidence = 70
max_confidence = 100
min_review_level = "two_humans"
max_review_level = "authority_confirmed"
min_tlp = "clear"
max_tlp = "amber"
max_age_days = 90

[[rule]]
effect = "review"
stance = ["harmful", "suspected"]

[cap]
effect = "review"
max_age_days = 365

[send]
feeds = ["urls"]
"""

RULE = '[[rule]]\neffect = "review"\n'
PEER = 'peer = "hotline.example"\n'


def test_every_key_is_read() -> None:
    policy = parse_policy(FULL, "hotline.toml")
    assert policy.peer == "hotline.example"
    assert [item.name for item in (*policy.refusals, *policy.rules)] == ["refuse[0]", "reviewed-urls", "rule[1]"]
    rule = policy.rules[0]
    assert (rule.effect, rule.types, rule.min_severity, rule.max_tlp) == (Effect.ENFORCE, ("url", "url-prefix"), 3, 2)
    assert (rule.max_age_ms, policy.cap.max_age_ms) == (90 * 86_400_000, 365 * 86_400_000)
    assert policy.cap.effect is Effect.REVIEW
    assert policy.send.feeds == ("urls",)
    assert policy.digest == hashlib.sha256(FULL).digest()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "peer: is missing"),
        ('peer = "Not A Name"', "peer: organisation is not an organisation id"),
        (PEER + "trust = 5", "trust: is not a known key"),
        (PEER + RULE + 'types = ["url"]\nmin_severty = "low"', "rule[0].min_severty: is not a known key"),
        (PEER + RULE + 'min_severity = "huge"', "rule[0].min_severity: severity must be one of: info, low"),
        (PEER + RULE + "min_severity = 3", "rule[0].min_severity: severity must be one of"),
        (PEER + RULE + "min_confidence = 101", "rule[0].min_confidence: input should be less than or equal to 100"),
        (PEER + RULE + 'min_confidence = "70"', "rule[0].min_confidence: input should be a valid integer"),
        (PEER + RULE + "min_confidence = true", "rule[0].min_confidence: input should be a valid integer"),
        (PEER + RULE + 'types = ["ulr"]', "rule[0].types: The type is not known"),
        (PEER + RULE + "types = [1]", "rule[0].types[0]: input should be a valid string"),
        (PEER + RULE + 'types = "url"', "rule[0].types: input should be a valid tuple"),
        (PEER + RULE + "types = []", "rule[0].types: tuple should have at least 1 item"),
        (PEER + RULE + 'feeds = ["a/b"]', "rule[0].feeds: a feed is not 1 to 63"),
        (PEER + RULE + 'abuse_types = ["spam"]', "rule[0].abuse_types: abuse_types must be one of"),
        (PEER + RULE + 'jurisdiction = ["germany"]', "rule[0].jurisdiction: jurisdiction takes ISO 3166"),
        (PEER + RULE, "rule[0]: has no condition"),
        (PEER + '[[refuse]]\nname = "all"', "refuse[0]: has no condition"),
        (PEER + RULE + 'min_tlp = "red"\nmax_tlp = "green"', "rule[0]: can never match: min_tlp is above max_tlp"),
        (PEER + '[[rule]]\nstance = ["test"]', "rule[0].effect: is missing"),
        (PEER + '[[rule]]\neffect = "block"\nstance = ["test"]', "rule[0].effect: effect must be one of: enforce"),
        (PEER + '[[refuse]]\neffect = "ignore"\ntypes = ["url"]', "refuse[0].effect: is not a known key"),
        (PEER + RULE + 'types = ["url"]\nmax_age_days = 0', "rule[0].max_age_days: input should be greater"),
        (PEER + RULE + 'types = ["url"]\nname = "default-deny"', "rule[0].name: default-deny is what the absence"),
        (PEER + RULE + 'types = ["url"]\nname = "Two Words"', "rule[0].name: a rule's name is not 1 to 63"),
        (PEER + 2 * (RULE + 'types = ["url"]\nname = "one"\n'), "the name one is given twice"),
        (PEER + "[cap]\neffect = 1", "cap.effect: effect must be one of"),
        (PEER + '[send]\naudience = ["x"]', "send.audience: is not a known key"),
        (PEER + '[send]\nfeeds = ["Hotline/feed/x"]', "send.feeds: the publisher of a feed is not an organisation id"),
        (PEER + '[send]\nfeeds = ["hotline.example/feed/X"]', "send.feeds: a feed is not"),
        ('peer = "self"\n[send]\nfeeds = ["urls"]', "send: a node sends nothing to itself"),
        (PEER + "[[rule", "Expected"),
    ],
)
def test_a_mistake_is_told_with_file_and_path(text: str, sentence: str) -> None:
    with pytest.raises(PolicyErrors) as told:
        parse_policy(text.encode(), "p.toml")
    assert told.value.sentences[0].startswith("p.toml: ")
    assert any(sentence in found for found in told.value.sentences), told.value.sentences


def test_everything_wrong_in_a_file_is_told_at_once() -> None:
    text = PEER + RULE + 'min_severity = "huge"\nbasis = ["rumour"]\n' + RULE + 'colour = "red"\n'
    with pytest.raises(PolicyErrors) as told:
        parse_policy(text.encode(), "p.toml")
    paths = [sentence.split(": ")[1] for sentence in told.value.sentences]
    assert paths == ["rule[0].basis", "rule[0].min_severity", "rule[1].colour"]


def test_limits_of_size_and_number_are_told() -> None:
    with pytest.raises(PolicyErrors, match="more than the"):
        parse_policy(b"#" * (POLICY_BYTES + 1), "p.toml")
    rules = PEER + (RULE + "min_confidence = 5\n") * (MAX_RULES + 1)
    with pytest.raises(PolicyErrors, match="at most 256 items"):
        parse_policy(rules.encode(), "p.toml")
    with pytest.raises(PolicyErrors, match="not UTF-8"):
        parse_policy(b"\xff", "p.toml")
    with pytest.raises(PolicyErrors, match="too deeply"):
        parse_policy(b"peer = " + b"[" * 20_000, "p.toml")


def test_without_a_file_a_peer_gets_nothing_and_gives_nothing() -> None:
    policy = default_policy("hotline.example")
    assert (policy.rules, policy.send.feeds) == ((), ())
    assert policy.digest == hashlib.sha256(default_text("hotline.example")).digest()


def test_without_a_file_own_signals_ask_for_review() -> None:
    assert [(rule.name, rule.effect) for rule in default_policy("self").rules] == [("own", Effect.REVIEW)]
