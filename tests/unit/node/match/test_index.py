"""The match index: what each call promises, one behaviour a test."""

import threading
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from tocsin_node.match.blocks import MAX_BLOCK_ROWS, Hit, SignalBlock
from tocsin_node.match.hashing import MULTIPLIERS
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.spaces import MAX_SPACES_PER_FEED
from tocsin_node.match.states import MAX_FEED, MAX_SIGNAL

URL, EMAIL = 0x0101, 0x0301
DAY = 86_400_000
T0 = 1_750_000_000_000


def tag(number: int) -> bytes:
    return number.to_bytes(32, "little")


def tags_of(*numbers: int) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(map(tag, numbers)), dtype=np.uint8).reshape(-1, 32)


def block(
    *numbers: int,
    first: int = 0,
    signals: list[int] | None = None,
    type_code: int = URL,
    epoch: int = 1,
    details: int = 5,
    issued_at: int = T0,
    valid_until: int = T0 + DAY,
) -> SignalBlock:
    rows = len(numbers)
    return SignalBlock(
        tags=tags_of(*numbers),
        types=np.full(rows, type_code, dtype=np.uint16),
        epochs=np.full(rows, epoch, dtype=np.uint32),
        details=np.full(rows, details, dtype=np.uint32),
        issued_at=np.full(rows, issued_at, dtype=np.uint64),
        valid_until=np.full(rows, valid_until, dtype=np.uint64),
        signals=np.array(signals if signals is not None else range(first, first + rows), dtype=np.uint64),
    )


def u64(*values: int) -> NDArray[np.uint64]:
    return np.array(values, dtype=np.uint64)


def look(  # both look-ups, which must agree
    index: MatchIndex, number: int, *, type_code: int = URL, epoch: int = 1, now_ms: int = 0
) -> list[Hit]:
    one = index.lookup_one(tag(number), type_code, epoch, now_ms=now_ms)
    types, epochs = np.array([type_code], dtype=np.uint16), np.array([epoch], dtype=np.uint32)
    hits = index.lookup(tags_of(number), types, epochs, now_ms=now_ms)
    columns = zip(
        hits.feeds.tolist(),
        hits.signals.tolist(),
        hits.details.tolist(),
        hits.issued_at.tolist(),
        hits.valid_until.tolist(),
        strict=True,
    )
    assert sorted(Hit(*row) for row in columns) == sorted(one)
    return sorted(one)


def test_a_signal_is_found_with_all_it_says() -> None:
    index = MatchIndex()
    index.add(3, block(10, 11, 12, first=40))
    assert look(index, 11) == [Hit(feed=3, signal=41, details=5, issued_at=T0, valid_until=T0 + DAY)]
    assert look(index, 13) == []


def test_type_and_epoch_must_be_those_of_the_query() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.add(0, block(2, first=1, type_code=EMAIL, epoch=2))
    assert look(index, 1, type_code=EMAIL) == []
    assert look(index, 1, epoch=2) == []
    assert look(index, 1, type_code=EMAIL, epoch=2) == []
    assert look(index, 2, type_code=EMAIL, epoch=2)


def test_a_batch_answers_every_query_under_its_number() -> None:
    index = MatchIndex()
    index.add(0, block(1, 2, 3))
    index.add(1, block(3, 4))
    hits = index.lookup(
        tags_of(9, 3, 1, 3), np.full(4, URL, dtype=np.uint16), np.full(4, 1, dtype=np.uint32), now_ms=T0
    )
    assert sorted(zip(hits.queries.tolist(), hits.feeds.tolist(), hits.signals.tolist(), strict=True)) == [
        (1, 0, 2),
        (1, 1, 0),
        (2, 0, 0),
        (3, 0, 2),
        (3, 1, 0),
    ]


def test_an_empty_index_and_an_empty_batch_answer_nothing() -> None:
    index = MatchIndex()
    assert look(index, 1) == []
    index.add(0, block())
    index.add(0, block(1))
    none = index.lookup(np.zeros((0, 32), dtype=np.uint8), np.zeros(0, dtype=np.uint16), np.zeros(0, dtype=np.uint32))
    assert len(none) == 0
    assert index.stats().rows == 1


def test_a_withdrawn_signal_is_gone_under_every_tag_it_has() -> None:
    index = MatchIndex()
    index.add(0, block(1, 2))
    index.add(0, block(101, 102, signals=[0, 1], epoch=2))
    assert look(index, 101, epoch=2)
    index.withdraw(0, u64(0))
    assert look(index, 1) == look(index, 101, epoch=2) == []
    assert look(index, 2)
    assert look(index, 102, epoch=2)


def test_a_retag_after_the_withdrawal_stays_dead() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.withdraw(0, u64(0))
    index.add(0, block(101, signals=[0], epoch=2, issued_at=T0 + 5))
    index.revise(0, u64(0), np.array([6], dtype=np.uint32), u64(T0 + 6), u64(T0 + DAY))
    assert look(index, 101, epoch=2) == []


def test_withdrawing_touches_no_other_feed() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.add(1, block(1))
    index.withdraw(0, u64(0))
    assert [hit.feed for hit in look(index, 1)] == [1]


def test_a_repeated_assertion_folds_to_the_newest_and_the_older_never_returns() -> None:
    index = MatchIndex()
    index.add(0, block(1, 1, 1, details=1))
    assert [hit.signal for hit in look(index, 1)] == [2]
    index.add(0, block(1, first=3, details=2))
    assert [(hit.signal, hit.details) for hit in look(index, 1)] == [(3, 2)]
    index.withdraw(0, u64(3))
    assert look(index, 1) == []
    index.add(0, block(1, first=4, details=7))
    assert [(hit.signal, hit.details) for hit in look(index, 1)] == [(4, 7)]
    assert index.stats().rows == 1


def test_a_revision_reaches_every_tag_and_an_older_word_does_not_undo_it() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.add(0, block(101, signals=[0], epoch=2))
    index.revise(0, u64(0), np.array([9], dtype=np.uint32), u64(T0 + 10), u64(T0 + 2 * DAY))
    revised = Hit(feed=0, signal=0, details=9, issued_at=T0 + 10, valid_until=T0 + 2 * DAY)
    assert look(index, 1) == look(index, 101, epoch=2) == [revised]
    index.add(0, block(201, signals=[0], epoch=3, issued_at=T0 + 5))
    assert look(index, 201, epoch=3) == [revised]


def test_the_last_of_several_revisions_in_one_call_counts() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.revise(0, u64(0, 0), np.array([8, 9], dtype=np.uint32), u64(T0 + 1, T0 + 1), u64(T0 + 50, T0 + 60))
    assert [(hit.details, hit.valid_until) for hit in look(index, 1)] == [(9, T0 + 60)]


def test_words_about_unknown_signals_are_counted_and_change_nothing() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.withdraw(0, u64(7, 2**63, 5000))
    index.withdraw(4, u64(0))
    index.revise(0, u64(9), np.array([1], dtype=np.uint32), u64(T0), u64(T0 + 1))
    assert index.stats().unknown_signals == 5
    assert look(index, 1)


def test_expired_signals_are_left_out_only_when_a_time_is_given() -> None:
    index = MatchIndex()
    index.add(0, block(1, valid_until=T0 + 100))
    assert look(index, 1)
    assert look(index, 1, now_ms=T0 + 99)
    assert look(index, 1, now_ms=T0 + 100) == []


def test_a_dropped_feed_is_gone_at_once_and_may_start_anew() -> None:
    index = MatchIndex()
    index.add(0, block(1, 2))
    index.add(1, block(1))
    index.drop_feed(0)
    assert [hit.feed for hit in look(index, 1)] == [1]
    assert set(index.live_spaces()) == {1}
    index.add(0, block(2, first=9))
    assert look(index, 1) == [Hit(feed=1, signal=0, details=5, issued_at=T0, valid_until=T0 + DAY)]
    assert [hit.signal for hit in look(index, 2)] == [9]
    index.compact()
    assert [hit.signal for hit in look(index, 2)] == [9]
    assert index.stats().rows == 2


def test_compacting_frees_withdrawn_dropped_and_expired_rows() -> None:
    index = MatchIndex()
    index.add(0, block(1, 2, 3))
    index.add(0, block(4, first=3, valid_until=T0 + 5, type_code=EMAIL))
    index.add(1, block(1, 2))
    index.withdraw(0, u64(1))
    index.drop_feed(1)
    before = index.stats()
    assert (before.rows, before.withdrawn, before.dropped_rows) == (6, 1, 2)
    index.compact(expired_before_ms=T0 + 5)
    after = index.stats()
    assert (after.rows, after.withdrawn, after.dropped_rows) == (2, 0, 0)
    assert [hit.signal for hit in look(index, 1) + look(index, 3)] == [0, 2]
    assert look(index, 2) == look(index, 4, type_code=EMAIL) == []
    assert index.live_spaces() == {0: frozenset({(URL, 1)})}


def test_pages_of_a_dropped_feed_serve_another_without_its_past() -> None:
    index = MatchIndex()
    index.add(0, block(1, 2))
    index.withdraw(0, u64(1))
    index.drop_feed(0)
    index.compact()
    held = index.stats().nbytes
    index.add(7, block(1, 2, issued_at=3, valid_until=9))
    assert [hit.feed for hit in look(index, 1) + look(index, 2)] == [7, 7]
    assert index.stats().nbytes == held + 2 * 42 + 16  # two rows and a pair of times, no page


def test_live_spaces_name_every_type_and_epoch_of_each_feed() -> None:
    index = MatchIndex()
    index.add(0, block(1))
    index.add(0, block(2, first=1, type_code=EMAIL, epoch=2))
    index.add(5, block(3))
    assert index.live_spaces() == {0: frozenset({(URL, 1), (EMAIL, 2)}), 5: frozenset({(URL, 1)})}


def test_a_feed_cannot_use_up_the_tag_spaces() -> None:
    index = MatchIndex()
    rows = MAX_SPACES_PER_FEED + 5
    hostile = block(*range(rows))
    index.add(
        0,
        SignalBlock(
            tags=hostile.tags,
            types=hostile.types,
            epochs=np.arange(rows, dtype=np.uint32),
            details=hostile.details,
            issued_at=hostile.issued_at,
            valid_until=hostile.valid_until,
            signals=hostile.signals,
        ),
    )
    assert index.stats().refused_rows == 5
    index.add(1, block(1, epoch=rows))
    assert look(index, 1, epoch=rows)


@pytest.mark.parametrize("epoch", [0, 2**32 - 1])
def test_the_ends_of_the_epoch_range_are_epochs(epoch: int) -> None:
    index = MatchIndex()
    index.add(0, block(1, epoch=epoch))
    assert look(index, 1, epoch=epoch)
    assert look(index, 1, epoch=7) == []


def test_colliding_fingerprints_stay_correct_and_bearable() -> None:
    index = MatchIndex(multipliers=(0,) * MULTIPLIERS)  # every tag has fingerprint 0
    begun = time.process_time()
    for first in range(0, 2000, 500):
        index.add(0, block(*range(first, first + 500), first=first))
    index.add(1, block(*range(0, 2000, 2)))
    rows = 2000
    hits = index.lookup(tags_of(*range(rows)), np.full(rows, URL, dtype=np.uint16), np.full(rows, 1, dtype=np.uint32))
    assert len(hits) == 3000
    assert (hits.signals[hits.feeds == 0] == hits.queries[hits.feeds == 0]).all()
    assert [hit.signal for hit in look(index, 1998)] == [1998, 999]
    index.withdraw(0, u64(1998))
    index.compact()
    assert [hit.feed for hit in look(index, 1998)] == [1]
    assert time.process_time() - begun < 10


def test_readers_see_whole_blocks_while_the_writer_works() -> None:
    index = MatchIndex()
    rng = np.random.default_rng(5)
    size, blocks = 512, 60
    tags = rng.integers(0, 256, (size * blocks, 32), dtype=np.uint8)
    done, faults = threading.Event(), list[str]()
    types, epochs = np.full(size, URL, dtype=np.uint16), np.full(size, 1, dtype=np.uint32)

    def read() -> None:
        while not done.is_set():
            start = int(rng.integers(0, blocks)) * size
            hits = index.lookup(tags[start : start + size], types, epochs)
            if len(hits) not in (0, size) or len(set(hits.issued_at.tolist())) > 1:
                faults.append(f"{len(hits)} hits, times {set(hits.issued_at.tolist())}")
            if (hits.details.astype(np.uint64) != hits.issued_at).any():
                faults.append("details of one word with the time of another")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    numbers = np.arange(size, dtype=np.uint64)
    for number in range(blocks):
        start = number * size
        signals = numbers + np.uint64(start)
        ones, twos = np.full(size, 1, dtype=np.uint32), np.full(size, 2, dtype=np.uint32)
        index.add(
            0,
            SignalBlock(
                tags=tags[start : start + size],
                types=types,
                epochs=epochs,
                details=ones,
                issued_at=ones.astype(np.uint64),
                valid_until=np.full(size, T0, dtype=np.uint64),
                signals=signals,
            ),
        )
        index.revise(0, signals, twos, twos.astype(np.uint64), np.full(size, T0, dtype=np.uint64))
        if number % 20 == 19:
            index.compact()
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []


def test_columns_of_another_shape_or_size_are_refused() -> None:
    good = block(1, 2)
    with pytest.raises(ValueError, match="column details"):
        SignalBlock(
            tags=good.tags,
            types=good.types,
            epochs=good.epochs,
            details=good.details[:1],
            issued_at=good.issued_at,
            valid_until=good.valid_until,
            signals=good.signals,
        )
    with pytest.raises(ValueError, match="tags must be"):
        MatchIndex().lookup(good.tags[:, ::-1], good.types, good.epochs)
    with pytest.raises(ValueError, match="as many types"):
        MatchIndex().lookup(good.tags, good.types[:1], good.epochs)
    with pytest.raises(ValueError, match="32 bytes"):
        MatchIndex().lookup_one(b"short", URL, 1)
    many = np.zeros((MAX_BLOCK_ROWS + 1, 32), dtype=np.uint8)
    with pytest.raises(ValueError, match="at most"):
        SignalBlock(
            tags=many,
            types=good.types,
            epochs=good.epochs,
            details=good.details,
            issued_at=good.issued_at,
            valid_until=good.valid_until,
            signals=good.signals,
        )


def test_numbers_beyond_the_limits_are_refused_before_anything_changes() -> None:
    index = MatchIndex()
    with pytest.raises(ValueError, match="feed number"):
        index.add(MAX_FEED + 1, block(1))
    with pytest.raises(ValueError, match="signal number"):
        index.add(0, block(1, signals=[MAX_SIGNAL + 1]))
    assert index.stats().rows == 0


def test_the_live_rows_with_certain_details_are_found_by_feed_signal_and_space() -> None:
    index = MatchIndex()
    index.add(1, block(1, 2, details=7))
    index.add(1, block(3, signals=[2], type_code=EMAIL, details=8))
    index.add(2, block(1, details=7, epoch=2))
    index.retag(1, block(9, signals=[0], epoch=2, details=7))
    index.withdraw(1, u64(1))
    found = index.with_details([7], most=10, now_ms=T0)
    assert sorted(found) == [(1, 0, URL, 1), (1, 0, URL, 2), (2, 0, URL, 2)]
    assert index.with_details([8, 99], most=10, now_ms=T0) == [(1, 2, EMAIL, 1)]
    assert index.with_details([7], most=10, now_ms=T0 + DAY) == []
    assert index.with_details([], most=10) == []
    index.drop_feed(1)
    assert index.with_details([7, 8], most=10, now_ms=T0) == [(2, 0, URL, 2)]


def test_rows_with_certain_details_are_found_beyond_one_part_of_the_scan_and_no_more_than_asked_of_a_feed() -> None:
    index = MatchIndex()
    for start in range(0, 3 * (1 << 16), MAX_BLOCK_ROWS):
        index.add(1, block(*range(start, start + MAX_BLOCK_ROWS), first=start, details=6))
    index.add(2, block(10**9, details=6))
    found = index.with_details([6], most=150_000, now_ms=T0)
    assert len(found) == len(set(found)) == 150_001
    assert found[-1] == (2, 0, URL, 1)
