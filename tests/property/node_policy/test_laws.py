"""The laws of policy, over generated policies, details and assertions."""

from typing import Any

from hypothesis import given, strategies as st

from tocsin_node.policy.decide import capped, decide
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.model import Policy, parse_policy
from tocsin_node.policy.verdict import Assertion, FeedState, combine
from tocsin_signals import vocab

EFFECTS = st.sampled_from([str(effect) for effect in Effect])
STANCES = st.sampled_from((*vocab.STANCE.words, "of-2040"))
NOISE = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=3)))
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "stance": st.one_of(STANCES, NOISE),
        "severity": st.one_of(st.sampled_from(vocab.SEVERITY.words), NOISE),
        "confidence": st.one_of(st.integers(0, 100), NOISE),
        "tlp": st.one_of(st.sampled_from(vocab.TLP.words), NOISE),
        "abuse_types": st.one_of(st.lists(st.sampled_from(vocab.ABUSE_TYPES.words[:4])), NOISE),
        "forbidden": st.one_of(st.lists(st.sampled_from(vocab.FORBIDDEN.words)), NOISE),
        "human_review_required": NOISE,
    },
)


def _quoted(words: Any) -> Any:
    return st.lists(words, min_size=1, max_size=2, unique=True).map(
        lambda some: "[" + ", ".join(f'"{word}"' for word in some) + "]"
    )


CONDITIONS = st.fixed_dictionaries(
    {"feeds": st.sampled_from(['["urls"]', '["mail"]', '["urls", "mail"]'])},
    optional={
        "stance": _quoted(st.sampled_from(vocab.STANCE.words)),
        "abuse_types": _quoted(st.sampled_from(vocab.ABUSE_TYPES.words[:4])),
        "min_severity": st.sampled_from(vocab.SEVERITY.words).map(lambda word: f'"{word}"'),
        "min_confidence": st.integers(0, 100).map(str),
        "max_tlp": st.sampled_from(vocab.TLP.words).map(lambda word: f'"{word}"'),
    },
).map(lambda keys: "\n".join(f"{key} = {value}" for key, value in keys.items()))
REFUSALS = CONDITIONS.map(lambda conditions: f"[[refuse]]\n{conditions}\n")
RULES = st.tuples(EFFECTS, CONDITIONS).map(lambda pair: f'[[rule]]\neffect = "{pair[0]}"\n{pair[1]}\n')
CAPS = st.one_of(st.just(""), EFFECTS.map(lambda effect: f'[cap]\neffect = "{effect}"\n'))

MARKS = st.sampled_from([{"human_review_required": True}, {"forbidden": ["reshare", "automated_enforcement"]}])


def policy_of(*parts: str) -> Policy:
    return parse_policy(('peer = "hotline.example"\n' + "".join(parts)).encode(), "p.toml")


def effect_of(policy: Policy, details: dict[str, object]) -> Effect:
    return decide(policy, feed="urls", type_name="url", details=details).effect


@given(st.lists(REFUSALS, max_size=3), CAPS, DETAILS)
def test_without_a_rule_everything_is_denied(refusals: list[str], cap: str, details: dict[str, object]) -> None:
    assert effect_of(policy_of(*refusals, cap), details) is Effect.IGNORE


@given(st.lists(RULES, max_size=3), CAPS, DETAILS)
def test_caps_only_lower(rules: list[str], cap: str, details: dict[str, object]) -> None:
    decision = decide(policy_of(*rules, cap), feed="urls", type_name="url", details=details)
    given_by_rule = {rule.name: rule.effect for rule in policy_of(*rules).rules} | {"default-deny": Effect.IGNORE}
    assert decision.effect <= given_by_rule[decision.rule]
    assert bool(decision.caps) == (decision.effect < given_by_rule[decision.rule])
    assert effect_of(policy_of(*rules, cap), details) <= effect_of(policy_of(*rules), details)


@given(st.lists(RULES, max_size=3), CAPS, DETAILS, MARKS)
def test_a_further_mark_never_raises(
    rules: list[str], cap: str, details: dict[str, object], mark: dict[str, object]
) -> None:
    policy = policy_of(*rules, cap)
    assert effect_of(policy, details | mark) == min(effect_of(policy, details), Effect.REVIEW)


@given(
    st.lists(st.tuples(st.text(max_size=3), st.sampled_from(Effect)), max_size=4),
    st.sampled_from(Effect),
    st.randoms(use_true_random=False),
)
def test_the_order_of_caps_is_irrelevant(caps: list[tuple[str, Effect]], effect: Effect, random: Any) -> None:
    shuffled = list(caps)
    random.shuffle(shuffled)
    assert capped(effect, caps)[0] == capped(effect, shuffled)[0] == min([effect, *(ceiling for _, ceiling in caps)])
    assert sorted(capped(effect, caps)[1]) == sorted(capped(effect, shuffled)[1])


@given(st.lists(REFUSALS, max_size=4), st.lists(RULES, max_size=2), DETAILS, st.randoms(use_true_random=False))
def test_the_place_of_refusals_is_irrelevant(
    refusals: list[str], rules: list[str], details: dict[str, object], random: Any
) -> None:
    shuffled = list(refusals)
    random.shuffle(shuffled)
    effect = effect_of(policy_of(*refusals, *rules), details)
    assert effect == effect_of(policy_of(*rules, *shuffled), details)
    assert effect <= effect_of(policy_of(*rules), details)


@st.composite
def assertions(draw: st.DrawFn) -> list[Assertion]:
    rules = draw(st.lists(RULES, min_size=1, max_size=3))
    policy = policy_of(*rules, draw(CAPS))
    made: list[Assertion] = []
    for signal in range(draw(st.integers(0, 6))):
        details: dict[str, Any] = draw(DETAILS)
        made.append(
            Assertion(
                feed=draw(st.sampled_from(["a.example/feed/urls", "b.example/feed/urls"])),
                publisher="a.example",
                signal=signal,
                type_name="url",
                issued_at=draw(st.integers(0, 800_000)),
                valid_until=draw(st.integers(0, 200)),
                details=details,
                decision=decide(policy, feed="urls", type_name="url", details=details),
                feed_state=draw(st.sampled_from(FeedState)),
            )
        )
    return made


def _live(item: Assertion) -> bool:
    return item.issued_at <= 600_100 and item.valid_until > 100


@given(assertions(), st.randoms(use_true_random=False))
def test_a_verdict_does_not_depend_on_order(found: list[Assertion], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert combine(found, now_ms=100) == combine(shuffled, now_ms=100)


@given(assertions())
def test_a_verdict_never_exceeds_its_strongest_live_assertion(found: list[Assertion]) -> None:
    verdict = combine(found, now_ms=100)
    live = [item for item in found if _live(item)]
    assert verdict.effect <= max((item.decision.effect for item in live), default=Effect.IGNORE)
    assert {item.assertion.signal for item in verdict.assertions} <= {item.signal for item in live}
    assert all(item.effect > Effect.IGNORE for item in verdict.assertions)
    assert verdict.effect <= Effect.SHADOW or any(
        item.assertion.details.get("stance") in ("harmful", "suspected") for item in verdict.assertions
    )


@given(assertions())
def test_a_trusted_benign_assertion_always_vetoes_enforcement(found: list[Assertion]) -> None:
    rule = policy_of('[[rule]]\neffect = "review"\nfeeds = ["urls"]\n')
    details: dict[str, object] = {"stance": "benign"}
    benign = Assertion(
        feed="ngo.example/feed/urls",
        publisher="ngo.example",
        signal=0,
        type_name="url",
        issued_at=0,
        valid_until=101,
        details=details,
        decision=decide(rule, feed="urls", type_name="url", details=details),
        feed_state=FeedState.LIVE,
    )
    without = combine(found, now_ms=100).effect
    assert combine([*found, benign], now_ms=100).effect == min(without, Effect.REVIEW)


@given(assertions())
def test_a_feed_falling_silent_never_raises(found: list[Assertion]) -> None:
    live = [_with_state(item, FeedState.LIVE) for item in found if item.details.get("stance") != "benign"]
    silent = [_with_state(item, FeedState.SILENT) for item in live]
    assert combine(silent, now_ms=100).effect == min(combine(live, now_ms=100).effect, Effect.REVIEW)


def _with_state(item: Assertion, state: FeedState) -> Assertion:
    return Assertion(
        feed=item.feed,
        publisher=item.publisher,
        signal=item.signal,
        type_name=item.type_name,
        issued_at=item.issued_at,
        valid_until=item.valid_until,
        details=item.details,
        decision=item.decision,
        feed_state=state,
    )
