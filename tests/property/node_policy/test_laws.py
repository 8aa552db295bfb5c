"""The laws of policy, over generated policies, details and assertions."""

from dataclasses import replace
from typing import Any

from hypothesis import given, strategies as st

from tocsin_node.audience import demands, recipients
from tocsin_node.life.state import Standing
from tocsin_node.peers.book import Peer, PeerBook, PeerState
from tocsin_node.policy.bulk import Decider, Question
from tocsin_node.policy.decide import capped, decide, trace
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.explain import Held, Outcome, explain
from tocsin_node.policy.model import Policy, parse_policy
from tocsin_node.policy.verdict import Assertion, FeedState, combine
from tocsin_node.testing.made import Organisation
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
MAX_AGES = st.sampled_from(["", "max_age_days = 1\n"])
NOW_MS = 100
TIMES = st.sampled_from([NOW_MS, 86_400_100])  # the later one is a day after some signals, and the end of others

MARKS = st.sampled_from([{"human_review_required": True}, {"forbidden": ["reshare", "automated_enforcement"]}])


def policy_of(*parts: str) -> Policy:
    return parse_policy(('peer = "hotline.example"\n' + "".join(parts)).encode(), "p.toml")


def effect_of(policy: Policy, details: dict[str, object]) -> Effect:
    return decide(policy, feed="urls", type_name="url", details=details).effect


@given(st.lists(REFUSALS, max_size=3), CAPS, DETAILS)
def test_without_a_rule_everything_is_denied(refusals: list[str], cap: str, details: dict[str, object]) -> None:
    assert effect_of(policy_of(*refusals, cap), details) is Effect.IGNORE


@given(st.lists(REFUSALS, max_size=2), st.lists(RULES, max_size=3), CAPS, st.lists(DETAILS, min_size=1, max_size=6))
def test_decisions_that_are_remembered_are_those_made_anew(
    refusals: list[str], rules: list[str], cap: str, several: list[dict[str, object]]
) -> None:
    policy = policy_of(*refusals, *rules, cap)
    decider = Decider(Question("urls", policy.digest, policy))
    for details in (*several, *reversed(several), *({**one, "case_ref": "another"} for one in several)):
        assert decider.on_details(0x0101, details) == decide(policy, feed="urls", type_name="url", details=details)


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


@given(st.lists(REFUSALS, max_size=3), st.lists(RULES, max_size=3), CAPS, DETAILS)
def test_the_trace_ends_in_the_decision_that_counts(
    refusals: list[str], rules: list[str], cap: str, details: dict[str, object]
) -> None:
    policy = policy_of(*refusals, *rules, cap)
    walked = trace(policy, feed="urls", type_name="url", details=details)
    assert walked.decision == decide(policy, feed="urls", type_name="url", details=details)
    assert [one.item.name for one in walked.tried] == [item.name for item in (*policy.refusals, *policy.rules)]
    matching = [one.item.name for one in walked.tried if one.holds]
    assert walked.decision.rule == (matching[0] if matching else "default-deny")
    set_caps = {cap.name for cap in walked.ceilings if cap.ceiling is not None}
    assert set(walked.decision.caps) <= set_caps


@given(st.lists(RULES, min_size=1, max_size=4), CAPS, DETAILS, REFUSALS)
def test_a_further_refusal_never_raises_and_a_further_rule_behind_changes_no_match(
    rules: list[str], cap: str, details: dict[str, object], refusal: str
) -> None:
    *before, last = rules
    decided = decide(policy_of(*before, cap), feed="urls", type_name="url", details=details)
    longer = decide(policy_of(*before, last, cap), feed="urls", type_name="url", details=details)
    assert longer == decided or decided.rule == "default-deny"
    assert effect_of(policy_of(*rules, refusal, cap), details) in {effect_of(policy_of(*rules, cap), details), 0}


@given(st.lists(RULES, max_size=2), DETAILS, DETAILS)
def test_what_a_publisher_adds_under_unknown_keys_changes_nothing(
    rules: list[str], details: dict[str, object], other: dict[str, object]
) -> None:
    policy = policy_of(*rules)
    later: dict[str, object] = {f"x_{key}": value for key, value in other.items()}
    assert effect_of(policy, later | details) == effect_of(policy, details)


def _held(item: Assertion) -> Held:
    return Held(
        feed=item.feed,
        publisher=item.publisher,
        signal=item.signal,
        type_name=item.type_name,
        details=item.details,
        standing=Standing(item.issued_at, item.valid_until),
        feed_state=item.feed_state,
    )


@given(st.lists(REFUSALS, max_size=2), st.lists(RULES, max_size=3), CAPS, DETAILS, assertions(), MAX_AGES, TIMES)
def test_an_explanation_says_what_the_verdict_on_the_signal_alone_says(
    refusals: list[str], rules: list[str], cap: str, details: dict[str, Any], found: list[Assertion], age: str, now: int
) -> None:
    policy = policy_of(*refusals, *rules, cap or "[cap]\n", age)
    for each in found:
        one = replace(each, details=details, issued_at=each.issued_at // 1000, valid_until=each.valid_until * 1_000_000)
        decision = decide(policy, feed="urls", type_name="url", details=details)
        live = combine([replace(one, decision=decision)], now_ms=now)
        told = explain(policy, _held(one), now_ms=now)
        assert told.effect is max((judged.effect for judged in live.assertions), default=Effect.IGNORE)
        assert told.rule == decision.rule
        assert [judged.caps for judged in live.assertions] in ([], [told.caps])
        lowering = {step.name for step in told.steps if step.outcome is Outcome.LOWERS}
        assert all(name in lowering for judged in live.assertions for name in judged.caps)
        deciding = [step.name for step in told.steps if step.outcome is Outcome.DECIDES]
        assert deciding == [decision.rule]


@given(assertions(), st.sampled_from(["removed", "withdrawn", "ended", "type", "details", "found", "newer"]))
def test_what_ends_a_signal_is_never_outvoted_by_policy(found: list[Assertion], ending: str) -> None:
    policy = policy_of('[[rule]]\neffect = "enforce"\nfeeds = ["urls"]\n')
    changes: dict[str, dict[str, Any]] = {
        "removed": {"removed": True},
        "withdrawn": {"standing": Standing(0, 200, withdrawn=True)},
        "ended": {"match_until": NOW_MS},
        "type": {"type_name": ""},
        "details": {"details": None},
        "found": {"found": False},
        "newer": {"newer": 7},
    }
    for one in found:
        told = explain(policy, replace(_held(one), **changes[ending]), now_ms=NOW_MS)
        assert told.effect is Effect.IGNORE
        assert any(step.outcome is Outcome.IGNORES for step in told.steps)


ORGANISATIONS = ("a.example", "b.example", "c.example", "d.example")
MADE = {name: Organisation.make(name) for name in ORGANISATIONS}
STATES = st.sampled_from([None, *PeerState])


@given(
    st.sets(st.sampled_from(ORGANISATIONS)),
    st.fixed_dictionaries(dict.fromkeys(ORGANISATIONS, STATES)),
    st.fixed_dictionaries(dict.fromkeys(ORGANISATIONS, st.sets(st.sampled_from(["urls", "mail"])))),
)
def test_recipients_are_the_audience_and_active_and_named_by_send(
    members: set[str], states: dict[str, PeerState | None], sends: dict[str, set[str]]
) -> None:
    made = MADE.items()
    peers = [
        Peer(name, one.root.key.public, state, one.signed, None, 0, 0)
        for name, one in made
        if (state := states[name]) is not None
    ]
    policies = {name: parse_policy(_send(name, feeds), "p.toml") for name, feeds in sends.items()}
    book = PeerBook.of(peers)
    found = recipients("urls", members=members, book=book, policy_of=policies.__getitem__)
    active = {name for name, state in states.items() if state is PeerState.ACTIVE}
    named = {name for name, feeds in sends.items() if "urls" in feeds}
    assert {one.organisation for one in found if one.receives} == members & active & named
    for one in found:
        asked = list(demands("urls", one.organisation, members=members, book=book, policy_of=policies.__getitem__))
        assert one.receives == all(demand.holds for demand in asked)
        assert one.receives or one.why == next(demand.why for demand in asked if not demand.holds)


def _send(name: str, feeds: set[str]) -> bytes:
    listed = ", ".join(f'"{feed}"' for feed in sorted(feeds))
    return f'peer = "{name}"\n[send]\nfeeds = [{listed}]\n'.encode() if feeds else f'peer = "{name}"\n'.encode()
