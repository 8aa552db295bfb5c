"""Proofs made from stored tiles and entries against RFC 6962 word for word, at any index of any size."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tocsin_crypto.merkle import CompactRange, inclusion_proof, leaf_hash, node_hash, verify_inclusion
from tocsin_node.log.head import store_blocks
from tocsin_node.log.runs import store_run, stored_runs
from tocsin_node.log.subtrees import FeedSubtrees
from tocsin_node.log.tx import Tx
from tocsin_node.segment import codec
from tocsin_node.store.protocol import Session, Store
from tocsin_node.testing.core import open_core
from tocsin_signals.entry import NO_REF, Kind, Rows, empty_rows, entry_bytes, salt_column, tag_column

# Commits of a feed: single entries, block and segment borders on and off, runs of several segments, a ragged end.
COMMITS: Final = (1, 1, 3, 250, 1, 256, 513, 7000, 167, 1, 8192, 300, 70, 70, 5)
BLOBS: Final = [
    b'{"n":0,"salt":"00000000000000000000000000000000"}',
    b'{"n":1,"salt":"00000000000000000000000000000000"}',
]


@dataclass
class Reference:
    """MTH and PATH of RFC 6962 section 2.1, over leaves held whole."""

    leaves: Sequence[bytes]
    known: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])

    def root(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return self.leaves[start]
        if (start, end) not in self.known:
            middle = start + half(end - start)
            self.known[start, end] = node_hash(self.root(start, middle), self.root(middle, end))
        return self.known[start, end]

    def path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + half(end - start)
        if index < middle:
            return [*self.path(index, start, middle), self.root(middle, end)]
        return [*self.path(index, middle, end), self.root(start, middle)]


def half(count: int) -> int:
    k = 1
    while 2 * k < count:
        k *= 2
    return k


@dataclass(frozen=True)
class Feed:
    store: Store
    log: int
    truth: Reference

    @property
    def size(self) -> int:
        return len(self.truth.leaves)


def rows_of(count: int, seed: int, *, first: int) -> Rows:
    random = np.random.default_rng(seed)
    rows = empty_rows(count)
    rows["kind"], rows["type"], rows["epoch"], rows["ref"] = Kind.ASSERT, 0x0101, 1, NO_REF
    if first == 0:
        rows["kind"][0] = Kind.OPEN
    tag_column(rows)[:] = random.integers(0, 256, (count, 32))
    salt_column(rows)[:] = random.integers(0, 256, (count, 16))
    return rows


def append(log: int, first: int, count: int, tx: Tx) -> None:
    tx.append(log, rows_of(count, first, first=first), BLOBS, np.arange(count, dtype=np.uint32) % np.uint32(2))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Generator[Feed]:
    """A feed as this node wrote it."""
    with open_core(tmp_path_factory.mktemp("whole")) as core:
        log = core.writer.call(lambda tx: tx.new_log("hotline.example/feed/x", "own", "hotline.example", name="x"))
        first = 0
        for count in COMMITS:
            core.writer.call(partial(append, log, first, count))
            first += count
        with core.store.read() as session:
            leaves = [
                leaf_hash(entry_bytes(run.rows, place))
                for run, _ in stored_runs(session, log)
                for place in range(run.count)
            ]
        assert len(leaves) == sum(COMMITS)
        yield Feed(core.store, log, Reference(leaves))


@pytest.fixture(scope="module")
def holey(tmp_path_factory: pytest.TempPathFactory) -> Generator[Feed]:
    """A copy whose runs lack entries: erased or withheld, they are there as leaf hashes only."""
    with open_core(tmp_path_factory.mktemp("holey")) as core:
        rows, leaves = rows_of(900, 5, first=0), list[bytes]()

        def fill(tx: Tx) -> int:
            log = tx.new_log("a.example/feed/x", "followed", "a.example")
            for first, stop, gaps in ((0, 300, ((10, 5), (255, 3))), (300, 700, ((0, 1), (399, 1))), (700, 900, ())):
                leaves.extend(store(tx.sql, log, rows[first:stop], first, gaps))
            store_blocks(tx.sql, log, 0, CompactRange().extend_hashes(b"".join(leaves)).blocks)
            return log

        log = core.writer.call(fill)
        yield Feed(core.store, log, Reference(leaves))


def store(session: Session, log: int, rows: Rows, first: int, gaps: Sequence[tuple[int, int]]) -> list[bytes]:
    """Keep a run without the entries in the gaps, (offset, count) each; returns the leaf hashes of all."""
    present = np.ones(len(rows), np.bool_)
    for offset, count in gaps:
        present[offset : offset + count] = False
    numbers = np.zeros(int(present.sum()), np.uint32)
    segment = codec.encode(first, rows[present], numbers, BLOBS[:1], {})
    whole = codec.decode(codec.encode(first, rows, np.zeros(len(rows), np.uint32), BLOBS[:1], {}))
    leaves = [leaf_hash(entry_bytes(whole.rows, place)) for place in range(len(rows))]
    segment.count = len(rows)
    for offset, count in gaps:
        segment.absent.add(offset=offset, leaves=b"".join(leaves[offset : offset + count]))
    del segment.details[:]
    session.execute(
        "INSERT INTO details (id, digest, blob) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (0, b"d", BLOBS[0])
    )
    store_run(session, log, first, len(rows), segment.SerializeToString(), [0])
    return leaves


def check(feed: Feed, index: int, size: int) -> None:
    with feed.store.read() as session:
        proof = inclusion_proof(index, size, FeedSubtrees(session, feed.log))
    assert list(proof) == feed.truth.path(index, 0, size)
    verify_inclusion(index, size, feed.truth.leaves[index], proof, feed.truth.root(0, size))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_proof_is_the_references_at_any_index_and_size(whole: Feed, data: st.DataObject) -> None:
    edges = st.sampled_from([1, 2, 255, 256, 257, 8191, 8192, 8193, 16384, 16385, whole.size])
    size = data.draw(st.integers(1, whole.size) | edges)
    check(whole, data.draw(st.integers(0, size - 1) | st.sampled_from([0, size - 1, size // 2])), size)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_entries_known_by_their_hashes_only_hinder_no_proof(holey: Feed, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, holey.size))
    check(holey, data.draw(st.integers(0, size - 1) | st.sampled_from([0, size - 1])), size)
