"""Merkle trees: exhaustive small sizes against a slow reference, boundaries, and every way to damage a proof."""

from collections.abc import Callable
from functools import cache

import pytest

from tocsin_crypto.errors import CryptoError, Forged, Malformed
from tocsin_crypto.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    hash_rows,
    inclusion_proof,
    leaf_hash,
    node_hash,
    split_hashes,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"%d" % i) for i in range(600)]


@cache
def slow_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    n = end - start
    if n == 0:
        return EMPTY_ROOT
    if n == 1:
        return LEAVES[start]
    k = 1
    while 2 * k < n:
        k *= 2
    return node_hash(slow_root(start, start + k), slow_root(start + k, end))


def get(level: int, index: int) -> bytes:
    return slow_root(index << level, (index + 1) << level)


@pytest.mark.parametrize("size", [*range(71), 255, 256, 257, 511, 512, 513])
def test_growing_gives_the_reference_root_from_every_starting_point(size: int) -> None:
    for start in (0, 1, size // 3, size // 2, max(size - 1, 0)):
        tree = CompactRange().extend(LEAVES[: min(start, size)]).extend(LEAVES[min(start, size) : size])
        assert tree.size == size
        assert tree.root() == slow_root(0, size)


def test_inclusion_holds_for_every_leaf_of_every_small_tree_and_for_no_other() -> None:
    for size in range(1, 71):
        root = slow_root(0, size)
        for index in range(size):
            proof = inclusion_proof(index, size, get)
            verify_inclusion(index, size, LEAVES[index], proof, root)
            with pytest.raises(Forged):
                verify_inclusion((index + 1) % size, size, LEAVES[index], proof, root if size > 1 else LEAVES[1])


def test_consistency_holds_between_all_small_sizes() -> None:
    for new in range(1, 71):
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, get)
            verify_consistency(old, new, proof, slow_root(0, old), slow_root(0, new))
            with pytest.raises(Forged):
                verify_consistency(old, new, proof, slow_root(0, old), LEAVES[-1])
            with pytest.raises(Forged):
                verify_consistency(old, new, proof, LEAVES[-1], slow_root(0, new))


@pytest.mark.parametrize("size", [255, 256, 257])
def test_proofs_hold_around_a_full_tile(size: int) -> None:
    for index in (0, 1, 127, 128, 253, 254, size - 1):
        verify_inclusion(index, size, LEAVES[index], inclusion_proof(index, size, get), slow_root(0, size))
    for old in (1, 2, 127, 128, 129, 254, 255, size):
        verify_consistency(old, size, consistency_proof(old, size, get), slow_root(0, old), slow_root(0, size))


def damaged(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    flips = [(*proof[:i], bytes([one[0] ^ 1]) + one[1:], *proof[i + 1 :]) for i, one in enumerate(proof)]
    swaps = [(proof[1], proof[0], *proof[2:])] if len(proof) > 1 and proof[0] != proof[1] else []
    return [*flips, *swaps, proof[:-1], proof[1:], (*proof, bytes(32)), (bytes(32), *proof), ()]


def expect_refusal(check: Callable[[], None]) -> None:
    with pytest.raises(CryptoError):
        check()


@pytest.mark.parametrize(("index", "size"), [(0, 2), (3, 7), (6, 7), (137, 300), (299, 300), (255, 256)])
def test_a_damaged_inclusion_proof_is_refused(index: int, size: int) -> None:
    proof = inclusion_proof(index, size, get)
    for bad in damaged(proof):
        with pytest.raises(CryptoError):
            verify_inclusion(index, size, LEAVES[index], bad, slow_root(0, size))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 7), (137, 300), (256, 300), (299, 300)])
def test_a_damaged_consistency_proof_is_refused(old: int, new: int) -> None:
    proof = consistency_proof(old, new, get)
    for bad in damaged(proof):
        with pytest.raises(CryptoError):
            verify_consistency(old, new, bad, slow_root(0, old), slow_root(0, new))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_hash_of_another_length_is_malformed(length: int) -> None:
    proof, root = inclusion_proof(3, 7, get), slow_root(0, 7)
    with pytest.raises(Malformed, match="32 bytes"):
        verify_inclusion(3, 7, bytes(length), proof, root)
    with pytest.raises(Malformed, match="32 bytes"):
        verify_inclusion(3, 7, LEAVES[3], (bytes(length), *proof[1:]), root)
    with pytest.raises(Malformed, match="32 bytes"):
        verify_consistency(3, 7, consistency_proof(3, 7, get), bytes(length), root)


@pytest.mark.parametrize(("index", "size"), [(7, 7), (8, 7), (-1, 7), (0, 0), (0, 1 << 63)])
def test_a_leaf_outside_its_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(Malformed, match="outside"):
        verify_inclusion(index, size, LEAVES[0], (), LEAVES[0])
    with pytest.raises(Malformed, match="outside"):
        inclusion_proof(index, size, get)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 7), (8, 7), (-1, 7), (1, 1 << 63)])
def test_consistency_needs_two_sizes_in_order_and_above_zero(old: int, new: int) -> None:
    with pytest.raises(Malformed, match="0 < old"):
        verify_consistency(old, new, (), EMPTY_ROOT, EMPTY_ROOT)
    with pytest.raises(Malformed, match="0 < old"):
        consistency_proof(old, new, get)


def test_equal_sizes_need_an_empty_proof() -> None:
    verify_consistency(7, 7, (), slow_root(0, 7), slow_root(0, 7))
    with pytest.raises(Forged, match="empty"):
        verify_consistency(7, 7, (LEAVES[0],), slow_root(0, 7), slow_root(0, 7))


def test_an_inner_node_does_not_pass_as_a_leaf() -> None:
    forged_entry = LEAVES[0] + LEAVES[1]
    assert leaf_hash(forged_entry) != slow_root(0, 2)
    with pytest.raises(Forged):
        verify_inclusion(0, 2, leaf_hash(forged_entry), (slow_root(2, 4),), slow_root(0, 4))


@pytest.mark.parametrize("start", [0, 1, 44, 255, 256, 300])
@pytest.mark.parametrize("count", [0, 1, 2, 211, 212, 213, 256, 257])
def test_rows_grow_the_tree_and_give_leaves_and_completed_blocks(start: int, count: int) -> None:
    rows = b"".join(b"\x00%d" % i for i in range(1000, 1600))
    leaves = [leaf_hash(b"%d" % i) for i in range(1000, 1600)]
    before = CompactRange().extend(leaves[:start])
    grown = before.extend_rows(memoryview(rows)[5 * start : 5 * (start + count)], 5)
    assert grown.leaves == b"".join(leaves[start : start + count])
    assert grown.range == before.extend(leaves[start : start + count])
    blocks = range(start // 256, (start + count) // 256)
    expected = [CompactRange().extend(leaves[256 * n : 256 * (n + 1)]).root() for n in blocks]
    assert list(split_hashes(grown.blocks)) == expected


def test_a_row_without_the_leaf_prefix_is_refused() -> None:
    with pytest.raises(Malformed, match="00 prefix"):
        hash_rows(b"\x00ab\x01ab", 3)


@pytest.mark.parametrize(("data", "row_len"), [(b"\x00abc", 3), (b"\x00abc", 0)])
def test_rows_must_be_whole(data: bytes, row_len: int) -> None:
    with pytest.raises(Malformed, match="whole rows"):
        hash_rows(data, row_len)


def test_a_compact_range_reads_back_from_its_bytes() -> None:
    tree = CompactRange().extend(LEAVES[:300])
    assert CompactRange.from_bytes(300, tree.to_bytes()) == tree
    assert len(tree.hashes) == 4


@pytest.mark.parametrize(("size", "data"), [(3, b""), (3, bytes(65)), (3, bytes(32)), (-1, b""), (1 << 63, bytes(32))])
def test_a_compact_range_needs_the_hashes_of_its_size(size: int, data: bytes) -> None:
    with pytest.raises(Malformed):
        CompactRange.from_bytes(size, data)


def test_leaf_hashes_must_be_whole() -> None:
    with pytest.raises(Malformed, match="whole hashes"):
        CompactRange().extend(bytes(33))
