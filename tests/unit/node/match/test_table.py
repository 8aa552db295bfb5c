"""The fingerprint table against a dict, where it is full, and where fingerprints crowd."""

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.table import MAX_LOAD, FingerprintTable


def _put(table: FingerprintTable, truth: dict[int, int], fingerprints: NDArray[np.uint64], first_head: int) -> None:
    heads = np.arange(first_head, first_head + fingerprints.size, dtype=np.int64)
    table.reserve(fingerprints.size)
    table.put(table.locate(fingerprints)[0], fingerprints, heads)
    truth.update(zip(fingerprints.tolist(), heads.tolist(), strict=True))


def _check(table: FingerprintTable, truth: dict[int, int], absent: NDArray[np.uint64]) -> None:
    known = np.array(list(truth), dtype=np.uint64)
    assert table.find(known).tolist() == list(truth.values())
    assert [table.find_one(key) for key in list(truth)[:500]] == list(truth.values())[:500]
    missing = absent[~np.isin(absent, known)]
    assert not table.find(missing).any()
    assert not any(table.find_one(key) for key in missing[:500].tolist())


def test_finds_what_was_put_over_many_growths() -> None:
    rng = np.random.default_rng(3)
    table, truth = FingerprintTable(), dict[int, int]()
    for step in range(40):
        some = np.unique(rng.integers(0, 2**32, 3000, dtype=np.uint64))
        known = np.array(list(truth)[::7], dtype=np.uint64)
        _put(table, truth, np.unique(np.concatenate((some, known))), 1 + step * 50_000)
    _check(table, truth, rng.integers(0, 2**32, 20_000, dtype=np.uint64))
    assert table.nbytes < len(truth) / MAX_LOAD * 8 * 1.6


def test_fingerprints_crowded_at_the_top_lengthen_the_tail() -> None:
    table, truth = FingerprintTable(), dict[int, int]()
    for step in range(8):
        _put(table, truth, np.arange(2**32 - 500 * (step + 1), 2**32 - 500 * step, dtype=np.uint64), 1 + step * 500)
    _put(table, truth, np.arange(2**32 - 4000, 2**32 - 2000, dtype=np.uint64), 9000)
    _check(table, truth, np.arange(0, 2**32, 2**22, dtype=np.uint64))


def test_fingerprint_zero_is_a_fingerprint_like_any_other() -> None:
    table = FingerprintTable()
    assert table.find(np.zeros(1, dtype=np.uint64)).tolist() == [0]
    assert table.find_one(0) == 0
    zero = np.zeros(1, dtype=np.uint64)
    table.put(table.locate(zero)[0], zero, np.array([7]))
    assert table.find(np.zeros(2, dtype=np.uint64)).tolist() == [7, 7]
    assert table.find_one(0) == 7
