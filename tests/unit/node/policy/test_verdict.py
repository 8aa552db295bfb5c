"""Verdicts: what several live assertions come to together."""

from typing import Any

import pytest

from tocsin_node.policy.decide import Decision
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.verdict import Assertion, FeedState, combine
from tocsin_signals.entry import MAX_AHEAD_MS

NOW = 1_750_000_000_000
DAY = 86_400_000
ENFORCE, REVIEW, SHADOW, IGNORE = Effect.ENFORCE, Effect.REVIEW, Effect.SHADOW, Effect.IGNORE


def said(effect: Effect, *, stance: str = "harmful", by: str = "hotline", **other: Any) -> Assertion:
    fields: dict[str, Any] = {
        "feed": f"{by}.example/feed/urls",
        "publisher": f"{by}.example",
        "signal": 1,
        "type_name": "url",
        "issued_at": NOW - DAY,
        "valid_until": NOW + DAY,
        "details": {"stance": stance},
        "decision": Decision(effect, "r", max_age_ms=other.pop("max_age_ms", None)),
        "feed_state": FeedState.LIVE,
    }
    return Assertion(**fields | other)


def effect_of(*assertions: Assertion) -> Effect:
    return combine(assertions, now_ms=NOW).effect


def test_nothing_found_is_ignored() -> None:
    verdict = combine([], now_ms=NOW)
    assert (verdict.effect, verdict.assertions, verdict.reasons) == (IGNORE, (), ())


def test_the_strongest_assertion_of_harm_gives_the_effect() -> None:
    assert effect_of(said(SHADOW), said(ENFORCE, by="police"), said(REVIEW, by="ngo", stance="suspected")) is ENFORCE


@pytest.mark.parametrize(
    ("benign", "effect"), [(ENFORCE, REVIEW), (REVIEW, REVIEW), (SHADOW, ENFORCE), (IGNORE, ENFORCE)]
)
def test_a_benign_assertion_we_trust_caps_at_review(benign: Effect, effect: Effect) -> None:
    assert effect_of(said(ENFORCE), said(benign, stance="benign", by="ngo")) is effect


def test_a_benign_assertion_alone_does_nothing_but_is_shown() -> None:
    verdict = combine([said(ENFORCE, stance="benign")], now_ms=NOW)
    assert (verdict.effect, len(verdict.assertions)) == (IGNORE, 1)


def test_a_test_signal_reaches_what_its_decision_left_it() -> None:
    assert effect_of(said(SHADOW, stance="test")) is SHADOW


@pytest.mark.parametrize("state", [FeedState.SILENT, FeedState.STOPPED])
def test_silent_and_stopped_feeds_cap_at_review(state: FeedState) -> None:
    verdict = combine([said(ENFORCE, feed_state=state)], now_ms=NOW)
    assert (verdict.effect, verdict.assertions[0].caps) == (REVIEW, (f"feed-{state}",))
    assert combine([said(SHADOW, feed_state=state)], now_ms=NOW).assertions[0].caps == ()


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ({"valid_until": NOW + 1}, True),
        ({"valid_until": NOW}, False),
        ({"issued_at": NOW + MAX_AHEAD_MS}, True),
        ({"issued_at": NOW + MAX_AHEAD_MS + 1}, False),
        ({"issued_at": NOW - 5, "max_age_ms": 6}, True),
        ({"issued_at": NOW - 5, "max_age_ms": 5}, False),
        ({"issued_at": 0, "max_age_ms": None}, True),
    ],
)
def test_only_signals_within_their_time_count(times: dict[str, Any], *, counts: bool) -> None:
    verdict = combine([said(ENFORCE, **times)], now_ms=NOW)
    assert (verdict.effect is ENFORCE, len(verdict.assertions) == 1) == (counts, counts)


def test_an_expired_benign_assertion_no_longer_vetoes() -> None:
    assert effect_of(said(ENFORCE), said(ENFORCE, stance="benign", by="ngo", valid_until=NOW)) is ENFORCE


def test_ignored_assertions_are_never_shown() -> None:
    verdict = combine([said(IGNORE), said(SHADOW, by="ngo")], now_ms=NOW)
    assert [item.assertion.publisher for item in verdict.assertions] == ["ngo.example"]
    assert "hotline" not in " ".join(verdict.reasons)


def test_a_signal_found_under_two_epochs_counts_once() -> None:
    assert len(combine([said(REVIEW), said(REVIEW)], now_ms=NOW).assertions) == 1


def test_reasons_name_every_assertion_rule_cap_and_veto() -> None:
    capped = Decision(REVIEW, "reviewed-urls", ("policy-cap", "human-review-required"))
    verdict = combine(
        [
            said(ENFORCE, by="police", signal=7),
            said(REVIEW, decision=capped, feed_state=FeedState.SILENT),
            said(REVIEW, stance="benign", by="ngo", type_name="url-prefix"),
        ],
        now_ms=NOW,
    )
    assert verdict.reasons == (
        (
            "hotline.example/feed/urls signal 1 (url, harmful): review by rule reviewed-urls, "
            "capped by policy-cap, human-review-required"
        ),
        "ngo.example/feed/urls signal 1 (url-prefix, benign): review by rule r",
        "police.example/feed/urls signal 7 (url, harmful): enforce by rule r",
        "ngo.example/feed/urls signal 1 says benign and caps the verdict at review",
    )
