"""What look-ups find against what a signal's entries say: the index, however its feed was cut, is the one state."""

from collections import defaultdict
from typing import Final, NamedTuple

import numpy as np
from hypothesis import given, settings, strategies as st

from tocsin_node.life.state import Event, Life, State, fold
from tocsin_node.log.tx import Stored
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.intake import take_in
from tocsin_node.policy.decide import Decision
from tocsin_node.policy.effect import Effect
from tocsin_node.policy.verdict import Assertion, FeedState, combine
from tocsin_signals.entry import MAX_AHEAD_MS, NO_REF, Entry, Kind, Rows, empty_rows, tag_column

URL: Final = 0x0101
START: Final = 1_750_000_000_000
STEP: Final = MAX_AHEAD_MS // 2
LOG: Final = 3


class Said(NamedTuple):
    """One step of a publisher, honest or not: what it does, to which of its signals, and for how long."""

    kind: Kind
    signal: int
    lives: int
    waits: int
    details: int
    tag: int


STEPS: Final = st.lists(
    st.builds(
        Said,
        kind=st.sampled_from((Kind.ASSERT, Kind.ASSERT, Kind.REVISE, Kind.WITHDRAW, Kind.RETAG)),
        signal=st.integers(0, 30),
        lives=st.integers(0, 12),
        waits=st.integers(0, 2),
        details=st.integers(0, 3),
        tag=st.integers(0, 5),
    ),
    max_size=30,
)


def tag(number: int, epoch: int) -> bytes:
    return bytes([number, epoch]) + bytes(30)


def entries(steps: list[Said]) -> list[Entry]:
    """A feed whose every entry obeys the rules that a receiver checks: a ref is smaller than the own index."""
    feed = [Entry(1, Kind.OPEN, 0, 0, bytes(32), bytes(32), START, 0, NO_REF, bytes(16))]
    now = START
    for step in steps:
        now += step.waits * STEP
        index = len(feed)
        ref = step.signal % index if step.kind is not Kind.ASSERT else NO_REF
        epoch = 2 if step.kind is Kind.RETAG else 1
        details = bytes([step.details]) * 32
        until = now + step.lives * STEP
        feed.append(Entry(1, step.kind, URL, epoch, tag(step.tag, epoch), details, now, until, ref, bytes(16)))
    return feed


def rows_of(feed: list[Entry]) -> Rows:
    rows = empty_rows(len(feed))
    for place, entry in enumerate(feed):
        for name in ("kind", "type", "epoch", "issued_at", "valid_until", "ref"):
            rows[name][place] = getattr(entry, name)
        tag_column(rows)[place] = np.frombuffer(entry.tag, np.uint8)
    return rows


def indexed(feed: list[Entry], cuts: list[int]) -> MatchIndex:
    """An index fed with the feed in runs that end at these places."""
    index, rows = MatchIndex(), rows_of(feed)
    numbers = np.asarray([entry.details[0] for entry in feed], np.uint32)
    ends = sorted({cut % len(feed) for cut in cuts} | {len(feed)})
    start = 0
    for end in ends:
        run = slice(start, end)
        if end > start:
            take_in(index, Stored(LOG, rows[run], np.arange(start, end, dtype=np.uint64), numbers[run]))
        start = end
    return index


def lives(feed: list[Entry]) -> dict[int, Life]:
    """Every signal's entries, gathered and folded the slow way."""
    events: dict[int, list[Event]] = defaultdict(list)
    for index, entry in enumerate(feed):
        if entry.kind == Kind.ASSERT:
            events[index].append(Event(index, entry, entry.details))
        elif entry.ref in events:
            events[entry.ref].append(Event(index, entry, entry.details))
    return {signal: fold(found) for signal, found in events.items()}


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, cuts=st.lists(st.integers(0, 40), max_size=5), clock=st.integers(-4, 40), age=st.integers(1, 20))
def test_a_look_up_finds_a_signal_under_each_of_its_tags_exactly_while_its_state_is_live(
    steps: list[Said], cuts: list[int], clock: int, age: int
) -> None:
    feed = entries(steps)
    index, now, max_age = indexed(feed, cuts), START + clock * STEP, age * STEP
    decision = Decision(Effect.REVIEW, "r", max_age_ms=max_age)
    found_lives = lives(feed)
    holders = {event.entry.tag: signal for signal, life in found_lives.items() for event in life.tagged}  # rising
    for signal, life in found_lives.items():
        for found in life.tagged:
            held = holders[found.entry.tag]
            assert index.signal_of(LOG, found.entry.tag, URL, found.entry.epoch) == held
            state = life.standing.state(now, max_age_ms=max_age, superseded=held != signal)
            hits = index.lookup_one(found.entry.tag, URL, found.entry.epoch, now_ms=now)
            assertions = [
                Assertion("f", "p", hit.signal, "url", hit.issued_at, hit.valid_until, {"stance": "harmful"}, decision,
                          FeedState.LIVE)
                for hit in hits
            ]  # fmt: skip
            shown = combine(assertions, now_ms=now).assertions
            mine = [one.assertion.signal for one in shown if one.assertion.signal == signal]
            assert mine == ([signal] if state is State.LIVE else [])
            assert {one.assertion.signal for one in shown} <= {held}
            if mine:
                assert (shown[0].assertion.issued_at, shown[0].assertion.valid_until) == life.standing[:2]
                assert hits[0].details == life.word.entry.details[0]


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, one=st.lists(st.integers(0, 40), max_size=5), other=st.lists(st.integers(0, 40), max_size=9))
def test_how_a_feed_was_cut_into_runs_makes_no_difference(steps: list[Said], one: list[int], other: list[int]) -> None:
    feed = entries(steps)
    first, second = indexed(feed, one), indexed(feed, other)
    for number in range(len(feed)):
        for epoch in (1, 2):
            found = first.lookup_one(tag(number, epoch), URL, epoch)
            assert found == second.lookup_one(tag(number, epoch), URL, epoch)
