"""The fast tree against the definition in RFC 6962, at random sizes."""

from functools import cache

import pytest
from hypothesis import given, settings, strategies as st

from tocsin_crypto.errors import CryptoError
from tocsin_crypto.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    span_of,
    verify_consistency,
    verify_inclusion,
)

MOST = 140_000
SIZES = st.integers(1, MOST) | st.sampled_from([255, 256, 257, 65_535, 65_536, 65_537])


@cache
def all_leaves() -> tuple[bytes, ...]:
    return tuple(leaf_hash(i.to_bytes(4, "big")) for i in range(MOST))


@cache
def slow_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    n = end - start
    if n == 0:
        return EMPTY_ROOT
    if n == 1:
        return all_leaves()[start]
    k = 1
    while 2 * k < n:
        k *= 2
    return node_hash(slow_root(start, start + k), slow_root(start + k, end))


def get(level: int, index: int) -> bytes:
    return slow_root(index << level, (index + 1) << level)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=8))
def test_growing_in_any_pieces_gives_the_reference_root(pieces: list[int]) -> None:
    tree, blocks = CompactRange(), b""
    for piece in pieces:
        grown = tree.extend_hashes(b"".join(all_leaves()[tree.size : tree.size + piece]))
        tree, blocks = CompactRange.from_bytes(grown.range.size, grown.range.to_bytes()), blocks + grown.blocks
    assert tree.size == sum(pieces)
    assert tree.root() == slow_root(0, tree.size)
    assert blocks == b"".join(get(8, n) for n in range(tree.size // 256))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3000), st.integers(0, 3000), st.data())
def test_a_span_hashed_apart_joins_where_it_belongs_and_nowhere_else(
    before: int, count: int, data: st.DataObject
) -> None:
    span = span_of(before, b"".join(all_leaves()[before : before + count]))
    tree, blocks = CompactRange().extend(all_leaves()[:before]).join(span)
    assert (tree.size, tree.root()) == (before + count, slow_root(0, before + count))
    assert blocks == b"".join(get(8, n) for n in range(before // 256, (before + count) // 256))
    other = data.draw(st.integers(0, 3000).filter(lambda size: size != before))
    with pytest.raises(CryptoError):
        CompactRange().extend(all_leaves()[:other]).join(span)


@settings(max_examples=30, deadline=None)
@given(SIZES, st.data())
def test_inclusion_proofs_hold_and_break_when_changed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, size, get), slow_root(0, size)
    verify_inclusion(index, size, all_leaves()[index], proof, root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        changed = (int.from_bytes(proof[at], "big") ^ (1 << bit)).to_bytes(32, "big")
        with pytest.raises(CryptoError):
            verify_inclusion(index, size, all_leaves()[index], (*proof[:at], changed, *proof[at + 1 :]), root)


@settings(max_examples=30, deadline=None)
@given(SIZES, st.data())
def test_consistency_proofs_hold_and_break_when_changed(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof, roots = consistency_proof(old, new, get), (slow_root(0, old), slow_root(0, new))
    verify_consistency(old, new, proof, *roots)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        with pytest.raises(CryptoError):
            verify_consistency(old, new, (*proof[:at], bytes(32), *proof[at + 1 :]), *roots)
        with pytest.raises(CryptoError):
            verify_consistency(old, new, proof, roots[1], roots[0])
