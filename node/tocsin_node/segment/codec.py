"""Segment messages to rows and back: the only module that touches the message's columns.

`encode` packs the rows present and the leaf hashes of the others; `decode` checks every length before any view is made
of a peer's bytes and raises Misbehaviour naming the column. Neither hashes: whether the rows are what the publisher
signed is decided in `verify`. Salts of a whole 256-aligned block travel as the block's seed where the sender knows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from tocsin.v1 import signals_pb2 as wire
from tocsin_crypto.salts import expand_seed
from tocsin_node.errors import Misbehaviour
from tocsin_node.limits import BLOCK, DETAILS_BYTES, SEGMENT_BYTES, SEGMENT_ENTRIES
from tocsin_signals.details import digest
from tocsin_signals.entry import (
    ROW,
    SALT_SIZE,
    TAG_SIZE,
    Bytes2D,
    Rows,
    details_column,
    empty_rows,
    salt_column,
    tag_column,
)

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_COLUMNS: Final = ("version", "kind", "type", "epoch", "issued_at", "valid_until", "ref")
_WIDEST: Final = {"version": 0xFF, "kind": 0xFF, "type": 0xFFFF, "epoch": 0xFFFFFFFF}
_LEAF: Final = 32
_SEED: Final = 32


@dataclass(frozen=True, slots=True)
class Absent:
    """A run of entries known only by their leaf hashes; offset counts from the segment's first entry."""

    offset: int
    leaves: bytes

    @property
    def count(self) -> int:
        """Entries in the run."""
        return len(self.leaves) // _LEAF


@dataclass(frozen=True, slots=True)
class Run:
    """A decoded segment. `rows` holds the entries present, in order; `numbers` their position in `details`.

    `digests` holds the digest of each of `details`, concatenated: hashed once, wherever that was.
    """

    first: int
    count: int
    rows: Rows
    numbers: U32
    details: tuple[bytes, ...]
    digests: bytes
    absent: tuple[Absent, ...]
    seeds: Mapping[int, bytes]

    def indices(self) -> U64:
        """The feed index of every row."""
        return _present(self.first, self.count, self.absent)


def encode(
    first: int,
    rows: Rows,
    numbers: U32,
    details: Sequence[bytes],
    seeds: Mapping[int, bytes],
    absent: Sequence[Absent] = (),
) -> wire.Segment:
    """A segment of the rows present, between the absent runs.

    `seeds` may name more blocks than lie wholly inside; that of a block with an absent entry never goes along, since
    it gives the salts of all.
    """
    count = len(rows) + sum(run.count for run in absent)
    segment = wire.Segment(first=first, count=count, details=details, tags=tag_column(rows).tobytes())
    segment.absent.extend(wire.AbsentRun(offset=run.offset, leaves=run.leaves) for run in absent)
    for name in _COLUMNS:
        getattr(segment, name).CopyFrom(_pack(rows[name].astype(np.uint64)))
    segment.details_number.CopyFrom(_pack(numbers.astype(np.uint64)))
    indices = _present(first, count, absent)
    whole = [block for block in _whole_blocks(first, count) if block in seeds and _holds_block(indices, block)]
    segment.seeded_blocks.extend(whole)
    segment.seeds = b"".join(seeds[block] for block in whole)
    loose = _outside(first, indices, whole)
    segment.salts = salt_column(rows)[loose].tobytes()
    return segment


def parse(data: bytes) -> wire.Segment:
    """A segment message from bytes, within its size."""
    if len(data) > SEGMENT_BYTES:
        raise Misbehaviour("oversize", f"a segment of {len(data)} bytes; at most {SEGMENT_BYTES} are allowed")
    try:
        return wire.Segment.FromString(data)
    except DecodeError as error:
        raise Misbehaviour("malformed", "a segment that is not a Segment message") from error


def decode(segment: wire.Segment) -> Run:
    """Rows of a segment from anybody. Errors: Misbehaviour, naming the column that does not fit."""
    details = tuple(segment.details)
    if len(details) > segment.count or any(len(blob) > DETAILS_BYTES for blob in details):
        raise Misbehaviour("oversize", f"details beyond one per entry or {DETAILS_BYTES} bytes each")
    run = replace(skim(segment, len(details)), details=details, seeds=_seeds(segment))
    digests = b"".join(map(digest, details))
    if len(run.rows):
        details_column(run.rows)[:] = _matrix(digests, _LEAF)[run.numbers]
    _fill_salts(segment, run)
    return replace(run, digests=digests)


def skim(segment: wire.Segment, details: int) -> Run:
    """What matching needs of a segment with so many details: rows without salts and digests, and no blobs."""
    count = segment.count
    if not 1 <= count <= SEGMENT_ENTRIES:
        raise Misbehaviour("oversize", f"a segment of {count} entries; 1 to {SEGMENT_ENTRIES} are allowed")
    if segment.first + count > 2**63:
        raise Misbehaviour("malformed", "a segment beyond index 2^63")
    absent = _absent(segment, count)
    present = count - sum(run.count for run in absent)
    if details > present:
        raise Misbehaviour("oversize", "more details than entries")
    numbers = _unpack(segment.details_number, "details_number", present)
    if present and int(numbers.max()) >= details:
        raise Misbehaviour("malformed", "a details_number without details")
    if len(segment.tags) != TAG_SIZE * present:
        raise Misbehaviour("malformed", f"tags of {len(segment.tags)} bytes for {present} entries")
    rows = empty_rows(present)
    for name in _COLUMNS:
        values = _unpack(getattr(segment, name), name, present)
        if name in _WIDEST and present and int(values.max()) > _WIDEST[name]:
            raise Misbehaviour("malformed", f"a {name} wider than its field")
        rows[name] = values
    tag_column(rows)[:] = _matrix(segment.tags, TAG_SIZE)
    return Run(segment.first, count, rows, numbers.astype(np.uint32), (), b"", absent, {})


def names_signal(segment: wire.Segment, signal: int) -> bool:
    """Whether the ref of any entry is this signal: looks at one column of a stored segment, whatever its details."""
    column = segment.ref
    if not column.width:
        return column.base == signal
    refs = _unpack(column, "ref", len(column.deltas) // column.width)
    return bool((refs == np.uint64(signal)).any())


def leaf_bytes(rows: Rows) -> memoryview:
    """Consecutive rows as the bytes that are hashed, 113 each; nothing is copied."""
    assert rows.dtype == ROW
    return rows.view(np.uint8).data


def _pack(values: U64) -> wire.Column:
    base = int(values.min()) if len(values) else 0
    spread = int(values.max()) - base if len(values) else 0
    if spread == 0:
        return wire.Column(base=base)
    width = next(width for width in (1, 2, 4, 8) if spread < 1 << (8 * width))
    return wire.Column(base=base, width=width, deltas=(values - np.uint64(base)).astype(f"<u{width}").tobytes())


def _unpack(column: wire.Column, name: str, count: int) -> U64:
    width = column.width
    if width not in {0, 1, 2, 4, 8} or len(column.deltas) != width * count:
        raise Misbehaviour(
            "malformed", f"column {name}: {len(column.deltas)} bytes of width {width} for {count} entries"
        )
    if width == 0:
        return np.full(count, column.base, np.uint64)
    deltas = np.frombuffer(column.deltas, f"<u{width}").astype(np.uint64)
    if count and int(deltas.max()) > 2**64 - 1 - column.base:
        raise Misbehaviour("malformed", f"column {name}: a value beyond 64 bits")
    return deltas + np.uint64(column.base)


def _absent(segment: wire.Segment, count: int) -> tuple[Absent, ...]:
    runs: list[Absent] = []
    reached = 0
    for run in segment.absent:
        if not run.leaves or len(run.leaves) % _LEAF:
            raise Misbehaviour("malformed", f"absent entries with {len(run.leaves)} bytes of leaf hashes")
        if run.offset < reached or run.offset + len(run.leaves) // _LEAF > count:
            raise Misbehaviour("malformed", "absent entries out of order or beyond the segment")
        runs.append(Absent(run.offset, run.leaves))
        reached = run.offset + len(run.leaves) // _LEAF
    return tuple(runs)


def _seeds(segment: wire.Segment) -> dict[int, bytes]:
    blocks = list(segment.seeded_blocks)
    if len(segment.seeds) != _SEED * len(blocks):
        raise Misbehaviour("malformed", f"{len(segment.seeds)} bytes of seeds for {len(blocks)} blocks")
    if blocks != sorted(set(blocks)) or not set(blocks) <= set(_whole_blocks(segment.first, segment.count)):
        raise Misbehaviour("malformed", "a seeded block out of order or not wholly inside the segment")
    return {block: segment.seeds[_SEED * i : _SEED * (i + 1)] for i, block in enumerate(blocks)}


def _fill_salts(segment: wire.Segment, run: Run) -> None:
    salts = salt_column(run.rows)
    indices = run.indices()
    loose = _outside(run.first, indices, list(run.seeds))
    if len(segment.salts) != SALT_SIZE * int(loose.sum()):
        raise Misbehaviour("malformed", f"{len(segment.salts)} bytes of salts for {int(loose.sum())} entries")
    salts[loose] = _matrix(segment.salts, SALT_SIZE)
    for block, seed in run.seeds.items():
        start = int(np.searchsorted(indices, np.uint64(block * BLOCK)))
        stop = int(np.searchsorted(indices, np.uint64((block + 1) * BLOCK)))
        if stop - start != BLOCK:
            raise Misbehaviour("malformed", f"block {block} has a seed and absent entries")
        salts[start:stop] = _matrix(expand_seed(seed), SALT_SIZE)


def _present(first: int, count: int, absent: Sequence[Absent]) -> U64:
    if not absent:
        return np.arange(first, first + count, dtype=np.uint64)
    present = np.ones(count, np.bool_)
    for run in absent:
        present[run.offset : run.offset + run.count] = False
    return np.flatnonzero(present).astype(np.uint64) + np.uint64(first)


def _holds_block(indices: U64, block: int) -> bool:
    start, stop = np.searchsorted(indices, np.asarray([block * BLOCK, (block + 1) * BLOCK], np.uint64))
    return int(stop - start) == BLOCK


def _whole_blocks(first: int, count: int) -> range:
    return range(-(-first // BLOCK), (first + count) // BLOCK)


def _outside(first: int, indices: U64, blocks: Sequence[int]) -> npt.NDArray[np.bool_]:
    if not blocks:
        return np.ones(len(indices), np.bool_)
    last = int(indices[-1]) if len(indices) else first
    seeded = np.zeros(max(last // BLOCK, *blocks) - first // BLOCK + 1, np.bool_)
    seeded[np.asarray(blocks) - first // BLOCK] = True
    outside: npt.NDArray[np.bool_] = ~seeded[(indices // np.uint64(BLOCK)).astype(np.int64) - first // BLOCK]
    return outside


def _matrix(data: bytes, width: int) -> Bytes2D:
    matrix: np.ndarray[Any, np.dtype[np.uint8]] = np.frombuffer(data, np.uint8)
    return matrix.reshape(-1, width)
