"""RFC 6962 Merkle trees (SHA-256): hashing, the compact range that grows a tree, and proofs.

Leaf = SHA-256(00, entry); node = SHA-256(01, left, right); the left subtree holds the largest power of two of leaves
strictly below the whole (RFC 6962 section 2.1), so a tree of n leaves is one complete subtree ("peak") per one bit
of n, and those peaks are all that growing it needs.

Bulk rule: no object per row outlives its turn in the loop. ``CompactRange.extend_rows`` hashes consecutive rows that
already carry the 00 prefix, one ``sha256`` call per leaf and one per node. Nearly all of that work is in ``span_of``,
which needs to know where the leaves stand but not what stands before them: several runs are hashed at the same time,
and ``CompactRange.join`` then appends them one after the other with a few dozen calls each.

Proofs are tuples of hashes, checked by the strict rules of RFC 9162 section 2.1: every hash has 32 bytes, an inclusion
proof has exactly the length its index and size demand, and a consistency proof never starts from size 0 (the caller
decides what an empty past means). This module stores nothing: whoever keeps tiles gives proofs their subtree hashes.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Self

import numpy as np

from tocsin_crypto._encoding import MAX_SIZE
from tocsin_crypto.errors import Forged, Malformed

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
TILE_WIDTH = 256
"""Leaves under one hash of a level-1 tile (C2SP tlog-tiles)."""
MAX_PROOF = 64
"""Hashes in the longest proof of a tree below 2^63 leaves."""

GetSubtree = Callable[[int, int], bytes]
"""``get(level, index)``: the hash of the complete subtree over the ``1 << level`` leaves from ``index << level``."""

_LEAF = b"\x00"
_NODE = b"\x01"
_TILE_LEVEL = 8
_BATCH = 256
"""Rows unpacked at once: few enough to stay in the cache, many enough to amortise the call."""


def leaf_hash(entry: bytes) -> bytes:
    """The leaf hash of one entry."""
    return sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over two subtree hashes."""
    return sha256(_NODE + left + right).digest()


def hash_rows(rows: bytes | bytearray | memoryview, row_len: int) -> bytes:
    """The leaf hashes, concatenated, of consecutive rows of ``row_len`` bytes that each begin with the 00 prefix."""
    view = memoryview(rows).cast("B")
    if row_len < 1 or len(view) % row_len:
        raise Malformed(f"{len(view)} bytes are not whole rows of {row_len} bytes")
    if np.frombuffer(view, np.uint8)[::row_len].any():
        raise Malformed("a row to be hashed as a leaf does not begin with the 00 prefix")
    return b"".join([b"".join([sha256(row).digest() for row in batch]) for batch in _batches(view, row_len)])


@dataclass(frozen=True, slots=True)
class Extension:
    """What growing a tree gave: the new range, the new leaf hashes, and the 256-leaf blocks it completed.

    ``leaves`` and ``blocks`` are concatenated hashes; ``blocks[0:32]`` is hash ``range_before.size // 256`` of level 1.
    """

    range: "CompactRange"
    leaves: bytes
    blocks: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """A run of leaves as the largest complete subtrees that lie in it, whatever stands before and after it.

    ``nodes`` are (level, hash) from left to right; ``blocks`` the concatenated hashes of its whole 256-leaf blocks.
    """

    first: int
    count: int
    nodes: tuple[tuple[int, bytes], ...]
    blocks: bytes


def span_of(first: int, leaves: bytes) -> Span:
    """The span of concatenated leaf hashes of which the first has the index ``first``."""
    if len(leaves) % HASH_BYTES:
        raise Malformed(f"{len(leaves)} bytes are not whole hashes of {HASH_BYTES} bytes")
    rising: list[tuple[int, bytes]] = []
    falling: list[tuple[int, bytes]] = []
    blocks = b""
    row, index, level = leaves, first, 0  # `row` starts at node `index` of `level`
    while row:
        if level == _TILE_LEVEL:
            blocks = row
        if index & 1:
            rising.append((level, row[:HASH_BYTES]))
            row, index = row[HASH_BYTES:], index + 1
        if len(row) // HASH_BYTES & 1:
            falling.append((level, row[-HASH_BYTES:]))
            row = row[:-HASH_BYTES]
        row, index, level = _parents(row), index >> 1, level + 1
    return Span(first, len(leaves) // HASH_BYTES, (*rising, *reversed(falling)), blocks)


@dataclass(frozen=True, slots=True)
class CompactRange:
    """A whole tree from leaf 0, as its size and the hashes of its peaks from left (largest) to right."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise Malformed("a tree size lies outside 0 to 2^63-1")
        if len(self.hashes) != self.size.bit_count() or any(len(one) != HASH_BYTES for one in self.hashes):
            raise Malformed(f"a compact range of size {self.size} needs {self.size.bit_count()} hashes of 32 bytes")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Self:
        """From the concatenated peaks that ``to_bytes`` gave for this size."""
        return cls(size, split_hashes(data))

    def to_bytes(self) -> bytes:
        """The peaks, concatenated."""
        return b"".join(self.hashes)

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *others, root = self.hashes
        for peak in reversed(others):
            root = node_hash(peak, root)
        return root

    def extend(self, leaf_hashes: bytes | Sequence[bytes]) -> "CompactRange":
        """The tree with these leaf hashes (concatenated or one by one) appended."""
        return self.extend_hashes(leaf_hashes if isinstance(leaf_hashes, bytes) else b"".join(leaf_hashes)).range

    def extend_rows(self, rows: bytes | bytearray | memoryview, row_len: int) -> Extension:
        """The tree with rows of ``row_len`` bytes, each beginning with the 00 prefix, appended."""
        return self.extend_hashes(hash_rows(rows, row_len))

    def extend_hashes(self, leaves: bytes) -> Extension:
        """The tree with concatenated leaf hashes appended, and the 256-leaf blocks that completes."""
        grown, blocks = self.join(span_of(self.size, leaves))
        return Extension(grown, leaves, blocks)

    def join(self, span: Span) -> tuple["CompactRange", bytes]:
        """The tree with a span appended that begins where it ends, and the 256-leaf blocks that completes."""
        if span.first != self.size:
            raise Malformed(f"a span from leaf {span.first} on does not continue a tree of {self.size}")
        levels = (level for level in range(self.size.bit_length() - 1, -1, -1) if self.size >> level & 1)
        peaks = list(zip(levels, self.hashes, strict=True))
        blocks = span.blocks
        for peak in span.nodes:
            peaks.append(peak)
            while len(peaks) > 1 and peaks[-2][0] == peaks[-1][0]:
                level, right = peaks.pop()
                peaks.append((level + 1, node_hash(peaks.pop()[1], right)))
                if level + 1 == _TILE_LEVEL:  # at most once: the block that the tree began and the span completes
                    blocks = peaks[-1][1] + blocks
        return CompactRange(self.size + span.count, tuple(peak for _, peak in peaks)), blocks


def split_hashes(data: bytes) -> tuple[bytes, ...]:
    """Concatenated hashes one by one."""
    if len(data) % HASH_BYTES:
        raise Malformed(f"{len(data)} bytes are not whole hashes of {HASH_BYTES} bytes")
    return tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES))


def inclusion_proof(index: int, size: int, get: GetSubtree) -> tuple[bytes, ...]:
    """The siblings of leaf ``index`` in the tree of ``size`` leaves, from the leaf upward."""
    _check_index(index, size)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            path.append(_subtree(middle, end, get))
            end = middle
        else:
            path.append(_subtree(start, middle, get))
            start = middle
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, get: GetSubtree) -> tuple[bytes, ...]:
    """The hashes showing that the tree of ``old`` leaves begins the tree of ``new`` leaves (0 < old <= new)."""
    _check_sizes(old, new)
    path: list[bytes] = []
    start, end = 0, new
    while end > old:
        middle = _middle(start, end)
        if old <= middle:
            path.append(_subtree(middle, end, get))
            end = middle
        else:
            path.append(_subtree(start, middle, get))
            start = middle
    if start:
        path.append(_subtree(start, end, get))
    return tuple(reversed(path))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Return when ``proof`` shows ``leaf`` (a leaf hash) at ``index`` of the tree of ``size`` with ``root``."""
    _check_index(index, size)
    _check_hashes(leaf, root, *proof)
    expected = _path_length(index, size - 1)
    if len(proof) != expected:
        raise Forged(f"an inclusion proof has {len(proof)} hashes, but leaf {index} of {size} needs {expected}")
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if result != root:
        raise Forged(f"an inclusion proof of leaf {index} does not lead to the root of size {size}")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Return when ``proof`` shows the tree of ``old`` leaves to begin the tree of ``new`` (0 < old <= new)."""
    _check_sizes(old, new)
    _check_hashes(old_root, new_root, *proof)
    if old == new:
        if proof or old_root != new_root:
            raise Forged(f"two trees of size {old} need equal roots and an empty consistency proof")
        return
    path = list(proof)
    if not old & (old - 1):  # the old root is itself a node of the new tree, so the proof leaves it out
        path.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if len(path) != 1 + _path_length(node, last):
        raise Forged(f"a consistency proof from size {old} to {new} has a wrong number of hashes")
    old_result = new_result = path[0]
    for sibling in path[1:]:
        if node & 1 or node == last:
            old_result, new_result = node_hash(sibling, old_result), node_hash(sibling, new_result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_result = node_hash(new_result, sibling)
        node, last = node >> 1, last >> 1
    if old_result != old_root or new_result != new_root:
        raise Forged(f"a consistency proof does not join the roots of size {old} and {new}")


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size <= MAX_SIZE:
        raise Malformed("a proof is asked of a leaf outside its tree, or of a tree above 2^63-1 leaves")


def _check_sizes(old: int, new: int) -> None:
    if not 0 < old <= new <= MAX_SIZE:
        raise Malformed("a consistency proof needs sizes 0 < old <= new <= 2^63-1")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise Malformed(f"a proof holds a hash that does not have {HASH_BYTES} bytes")


def _path_length(node: int, last: int) -> int:
    """Siblings from ``node`` to the root where ``last`` is the last node of the same level."""
    inner = (node ^ last).bit_length()
    return inner + (node >> inner).bit_count()


def _middle(start: int, end: int) -> int:
    """Where RFC 6962 splits more than one leaf: after the largest power of two strictly below their number."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _subtree(start: int, end: int, get: GetSubtree) -> bytes:
    """The hash over leaves from ``start`` to ``end``, from complete subtrees."""
    width = end - start
    if not width & (width - 1):
        level = width.bit_length() - 1
        return get(level, start >> level)
    middle = _middle(start, end)
    return node_hash(_subtree(start, middle, get), _subtree(middle, end, get))


def _parents(row: bytes) -> bytes:
    """The node hashes of consecutive pairs of hashes."""
    pair = 2 * HASH_BYTES
    digests: list[bytes] = []
    for batch in _batches(memoryview(row), pair):
        nodes = _struct(pair + 1, len(batch)).unpack(_NODE + _NODE.join(batch))
        digests.append(b"".join([sha256(node).digest() for node in nodes]))
    return b"".join(digests)


def _batches(data: memoryview, width: int) -> Iterator[tuple[bytes, ...]]:
    """The rows of ``width`` bytes, up to 256 at a time."""
    split = len(data) - len(data) % (width * _BATCH)
    yield from _struct(width, _BATCH).iter_unpack(data[:split])
    if rest := data[split:]:
        yield _struct(width, len(rest) // width).unpack(rest)


@lru_cache(maxsize=1024)
def _struct(width: int, count: int) -> struct.Struct:
    return struct.Struct(f"{width}s" * count)
