"""Near matches: which of the 256-bit hashes held differ from a given one in at most so many bits? Exact, numpy only.

Shape
- A set of distinct hashes, each four uint64 words: a *base* kept in columns, and a *tail* of what came since. When the
  tail outgrows a quarter of the base both become the next base, without what is held twice.
- Small bases are scanned (brute force): xor and popcount column by column, a block that fits the processor's cache at
  a time. Two columns decide for nearly every hash; only what is still near after them is looked at whole.
- From `INDEXED` hashes on the base has a multi-index: for each of the sixteen 16-bit pieces of a hash, the hashes
  ordered by that piece. Two hashes that differ in at most 31 bits agree in some piece up to one bit, for sixteen pieces
  that each differ in two make 32; so 16 x 17 lists hold every near match. With a smaller distance fewer pieces need
  the one bit, and below 16 none. A query whose lists are longer than a scan costs (hashes that cluster) is scanned.

A hash is never taken out: whoever asks knows which are live, and makes a new index when many are not. One writer and
any number of readers: what readers use is published whole, in one assignment, and never written again. Growing the base
costs about a second per million hashes, in the call that outgrows it.

Methods after Norouzi, Punjani, Fleet: "Fast exact search in Hamming space with multi-index hashing" (2014). Figures:
`docs/benchmarks.md`, `bench/pdq.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tocsin_node.match.blocks import check_tags
from tocsin_node.match.columns import grown

MAX_DISTANCE: Final = 31
"""Most bits two hashes may differ in: beyond it sixteen pieces may all differ in two bits, and the index misses."""
INDEXED: Final = 1 << 16
"""Hashes in the base from which a multi-index is kept: 96 bytes each and 8 MiB more. As fast as a scan at 50,000, three
times as fast at 200,000 (measured)."""

_WORDS: Final = 4
_PIECES: Final = 16
_VALUES: Final = 1 << 16
_BLOCK: Final = 1 << 14  # hashes scanned at a time: 128 KiB a column, so that all of it stays in a core's cache
_GATHER: Final = 1 << 20  # candidates compared at a time: some 100 MB of temporaries
_ROWS: Final = 1 << 20  # answers of several questions held at a time, 48 bytes each: else fewer questions at a time
_AT_ONCE: Final = 256  # questions
_MIN_TAIL: Final = 1 << 13
_GROWTH: Final = 4  # the tail may grow to this part of the base
_DENSE: Final = 8  # one in so many hashes near after two columns: cheaper to compute the others for all
_SCAN_COST: Final = 8  # comparing one candidate costs as much as scanning so many hashes

U64: TypeAlias = NDArray[np.uint64]

_FLIPS: Final = np.array([0, *(1 << bit for bit in range(16))], dtype=np.int64)
"""What a piece is xored with to find those that differ from it in at most one bit; the first is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Near matches: `queries` says which question each row answers, with the hash held and its distance in bits."""

    queries: NDArray[np.int64]
    words: U64
    """(n, 4): the hashes as they were added, 32 bytes each."""
    distances: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.queries.shape[0])


class _Base(NamedTuple):
    """Distinct hashes: in columns (4, n), in rows (n, 4) where there is a multi-index, and that index."""

    columns: U64
    rows: U64
    starts: NDArray[np.int64]
    """Where the list of each (piece, value) begins in `order`; one more at the end. Empty: no index."""
    order: NDArray[np.uint32]

    @property
    def size(self) -> int:
        return int(self.columns.shape[1])


class _View(NamedTuple):
    """What a reader works on."""

    base: _Base
    tail: U64
    """(4, capacity); only the first `used` are anybody's."""
    used: int


class NearIndex:
    """A set of 256-bit hashes, searched by Hamming distance."""

    def __init__(self, *, indexed: int = INDEXED) -> None:
        """Make an empty set; from `indexed` hashes on it keeps a multi-index."""
        self._indexed = indexed
        self._view = _View(
            _base(np.empty((_WORDS, 0), np.uint64), indexed), np.empty((_WORDS, _MIN_TAIL), np.uint64), 0
        )

    def __len__(self) -> int:
        """Hashes held; one that was added twice may count twice until the base grows next."""
        return self._view.base.size + self._view.used

    @property
    def nbytes(self) -> int:
        """Memory in use, without the head-room of growth."""
        base = self._view.base
        return base.columns.nbytes + base.rows.nbytes + base.starts.nbytes + base.order.nbytes + self._view.used * 32

    def add(self, hashes: NDArray[np.uint8]) -> None:
        """Hold these hashes (n, 32) too."""
        count = check_tags(hashes)
        base, tail, used = self._view
        need = used + count
        columns = hashes.view(np.uint64).T
        if need > max(_MIN_TAIL, base.size // _GROWTH):
            held = np.concatenate((base.columns, tail[:, :used], columns), axis=1)
            self._view = _View(_base(_distinct(held), self._indexed), np.empty((_WORDS, _MIN_TAIL), np.uint64), 0)
            return
        if need > tail.shape[1]:
            tail = np.ascontiguousarray(grown(tail.T, used, need).T)
        tail[:, used:need] = columns  # beyond what any reader looks at
        self._view = _View(base, tail, need)

    def search(self, hashes: NDArray[np.uint8], distances: NDArray[np.uint8]) -> Near:
        """Every hash held within its distance (at most MAX_DISTANCE) of each of these (n, 32), each once.

        Rows are in no set order. ValueError for a larger distance.
        """
        _check(hashes, distances)
        return _search(self._view, hashes.view(np.uint64), distances.astype(np.int64), _Found())

    def search_in_parts(self, hashes: NDArray[np.uint8], distances: NDArray[np.uint8]) -> Iterator[Near]:
        """The same in parts, each with every answer to some of the questions, so that memory stays bounded.

        Whoever fills the index may make every hash in it near to every question.
        """
        _check(hashes, distances)
        view, asked, within = self._view, hashes.view(np.uint64), distances.astype(np.int64)
        waiting = [np.arange(start, min(start + _AT_ONCE, len(asked))) for start in range(0, len(asked), _AT_ONCE)]
        while waiting:
            group = waiting.pop()
            try:
                found = _search(view, asked[group], within[group], _Found(_ROWS if group.size > 1 else None))
            except _TooManyError:
                waiting += np.array_split(group, 2)
            else:
                yield Near(group[found.queries], found.words, found.distances)


Part: TypeAlias = tuple[NDArray[np.int64], U64, NDArray[np.int64]]
"""Columns of a Near."""


class _TooManyError(Exception):
    """There are more answers than were to be held at a time."""


class _Found:
    """Answers as they are found, `most` of them where it is given."""

    def __init__(self, most: int | None = None) -> None:
        self.parts: list[Part] = []
        self._left = most

    def add(self, part: Part) -> None:
        """Keep some answers. Errors: _TooManyError."""
        if self._left is not None:
            self._left -= part[0].size
            if self._left < 0:
                raise _TooManyError
        self.parts.append(part)


def _check(hashes: NDArray[np.uint8], distances: NDArray[np.uint8]) -> None:
    count = check_tags(hashes)
    if distances.shape != (count,) or (count and int(distances.max()) > MAX_DISTANCE):
        raise ValueError(f"{count} hashes need as many distances, each at most {MAX_DISTANCE}")


def _search(view: _View, asked: U64, within: NDArray[np.int64], found: _Found) -> Near:
    _search_base(view.base, asked, within, found)
    _scan(view.tail[:, : view.used], asked, within, np.arange(len(asked)), found)
    return _once(found.parts)


def _base(columns: U64, indexed: int) -> _Base:
    columns = np.ascontiguousarray(columns)
    count = columns.shape[1]
    if count < indexed:
        return _Base(columns, np.empty((0, _WORDS), np.uint64), np.empty(0, np.int64), np.empty(0, np.uint32))
    rows = np.ascontiguousarray(columns.T)
    pieces = rows.view(np.uint16)
    order = np.empty((_PIECES, count), np.uint32)
    starts = np.empty(_PIECES * _VALUES + 1, np.int64)
    for piece in range(_PIECES):
        values = np.ascontiguousarray(pieces[:, piece])
        order[piece] = np.argsort(values, kind="stable")
        sizes = np.bincount(values, minlength=_VALUES)
        starts[piece * _VALUES : (piece + 1) * _VALUES] = piece * count + np.cumsum(sizes) - sizes
    starts[-1] = _PIECES * count
    return _Base(columns, rows, starts, order.reshape(-1))


def _distinct(columns: U64) -> U64:
    """The columns (4, n) without repetition."""
    ordered = columns[:, np.lexsort(columns)]
    keep = np.ones(ordered.shape[1], np.bool_)
    keep[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    return ordered[:, keep]


def _search_base(base: _Base, asked: U64, within: NDArray[np.int64], found: _Found) -> None:
    if not base.starts.size:
        _scan(base.columns, asked, within, np.arange(len(asked)), found)
        return
    firsts, sizes = _lists(base, asked, within)
    totals = sizes.sum(axis=1)
    clustered = totals * _SCAN_COST > base.size
    _scan(base.columns, asked, within, np.flatnonzero(clustered), found)
    by_index = np.flatnonzero(~clustered)
    groups = np.cumsum(totals[by_index]) // _GATHER
    for group in np.split(by_index, np.flatnonzero(np.diff(groups)) + 1):
        if group.size:
            found.add(_compare(base, asked, within, group, firsts[group], sizes[group]))


def _lists(base: _Base, asked: U64, within: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(where each list begins, how long it is), (n, 272) each: the lists that hold every near match of each query.

    A query of distance d needs one bit of leeway in d - 15 of the pieces only: if each of those differs in two bits or
    more and each other in one or more, the hashes differ in more than d.
    """
    pieces = asked.view(np.uint16).astype(np.int64)
    places = (pieces[:, :, np.newaxis] ^ _FLIPS) + (np.arange(_PIECES) * _VALUES)[:, np.newaxis]
    firsts = base.starts[places]
    sizes = base.starts[places + 1] - firsts
    exact = np.arange(_PIECES) >= np.maximum(within - (_PIECES - 1), 0)[:, np.newaxis]
    sizes[:, :, 1:][exact] = 0
    shape = (asked.shape[0], _PIECES * _FLIPS.size)
    return firsts.reshape(shape), sizes.reshape(shape)


def _compare(
    base: _Base,
    asked: U64,
    within: NDArray[np.int64],
    group: NDArray[np.int64],
    firsts: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> Part:
    """The near matches on the lists of a group of queries; a hash comes once for each list it is on."""
    lengths = sizes.reshape(-1)
    ends = np.cumsum(lengths)
    places = np.repeat(firsts.reshape(-1) - (ends - lengths), lengths)
    places += np.arange(places.shape[0])
    held = base.order[places]
    queries = np.repeat(group, sizes.sum(axis=1))
    counts = np.bitwise_count(base.rows[held] ^ asked[queries])
    distances = counts.view(np.uint32).reshape(-1) * np.uint32(0x01010101) >> np.uint32(24)  # the sum of four bytes
    # No list holds what differs in all 256 bits, the one sum that does not fit a byte.
    near = np.flatnonzero(distances <= within[queries])
    return queries[near], base.rows[held[near]], distances[near].astype(np.int64)


def _scan(columns: U64, asked: U64, within: NDArray[np.int64], chosen: NDArray[np.int64], found: _Found) -> None:
    """The near matches of the chosen queries among all hashes in the columns (4, n)."""
    limits = within[chosen].tolist()
    for start in range(0, columns.shape[1], _BLOCK):
        block = columns[:, start : start + _BLOCK]
        for query, limit in zip(chosen.tolist(), limits, strict=True):
            places, distances = _scan_block(block, asked[query], limit)
            if places.size:
                found.add((np.full(places.shape, query), block[:, places].T, distances))


def _scan_block(block: U64, asked: U64, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    counts = np.bitwise_count(block[0] ^ asked[0])
    counts += np.bitwise_count(block[1] ^ asked[1])  # at most 128: fits a byte
    places = np.flatnonzero(counts <= limit)
    if not places.size:
        return places, places
    rest = block[2:] if places.size * _DENSE > block.shape[1] else block[2:, places]
    further = np.bitwise_count(rest ^ asked[2:, np.newaxis]).sum(axis=0, dtype=np.int64)
    distances = counts[places] + (further[places] if rest.shape[1] == block.shape[1] else further)
    near = distances <= limit
    return places[near], distances[near]


def _once(parts: list[Part]) -> Near:
    """Each (query, hash) once."""
    if not parts:
        return Near(np.empty(0, np.int64), np.empty((0, _WORDS), np.uint64), np.empty(0, np.int64))
    queries, words, distances = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((*words.T, queries))
    queries, words, distances = queries[order], words[order], distances[order]
    keep = np.ones(order.shape, np.bool_)
    keep[1:] = (queries[1:] != queries[:-1]) | (words[1:] != words[:-1]).any(axis=1)
    return Near(queries[keep], words[keep], distances[keep])
