"""The rows of the match index in columns, linked into chains of equal fingerprint.

A row is one distinct (feed, type, epoch, tag). A *head* is a row number + 1, so that 0 means none. Growing copies
columns and publishes each whole; `append` changes what readers can see and runs under the index's lock.
"""

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.columns import Narrow, grown, widened
from tocsin_node.match.hashing import Fingerprint
from tocsin_node.match.table import FingerprintTable

MAX_ROWS = (1 << 32) - 2  # heads fit in 32 bits
_CHUNK = 1 << 20  # rows hashed at a time while linking anew: about 40 MB of temporaries
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_MIN_ROWS = 1 << 12


class Rows:
    """Tag words, tag space, slot of the signal, and head of the rest of the chain."""

    def __init__(self, capacity: int = 0) -> None:
        """Make room for `capacity` rows."""
        capacity = max(capacity, _MIN_ROWS)
        self.tags: NDArray[np.uint64] = np.empty((capacity, 4), dtype=np.uint64)
        self.spaces: Narrow = np.empty(capacity, dtype=np.uint16)
        self.slots: NDArray[np.uint32] = np.empty(capacity, dtype=np.uint32)
        self.nexts: NDArray[np.uint32] = np.empty(capacity, dtype=np.uint32)
        self.count = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the rows in use."""
        return self.count * (32 + self.spaces.itemsize + self.slots.itemsize + self.nexts.itemsize)

    def reserve(self, more: int, top_space: int) -> None:
        """Make room for `more` further rows in spaces up to `top_space`; ValueError beyond MAX_ROWS."""
        need = self.count + more
        if need > MAX_ROWS:
            raise ValueError(f"the match index is full: {MAX_ROWS} rows")
        self.tags = grown(self.tags, self.count, need)
        self.spaces = widened(grown(self.spaces, self.count, need), self.count, top_space)
        self.slots = grown(self.slots, self.count, need)
        self.nexts = grown(self.nexts, self.count, need)

    def matches(
        self, words: NDArray[np.uint64], spaces: NDArray[np.uint32], heads: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (query, row) for every row of the chains at `heads` that has the query's tag and space."""
        queries = np.flatnonzero(heads)
        rows = heads[queries] - 1
        found_queries: list[NDArray[np.int64]] = []
        found_rows: list[NDArray[np.int64]] = []
        while queries.size:
            same = (self.tags[rows] == words[queries]).all(axis=1)
            same &= self.spaces[rows] == spaces[queries]
            found_queries.append(queries[same])
            found_rows.append(rows[same])
            onward = self.nexts[rows].astype(np.int64)
            more = np.flatnonzero(onward)
            queries, rows = queries[more], onward[more] - 1
        if not found_rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate(found_queries), np.concatenate(found_rows)

    def append(
        self,
        table: FingerprintTable,
        *,
        words: NDArray[np.uint64],
        spaces: NDArray[np.uint32],
        slots: NDArray[np.int64],
        prints: NDArray[np.uint64],
        positions: NDArray[np.int64],
        heads: NDArray[np.int64],
    ) -> None:
        """Append rows sorted by fingerprint, in front of the chains that the table located for them."""
        count = prints.shape[0]
        if not count:
            return
        start, end = self.count, self.count + count
        self.tags[start:end] = words
        self.spaces[start:end] = spaces
        self.slots[start:end] = slots
        nexts = heads.astype(np.uint32)
        same = np.flatnonzero(prints[1:] == prints[:-1])
        nexts[same] = same + (start + 2)
        self.nexts[start:end] = nexts
        self.count = end
        first = run_starts(prints)
        table.put(positions[first], prints[first], first + (start + 1))

    def kept(self, keep: NDArray[np.int64], fingerprint: Fingerprint) -> "tuple[Rows, FingerprintTable]":
        """Return a copy of the rows in `keep`, chained from nothing, and the table that leads to the chains."""
        rows, count = Rows(keep.shape[0]), keep.shape[0]
        rows.spaces = np.empty(rows.spaces.shape, dtype=self.spaces.dtype)
        rows.tags[:count], rows.spaces[:count], rows.slots[:count] = (
            self.tags[keep],
            self.spaces[keep],
            self.slots[keep],
        )
        rows.count = count
        entries = np.empty(count, dtype=np.uint64)
        for start in range(0, count, _CHUNK):
            part = slice(start, min(start + _CHUNK, count))
            prints = fingerprint.of(rows.tags[part].view(np.uint8), rows.spaces[part].astype(np.uint32))
            entries[part] = prints << _HALF | np.arange(part.start, part.stop, dtype=np.uint64)
        order, prints = by_fingerprint(entries)
        first = run_starts(prints)
        nexts = np.append(order[1:] + 1, 0)[:count]
        nexts[first[1:] - 1] = 0
        rows.nexts[order] = nexts
        table = FingerprintTable()
        table.reserve(first.shape[0])
        prints = prints[first]
        table.put(table.locate(prints)[0], prints, order[first] + 1)
        return rows, table


def by_fingerprint(entries: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return (row, fingerprint) columns of entries fingerprint << 32 | row in rising order; uses up its argument."""
    entries.sort()
    order = (entries & _LOW).astype(np.int64)
    entries >>= _HALF
    return order, entries


def run_starts(prints: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where each run of equal values begins."""
    return np.flatnonzero(np.append(prints[:1] == prints[:1], prints[1:] != prints[:-1]))


def newest_in_block(
    prints: NDArray[np.uint64], words: NDArray[np.uint64], spaces: NDArray[np.uint32], signals: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return (row, fingerprint) in rising order of fingerprint, one row per (tag, space): the newest signal's."""
    order, ordered = by_fingerprint(prints << _HALF | np.arange(prints.shape[0], dtype=np.uint64))
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return order, ordered
    # Equal fingerprints: mostly one tag asserted again. Sort just those whole, and keep the last of each.
    doubtful = np.flatnonzero(np.append(False, same) | np.append(same, False))
    some = order[doubtful]
    by = np.lexsort((signals[some], *words[some].T, spaces[some]))
    some = some[by]
    again = (words[some[1:]] == words[some[:-1]]).all(axis=1) & (spaces[some[1:]] == spaces[some[:-1]])
    superseded = np.zeros(prints.shape, dtype=np.bool_)
    superseded[some[:-1][again]] = True
    keep = ~superseded[order]
    return order[keep], ordered[keep]
