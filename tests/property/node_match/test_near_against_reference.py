"""Near matches against a slow, obvious reference: every hash held, one after the other."""

from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tocsin_node.match.blocks import SignalBlock
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.near import MAX_DISTANCE, NearIndex

PDQ = 0x0C01
CENTRES = (0, (1 << 256) - 1, int("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22", 16))


def run(first: int, count: int) -> frozenset[int]:
    """Neighbouring bits."""
    return frozenset(range(first, min(first + count, 256)))


def flipped(centre: int, bits: frozenset[int]) -> int:
    return centre ^ sum(1 << bit for bit in bits)


# A few bits from few centres, so that distances fall on both sides of every limit; bits anywhere, or in one piece.
BITS = st.one_of(
    st.sets(st.integers(0, 255), max_size=40).map(frozenset[int]),
    st.builds(run, st.integers(0, 255), st.integers(0, 70)),
    st.integers(4, 16).map(lambda step: frozenset(range(0, 256, step))),
)
HASHES: st.SearchStrategy[int] = st.builds(flipped, st.sampled_from(CENTRES), BITS)
QUESTIONS = st.lists(st.tuples(HASHES, st.integers(0, MAX_DISTANCE)), max_size=8)


def packed(hashes: list[int]) -> Any:
    return np.frombuffer(b"".join(one.to_bytes(32, "big") for one in hashes), np.uint8).reshape(-1, 32)


def reference(held: list[int], asked: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(question, hash, distance) of everything near, once each."""
    return sorted(
        (number, one, (one ^ question).bit_count())
        for number, (question, within) in enumerate(asked)
        for one in set(held)
        if (one ^ question).bit_count() <= within
    )


def answered(index: NearIndex, asked: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    found = index.search(packed([one for one, _ in asked]), np.asarray([within for _, within in asked], np.uint8))
    words = [int.from_bytes(one.tobytes(), "big") for one in found.words]
    return sorted(zip(found.queries.tolist(), words, found.distances.tolist(), strict=True))


@settings(deadline=None, max_examples=80)
@given(parts=st.lists(st.lists(HASHES, max_size=12), max_size=4), asked=QUESTIONS)
def test_a_scan_finds_exactly_what_the_reference_finds(parts: list[list[int]], asked: list[tuple[int, int]]) -> None:
    index = NearIndex()
    for part in parts:
        index.add(packed(part))
    assert answered(index, asked) == reference([one for part in parts for one in part], asked)


def filler(count: int) -> Any:
    """Hashes no question comes near, so that lists of the multi-index are short beside the whole."""
    random = np.random.default_rng(5)
    return random.integers(0, 256, (count, 32), dtype=np.uint8)


FILLER = filler(9_000)


@settings(deadline=None, max_examples=40)
@given(held=st.lists(HASHES, max_size=30), late=st.lists(HASHES, max_size=10), asked=QUESTIONS)
def test_the_multi_index_finds_exactly_what_the_reference_finds(
    held: list[int], late: list[int], asked: list[tuple[int, int]]
) -> None:
    index = NearIndex(indexed=1)
    index.add(np.concatenate((FILLER, packed(held))))
    index.add(packed(late))
    others = [int.from_bytes(one.tobytes(), "big") for one in FILLER]
    assert answered(index, asked) == reference([*others, *held, *late], asked)


ROWS = st.lists(st.tuples(HASHES, st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=6)


class LiveMachine(RuleBasedStateMachine):
    """Signals with hashes come, are revised, withdrawn, expire and are dropped, in two feeds."""

    def __init__(self) -> None:
        super().__init__()
        self.index = MatchIndex(near_types=[PDQ])
        self.rows: dict[tuple[int, int], int] = {}  # (feed, hash) -> newest signal
        self.until: dict[tuple[int, int], int] = {}  # (feed, signal) -> valid until; 0: withdrawn
        self.clock = 0

    @rule(feed=st.integers(0, 1), rows=ROWS)
    def add(self, feed: int, rows: list[tuple[int, int, int]]) -> None:
        self.clock += 1
        count = len(rows)
        self.index.add(
            feed,
            SignalBlock(
                tags=packed([one for one, _, _ in rows]),
                types=np.full(count, PDQ, np.uint16),
                epochs=np.zeros(count, np.uint32),
                signals=np.asarray([signal for _, signal, _ in rows], np.uint64),
                details=np.zeros(count, np.uint32),
                issued_at=np.full(count, self.clock, np.uint64),
                valid_until=np.asarray([until for _, _, until in rows], np.uint64),
            ),
        )
        for one, signal, until in rows:
            self.rows[feed, one] = max(signal, self.rows.get((feed, one), signal))
            if self.until.get((feed, signal)) != 0:
                self.until[feed, signal] = until

    @rule(feed=st.integers(0, 1), signal=st.integers(0, 5))
    def withdraw(self, feed: int, signal: int) -> None:
        self.index.withdraw(feed, np.asarray([signal], np.uint64))
        if (feed, signal) in self.until:
            self.until[feed, signal] = 0

    @rule(feed=st.integers(0, 1))
    def drop(self, feed: int) -> None:
        self.index.drop_feed(feed)
        self.rows = {key: signal for key, signal in self.rows.items() if key[0] != feed}
        self.until = {key: until for key, until in self.until.items() if key[0] != feed}

    @rule()
    def compact(self) -> None:
        self.index.compact()
        self.rows = {key: signal for key, signal in self.rows.items() if self.until[key[0], signal]}

    @invariant()
    def finds_exactly_the_live_signals_that_are_near(self) -> None:
        asked = packed(list(CENTRES))
        (near,) = self.index.near(PDQ, asked, np.full(len(CENTRES), MAX_DISTANCE, np.uint8))
        tags = np.ascontiguousarray(near.words).view(np.uint8)
        count = len(near)
        for now in (0, 4):
            hits = self.index.lookup(tags, np.full(count, PDQ, np.uint16), np.zeros(count, np.uint32), now_ms=now)
            found = sorted(
                zip(near.queries[hits.queries].tolist(), hits.feeds.tolist(), hits.signals.tolist(), strict=True)
            )
            assert found == sorted(
                (number, feed, signal)
                for (feed, one), signal in self.rows.items()
                for number, centre in enumerate(CENTRES)
                if (one ^ centre).bit_count() <= MAX_DISTANCE and self.until[feed, signal] > now
            )


TestLive = LiveMachine.TestCase
TestLive.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
