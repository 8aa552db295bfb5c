"""The times of slots against a dict, over widening, equal runs and the clearing of pairs without a slot."""

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.times import WITHDRAWN, Times

SLOTS = 5000


def u64(values: "list[int] | NDArray[np.int64]") -> NDArray[np.uint64]:
    return np.asarray(values, dtype=np.uint64)


def give(times: Times, slots: NDArray[np.int64], issued: NDArray[np.uint64], until: NDArray[np.uint64]) -> None:
    times.set(slots, times.number(SLOTS, issued, until))


def test_every_slot_has_the_times_it_was_given_last() -> None:
    rng = np.random.default_rng(5)
    times, truth = Times(), dict[int, tuple[int, int]]()
    times.reserve(0, SLOTS)
    times.set(slice(0, SLOTS), 0)
    for step in range(60):
        slots = rng.permutation(SLOTS)[: 1 + step * 80]
        spread = 1 if step % 3 else 100_000
        issued, until = u64(rng.integers(0, spread, slots.size)), u64(rng.integers(0, 3, slots.size))
        give(times, slots, issued, until)
        truth.update(zip(slots.tolist(), zip(issued.tolist(), until.tolist(), strict=True), strict=True))
    every = np.arange(SLOTS)
    expected = [truth.get(slot, (0, 0)) for slot in range(SLOTS)]
    found = zip(times.issued_of(every).tolist(), times.until_of(every).tolist(), strict=True)
    assert list(found) == expected
    assert [times.one(slot) for slot in range(SLOTS)] == expected


def test_signals_of_one_commit_share_their_times() -> None:
    times = Times()
    times.reserve(0, SLOTS)
    before = times.nbytes(SLOTS)
    for start in range(0, SLOTS, 1000):
        give(times, np.arange(start, start + 1000), u64([7] * 1000), u64([9] * 1000))
    assert times.nbytes(SLOTS) == before + 16


def test_pairs_that_no_slot_has_any_more_are_dropped() -> None:
    times, slot = Times(), np.zeros(1, dtype=np.int64)
    times.reserve(0, SLOTS)
    times.set(slice(0, SLOTS), WITHDRAWN)
    for step in range(30):
        first = step * 10_000
        numbers = times.number(SLOTS, u64(np.arange(first, first + 10_000)), u64([1] * 10_000))
        times.set(slot, numbers[-1:])
        assert times.one(0) == (first + 9_999, 1)
    assert times.nbytes(SLOTS) < 16 * 100_000 + 4 * SLOTS
    assert times.one(1) == (2**64 - 1, 0)
