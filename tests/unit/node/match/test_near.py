"""The near-match index: growing, what is held twice, hashes that cluster, and its limits."""

from typing import Any

import numpy as np
import pytest

from tocsin_node.match import near
from tocsin_node.match.near import MAX_DISTANCE, NearIndex

RANDOM = np.random.default_rng(11)


def some(count: int) -> Any:
    return RANDOM.integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(hashes: Any, bits: int) -> Any:
    """Copies that differ in so many bits, anywhere."""
    changed = np.unpackbits(hashes, axis=1)
    for row in changed:
        row[RANDOM.choice(256, bits, replace=False)] ^= 1
    return np.packbits(changed, axis=1)


def found(index: NearIndex, asked: Any, within: int = MAX_DISTANCE) -> list[tuple[int, bytes, int]]:
    answer = index.search(asked, np.full(len(asked), within, np.uint8))
    held = [one.tobytes() for one in answer.words]
    return sorted(zip(answer.queries.tolist(), held, answer.distances.tolist(), strict=True))


def reference(held: Any, asked: Any, within: int = MAX_DISTANCE) -> list[tuple[int, bytes, int]]:
    distances = [np.bitwise_count(held ^ one).sum(axis=1, dtype=np.int64) for one in asked]
    return sorted(
        {
            (number, held[place].tobytes(), int(row[place]))
            for number, row in enumerate(distances)
            for place in np.flatnonzero(row <= within)
        }
    )


@pytest.mark.parametrize("indexed", [1, near.INDEXED])
def test_what_comes_in_parts_is_found_as_the_base_grows(indexed: int) -> None:
    index, hashes = NearIndex(indexed=indexed), some(30_000)
    asked = np.concatenate((flipped(hashes[::1500], 31), flipped(hashes[7::1500], 12), some(10)))
    for start in range(0, len(hashes), 3000):
        index.add(np.ascontiguousarray(hashes[start : start + 3000]))
        assert found(index, asked) == reference(hashes[: start + 3000], asked)
    assert len(found(index, asked)) == 40
    assert index.nbytes >= 32 * len(hashes)


@pytest.mark.parametrize("within", [0, 7, 15, 16, 23, 30, 31])
@pytest.mark.parametrize("indexed", [1, near.INDEXED])
def test_every_distance_is_exact_up_to_its_own_bit(indexed: int, within: int) -> None:
    hashes = some(10_000)
    asked = np.concatenate([flipped(hashes[:200], bits) for bits in (within, min(within + 1, 255))])
    index = NearIndex(indexed=indexed)
    index.add(hashes)
    answer = found(index, asked, within)
    assert answer == reference(hashes, asked, within)
    assert {distance for _, _, distance in answer} == {within}


@pytest.mark.parametrize("indexed", [1, near.INDEXED])
def test_hashes_that_cluster_are_found_as_any(indexed: int) -> None:
    hashes = flipped(np.repeat(some(1), 10_000, axis=0), 12)
    index = NearIndex(indexed=indexed)
    index.add(hashes)
    asked = flipped(hashes[:4], 5)
    answer = found(index, asked)
    assert answer == reference(hashes, asked)
    assert len(answer) > 1000


def test_answers_that_are_too_many_at_once_come_in_parts_of_whole_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_ROWS", 5000)
    hashes = flipped(np.repeat(some(1), 3000, axis=0), 2)
    index, within = NearIndex(), np.full(300, MAX_DISTANCE, np.uint8)
    index.add(hashes)
    parts = list(index.search_in_parts(hashes[:300].copy(), within))
    held = len(np.unique(hashes, axis=0))
    assert [len(part) for part in parts] == [held] * 300, "every hash is near every question"
    assert sorted(int(part.queries[0]) for part in parts) == list(range(300))
    few = list(index.search_in_parts(flipped(hashes[:300], 100), within))
    assert [len(part) for part in few] == [0, 0], "256 at a time where answers are few"


def test_hashes_alike_in_two_words_and_opposite_in_two_are_far_apart() -> None:
    opposite = some(1).repeat(20_000, axis=0)
    opposite[:, 16:] ^= 255
    index = NearIndex()
    index.add(opposite)
    opposite[:, 16:] ^= 255
    assert found(index, opposite[:1]) == []
    opposite ^= 255
    assert found(index, opposite[:1]) == []


def test_what_is_held_twice_is_found_once_and_kept_once_when_the_base_grows() -> None:
    index, hashes = NearIndex(), some(6000)
    index.add(hashes)
    index.add(hashes[:50].copy())
    assert len(found(index, hashes[:50])) == 50
    index.add(some(6000))
    assert len(index) == 12_000
    assert len(found(index, hashes[:50])) == 50


def test_a_reader_that_began_before_a_hash_came_answers_without_it() -> None:
    index, hashes = NearIndex(), some(20)
    index.add(hashes[:10].copy())
    before = index.search(hashes, np.full(20, 0, np.uint8))
    index.add(hashes[10:].copy())
    assert len(before) == 10
    assert len(index.search(hashes, np.full(20, 0, np.uint8))) == 20


def test_an_empty_index_and_no_questions_give_no_answers() -> None:
    index = NearIndex()
    assert found(index, some(3)) == []
    assert len(index) == 0
    index.add(some(3))
    assert found(index, some(0)) == []


def test_a_distance_that_would_not_be_exact_is_refused() -> None:
    index = NearIndex()
    with pytest.raises(ValueError, match="at most 31"):
        index.search(some(2), np.asarray([31, 32], np.uint8))
    with pytest.raises(ValueError, match="at most 31"):
        index.search(some(2), np.asarray([1], np.uint8))
    with pytest.raises(ValueError, match="shape"):
        index.add(np.zeros((3, 16), np.uint8))
