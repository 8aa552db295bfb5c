"""The match index against a slow, obvious reference: two dicts."""

from typing import Any

import numpy as np
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tocsin_node.match.blocks import SignalBlock
from tocsin_node.match.hashing import MULTIPLIERS
from tocsin_node.match.index import MatchIndex

TAGS, TYPES, EPOCHS, FEEDS = range(4), (1, 2), (0, 1), range(3)
# Signals of two pages of the index, and one far beyond.
SIGNALS = st.one_of(st.integers(0, 6), st.integers(4094, 4097), st.just(40_000))
TIMES = st.integers(0, 9)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(TAGS),
        st.sampled_from(TYPES),
        st.sampled_from(EPOCHS),
        SIGNALS,
        st.integers(0, 5),
        st.integers(1, 12),
    ),
    max_size=8,
)


def tag(number: int) -> bytes:
    return bytes(31) + bytes([number])


class Reference:
    """What the index promises, a row at a time."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int, int, int], int] = {}  # (feed, type, epoch, tag) -> newest signal
        self.words: dict[tuple[int, int], tuple[int, int, int] | None] = {}  # (feed, signal) -> word, None: withdrawn
        self.unknown = 0

    def say(self, feed: int, signal: int, word: tuple[int, int, int]) -> None:
        held = self.words.get((feed, signal), (0, 0, 0))
        if held is not None and word[1] >= held[1]:
            self.words[feed, signal] = word

    def add(self, feed: int, row: tuple[int, int, int, int], word: tuple[int, int, int]) -> None:
        number, type_code, epoch, signal = row
        self.say(feed, signal, word)
        key = (feed, type_code, epoch, number)
        self.rows[key] = max(signal, self.rows.get(key, signal))

    def withdraw(self, feed: int, signal: int) -> None:
        if (feed, signal) in self.words:
            self.words[feed, signal] = None
        else:
            self.unknown += 1

    def revise(self, feed: int, signal: int, word: tuple[int, int, int]) -> None:
        if (feed, signal) in self.words:
            self.say(feed, signal, word)
        else:
            self.unknown += 1

    def drop(self, feed: int) -> None:
        self.rows = {key: signal for key, signal in self.rows.items() if key[0] != feed}
        self.words = {key: word for key, word in self.words.items() if key[0] != feed}

    def live(self, key: tuple[int, int, int, int], now: int) -> bool:
        word = self.words[key[0], self.rows[key]]
        return word is not None and word[2] > now

    def compact(self, now: int) -> None:
        self.rows = {key: signal for key, signal in self.rows.items() if self.live(key, now)}

    def hits(self, now: int) -> list[tuple[int, ...]]:
        return sorted(
            (number, type_code, epoch, feed, signal, *(self.words[feed, signal] or ()))
            for (feed, type_code, epoch, number), signal in self.rows.items()
            if self.live((feed, type_code, epoch, number), now)
        )


class IndexMachine(RuleBasedStateMachine):
    multipliers: tuple[int, ...] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.index = MatchIndex(multipliers=self.multipliers)
        self.truth = Reference()

    @rule(feed=st.sampled_from(FEEDS), rows=ROWS, times=st.lists(TIMES, min_size=8, max_size=8))
    def add(self, feed: int, rows: list[tuple[int, int, int, int, int, int]], times: list[int]) -> None:
        issued = sorted(times)[: len(rows)]  # never decreasing in a feed's log
        column: Any = list(zip(*rows, strict=True)) or [()] * 6
        self.index.add(
            feed,
            SignalBlock(
                tags=np.frombuffer(b"".join(map(tag, column[0])), dtype=np.uint8).reshape(-1, 32),
                types=np.array(column[1], dtype=np.uint16),
                epochs=np.array(column[2], dtype=np.uint32),
                signals=np.array(column[3], dtype=np.uint64),
                details=np.array(column[4], dtype=np.uint32),
                issued_at=np.array(issued, dtype=np.uint64),
                valid_until=np.array(column[5], dtype=np.uint64),
            ),
        )
        for row, at in zip(rows, issued, strict=True):
            self.truth.add(feed, row[:4], (row[4], at, row[5]))

    @rule(feed=st.sampled_from(FEEDS), signals=st.lists(SIGNALS, max_size=4))
    def withdraw(self, feed: int, signals: list[int]) -> None:
        self.index.withdraw(feed, np.array(signals, dtype=np.uint64))
        for signal in signals:
            self.truth.withdraw(feed, signal)

    @rule(
        feed=st.sampled_from(FEEDS),
        words=st.lists(st.tuples(SIGNALS, st.integers(0, 5), TIMES, st.integers(1, 12)), max_size=4),
    )
    def revise(self, feed: int, words: list[tuple[int, int, int, int]]) -> None:
        words = sorted(words, key=lambda word: word[2])
        column: Any = list(zip(*words, strict=True)) or [()] * 4
        self.index.revise(
            feed,
            np.array(column[0], dtype=np.uint64),
            np.array(column[1], dtype=np.uint32),
            np.array(column[2], dtype=np.uint64),
            np.array(column[3], dtype=np.uint64),
        )
        for signal, *word in words:
            self.truth.revise(feed, signal, (word[0], word[1], word[2]))

    @rule(feed=st.sampled_from(FEEDS))
    def drop_feed(self, feed: int) -> None:
        self.index.drop_feed(feed)
        self.truth.drop(feed)

    @rule(now=TIMES)
    def compact(self, now: int) -> None:
        self.index.compact(expired_before_ms=now)
        self.truth.compact(now)

    @invariant()
    def finds_what_the_reference_finds(self) -> None:
        queries = [(number, type_code, epoch) for number in TAGS for type_code in TYPES for epoch in EPOCHS]
        tags = np.frombuffer(b"".join(tag(number) for number, _, _ in queries), dtype=np.uint8).reshape(-1, 32)
        types = np.array([type_code for _, type_code, _ in queries], dtype=np.uint16)
        epochs = np.array([epoch for _, _, epoch in queries], dtype=np.uint32)
        for now in (0, 5):
            hits = self.index.lookup(tags, types, epochs, now_ms=now)
            found: list[tuple[int, ...]] = [
                (*queries[query], *rest)
                for query, *rest in zip(
                    hits.queries.tolist(),
                    hits.feeds.tolist(),
                    hits.signals.tolist(),
                    hits.details.tolist(),
                    hits.issued_at.tolist(),
                    hits.valid_until.tolist(),
                    strict=True,
                )
            ]
            assert sorted(found) == self.truth.hits(now)
            single = [(*query, *hit) for query in queries for hit in self.index.lookup_one(tag(query[0]), *query[1:])]
            assert sorted(single) == self.truth.hits(0)

    @invariant()
    def counts_unknown_signals(self) -> None:
        assert self.index.stats().unknown_signals == self.truth.unknown

    @invariant()
    def spaces_cover_every_live_row(self) -> None:
        spaces = self.index.live_spaces()
        for feed, type_code, epoch, _ in self.truth.rows:
            assert (type_code, epoch) in spaces[feed]


class CollidingMachine(IndexMachine):
    multipliers = (0,) * MULTIPLIERS  # every row in one chain


TestIndex = IndexMachine.TestCase
TestCollidingIndex = CollidingMachine.TestCase
TestIndex.settings = TestCollidingIndex.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
