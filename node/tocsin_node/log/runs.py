"""Stored segments of a feed: how runs of entries are cut, kept, merged and read back.

Every stored run ends at a size that has a signed checkpoint, so a run can be sent as it is. Small runs of one aligned
8,192-entry range are merged when there are many; entry bytes never change, only the cuts do.

Every stored run has a checksum, looked at whenever it is read: hashing all of them at each start would take too long,
and a disk's flipped bit must not become a verdict. Who changes a run on purpose can change that too: see `audit`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final
from zlib import crc32

import numpy as np
from google.protobuf.message import DecodeError

from tocsin.v1 import signals_pb2 as wire
from tocsin_crypto.merkle import HASH_BYTES
from tocsin_node.errors import Unsound
from tocsin_node.limits import BLOCK, DETAILS_BYTES, SEGMENT_BYTES, SEGMENT_ENTRIES, TAIL_RUNS
from tocsin_node.log.withheld import Gap, Gaps, given
from tocsin_node.segment import codec
from tocsin_node.segment.codec import U32, Run
from tocsin_node.store.protocol import Record, Session
from tocsin_signals.details import digest
from tocsin_signals.entry import Entry, Kind, Rows

ENTRY_WIRE_BYTES: Final = 100
"""At most this many bytes of an entry on the wire beside its details: 84, and room for framing."""

SEED_BYTES: Final = 32

_ROOM: Final = SEGMENT_BYTES - 2 * DETAILS_BYTES
_CACHED_DETAILS: Final = 65536
_AT_ONCE: Final = 500  # variables of one statement: SQLite allowed 999 for long


@dataclass(frozen=True, slots=True)
class Delivery:
    """How much of a feed a peer has acknowledged, when (ms UTC), and what of that was withheld from it."""

    peer: str
    log: int
    origin: str
    size: int
    at: int
    gaps: Gaps = ()

    def has(self, index: int, entry: Entry) -> bool:
        """Whether the peer has acknowledged this entry, and not only its leaf hash."""
        ref = entry.ref if entry.kind == Kind.WITHDRAW else index
        return index < self.size and (given(index, self.size, self.gaps) or given(ref, self.size, self.gaps))

    @property
    def last_given(self) -> int:
        """The newest entry that the peer was given as a recipient; entry 0, which opens the feed, always was."""
        last = self.size - 1
        for first, stop in reversed(self.gaps):
            last = first - 1 if first <= last < stop else last
        return last


def deliveries(session: Session, log: int | None = None) -> list[Delivery]:
    """What every peer has acknowledged of every own feed, or of one log."""
    gaps: dict[tuple[str, int], list[Gap]] = {}
    for peer, number, first, stop in session.all("SELECT peer, log, first, stop FROM withheld ORDER BY first"):
        gaps.setdefault((peer, int(number)), []).append((int(first), int(stop)))
    records = session.all(
        "SELECT peer, log, origin, size, at FROM delivery JOIN log ON log.id = delivery.log ORDER BY origin, peer"
    )
    return [
        Delivery(peer, int(number), origin, int(size), int(at), tuple(gaps.get((peer, int(number)), ())))
        for peer, number, origin, size, at in records
        if log in (None, number)
    ]


def signed_after(session: Session, log: int, size: int) -> int:
    """When the first checkpoint beyond this size was stored (ms UTC); 0 when there is none."""
    query = "SELECT at FROM checkpoint WHERE log = ? AND size > ? ORDER BY size LIMIT 1"
    record = session.one(query, (log, size))
    return 0 if record is None else int(record[0])


def stored_at(session: Session, log: int) -> int:
    """When the newest checkpoint of a log was stored (ms UTC); 0 when there is none."""
    record = session.one("SELECT at FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1", (log,))
    return 0 if record is None else int(record[0])


class DetailsTable:
    """Ids of details blobs; each distinct blob is stored once. Used by the writer thread only."""

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {}
        self._next = 0

    def ids(self, session: Session, blobs: Sequence[bytes], digests: bytes | None = None) -> list[int]:
        """The id of each blob, stored now where it is new; `digests` are theirs, where they were made before."""
        digests = b"".join(map(digest, blobs)) if digests is None else digests
        keys = [digests[place : place + HASH_BYTES] for place in range(0, len(digests), HASH_BYTES)]
        unknown = {key: blob for key, blob in zip(keys, blobs, strict=True) if key not in self._ids}
        found = self._store(session, unknown)
        numbers = [found[key] if key in found else self._ids[key] for key in keys]
        if len(self._ids) + len(found) > _CACHED_DETAILS:
            self._ids.clear()
        self._ids.update(found)
        return numbers

    def _store(self, session: Session, blobs: Mapping[bytes, bytes]) -> dict[bytes, int]:
        """The ids of these blobs by digest. Mostly all are new, and then the insertion itself has said so."""
        start = self._allocate(session, len(blobs))
        fresh = {key: number for number, key in enumerate(blobs, start)}
        insert = "INSERT INTO details (id, digest, blob) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING"
        stored = session.execute_many(insert, [(fresh[key], key, blob) for key, blob in blobs.items()])
        return fresh if stored == len(fresh) else _held(session, list(blobs))

    def forget(self) -> None:
        """Drop what was remembered: the transaction it came from did not commit."""
        self._ids.clear()
        self._next = 0

    def _allocate(self, session: Session, count: int) -> int:
        """The first of `count` ids that were never given."""
        if not self._next:
            record = session.one("SELECT COALESCE(MAX(id), -1) + 1 FROM details")
            assert record is not None
            self._next = int(record[0])
        self._next += count
        return self._next - count


def _held(session: Session, digests: Sequence[bytes]) -> dict[bytes, int]:
    """The ids of those of these digests that are stored."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _AT_ONCE):
        part = digests[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(part))
        records = session.all(f"SELECT digest, id FROM details WHERE digest IN ({marks})", part)  # noqa: S608 -- only marks
        found.update((bytes(key), int(number)) for key, number in records)
    return found


def cuts(first: int, numbers: U32, blobs: Sequence[bytes]) -> list[int]:
    """Positions (exclusive ends) at which rows starting at index `first` are cut into segments that fit the limits."""
    sizes = np.asarray([len(blob) for blob in blobs], np.int64)
    ends: list[int] = []
    start = 0
    while start < len(numbers):
        stop = min(len(numbers), start + SEGMENT_ENTRIES - (first + start) % SEGMENT_ENTRIES)
        window = numbers[start:stop]
        weights = np.full(len(window), ENTRY_WIRE_BYTES, np.int64)
        _, new = np.unique(window, return_index=True)
        weights[new] += sizes[window[new]]
        fitting = int(np.searchsorted(np.cumsum(weights), _ROOM, side="right"))
        start += max(1, min(len(window), fitting))
        ends.append(start)
    return ends


def store_run(session: Session, log: int, first: int, count: int, body: bytes, ids: Sequence[int]) -> None:
    """Keep one segment body (without details) and the ids of its details."""
    packed = np.asarray(ids, "<u4").tobytes()
    session.execute(
        "INSERT INTO segment (log, first, count, body, details, checksum) VALUES (?, ?, ?, ?, ?, ?)",
        (log, first, count, body, packed, _checksum(body, packed)),
    )


def body_of(first: int, rows: Rows, numbers: U32, seeds: Mapping[int, bytes]) -> bytes:
    """The stored form of a run: the message without its details."""
    return codec.encode(first, rows, numbers, (), seeds).SerializeToString()


def compact(numbers: U32) -> tuple[U32, U32]:
    """The numbers of a slice counted anew from 0, and the old number of each that it uses."""
    used, renumbered = np.unique(numbers, return_inverse=True)
    return renumbered.astype(np.uint32), used.astype(np.uint32)


def read_run(session: Session, log: int, index: int) -> tuple[wire.Segment, int] | None:
    """The stored segment that holds entry `index`, details filled in, and its end; None when there is none."""
    record = session.one(
        "SELECT first, count, body, details, checksum FROM segment WHERE log = ? AND first <= ? "
        "ORDER BY first DESC LIMIT 1",
        (log, index),
    )
    if record is None or record[0] + record[1] <= index:
        return None
    segment = _segment(*record[2:])
    segment.details.extend(read_details(session, record[3]))
    return segment, int(record[0] + record[1])


def read_details(session: Session, ids: bytes) -> list[bytes]:
    """The blobs of packed ids, in order; an erased blob is empty."""
    numbers: list[int] = np.frombuffer(ids, "<u4").tolist()
    found = {number: blob or b"" for number, blob in _of_details(session, "id, blob", numbers)}
    missing = [number for number in numbers if number not in found]
    if missing:
        raise Unsound(f"the details {missing[0]} of a stored segment are missing")
    return [found[number] for number in numbers]


def _of_details(session: Session, columns: str, numbers: Sequence[int]) -> list[Record]:
    """These columns of the details of these ids. Details that came together have ids in a row, which is one range."""
    select = f"SELECT {columns} FROM details WHERE id "  # noqa: S608 -- own names
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return session.all(f"{select}BETWEEN ? AND ?", (numbers[0], numbers[-1]))
    parts = [numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE)]
    found = (session.all(f"{select}IN ({', '.join('?' * len(part))})", part) for part in parts)
    return [record for records in found for record in records]


def _checksum(body: bytes, ids: bytes) -> int:
    return crc32(ids, crc32(body))


def _segment(body: bytes, ids: bytes, checksum: int) -> wire.Segment:
    try:
        if _checksum(body, ids) != checksum:
            raise Unsound("a stored segment is damaged: stop the node and run `tocsin audit verify`")
        return wire.Segment.FromString(body)
    except DecodeError as error:
        raise Unsound("a stored segment is not as this node wrote it") from error


def cut(run: Run, start: int) -> wire.Segment:
    """The part of a run from index `start` on, as a segment of its own."""
    skip = int(np.searchsorted(run.indices(), np.uint64(start)))
    rows, (numbers, used) = run.rows[skip:], compact(run.numbers[skip:])
    return codec.encode(start, rows, numbers, [run.details[int(number)] for number in used], run.seeds)


def stored_runs(session: Session, log: int, start: int = 0) -> Iterator[tuple[Run, U32]]:
    """Every stored run that begins at or after `start`, in order, with the details ids behind its numbers."""
    reached = start
    while True:
        record = session.one(
            "SELECT first, body, details, checksum FROM segment WHERE log = ? AND first >= ? ORDER BY first LIMIT 1",
            (log, reached),
        )
        if record is None:
            return
        segment = _segment(*record[1:])
        segment.details.extend(read_details(session, record[2]))
        yield codec.decode(segment), np.frombuffer(record[2], "<u4").astype(np.uint32)
        reached = int(record[0]) + segment.count


def runs_of_signal(session: Session, log: int, signal: int) -> Iterator[Run]:
    """The run that holds entry `signal`, and every later one with an entry that names it, in order.

    The others are passed over by their ref column alone: a million of them take a fraction of a second.
    """
    query = "SELECT first, body, details, checksum FROM segment WHERE log = ? AND first {} LIMIT 1"
    record = session.one(query.format("<= ? ORDER BY first DESC"), (log, signal))
    while record is not None:
        segment = _segment(*record[1:])
        end = int(record[0]) + segment.count
        if record[0] <= signal < end or codec.names_signal(segment, signal):
            segment.details.extend(read_details(session, record[2]))
            yield codec.decode(segment)
        record = session.one(query.format(">= ? ORDER BY first"), (log, end))


def skimmed_runs(session: Session, log: int) -> Iterator[tuple[Run, U32]]:
    """Every stored run as matching needs it (`codec.skim`), in order, with the details ids behind its numbers."""
    query = (
        "SELECT first, count, body, details, checksum FROM segment WHERE log = ? AND first >= ? ORDER BY first LIMIT 1"
    )
    reached = 0
    while (record := session.one(query, (log, reached))) is not None:
        ids = np.frombuffer(record[3], "<u4").astype(np.uint32)
        yield codec.skim(_segment(*record[2:]), len(ids)), ids
        reached = int(record[0]) + int(record[1])


def merge_tail(session: Session, log: int, end: int) -> None:
    """Merge the small runs of the aligned range that ends at or holds `end`, once they are many or it is full."""
    start = (end - 1) // SEGMENT_ENTRIES * SEGMENT_ENTRIES
    record = session.one("SELECT COUNT(*) FROM segment WHERE log = ? AND first >= ?", (log, start))
    assert record is not None
    full = end % SEGMENT_ENTRIES == 0
    if record[0] <= (1 if full else TAIL_RUNS):
        return
    found = session.all(
        "SELECT first, count, details FROM segment WHERE log = ? AND first >= ? ORDER BY first", (log, start)
    )
    groups = [group for group in _groups([_place(session, *record) for record in found]) if len(group) > 1]
    if not groups:
        return
    seeds = {
        int(block): bytes(seed)
        for block, seed in session.all(
            "SELECT block, seed FROM seed WHERE log = ? AND block >= ? AND length(seed) > 0", (log, start // BLOCK)
        )
    }
    for group in groups:
        _replace(session, log, list(islice(stored_runs(session, log, group[0].first), len(group))), seeds)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a stored run begins, and its bytes on the wire at most."""

    first: int
    weight: int


def _place(session: Session, first: int, count: int, ids: bytes) -> _Place:
    lengths = _of_details(session, "LENGTH(blob)", np.frombuffer(ids, "<u4").tolist())
    return _Place(first, count * ENTRY_WIRE_BYTES + sum(length or 0 for (length,) in lengths))


def _groups(runs: Sequence[_Place]) -> Iterator[list[_Place]]:
    """Consecutive runs that together stay within one segment."""
    group: list[_Place] = []
    weight = 0
    for run in runs:
        if group and weight + run.weight > _ROOM:
            yield group
            group, weight = [], 0
        group.append(run)
        weight += run.weight
    yield group


def _replace(session: Session, log: int, group: Sequence[tuple[Run, U32]], seeds: Mapping[int, bytes]) -> None:
    numbers, ids = compact(np.concatenate([ids[run.numbers] if len(ids) else ids for run, ids in group]))
    known = {**seeds, **{block: seed for run, _ in group for block, seed in run.seeds.items()}}
    first, count = group[0][0].first, sum(run.count for run, _ in group)
    absent = [replace(gap, offset=gap.offset + run.first - first) for run, _ in group for gap in run.absent]
    rows = np.concatenate([run.rows for run, _ in group])
    body = codec.encode(first, rows, numbers, (), known, absent).SerializeToString()
    session.execute("DELETE FROM segment WHERE log = ? AND first >= ? AND first < ?", (log, first, first + count))
    store_run(session, log, first, count, body, ids.tolist())
    drop_seeds(session, log, first, count)


def seed_of(session: Session, log: int, block: int) -> bytes:
    """The seed of a block of an own feed that has entries already; empty where they came back without it."""
    record = session.one("SELECT seed FROM seed WHERE log = ? AND block = ?", (log, block))
    if record is None:
        raise Unsound(f"the salt seed of block {block} of log {log} is missing")
    return bytes(record[0])


def forget_seed(session: Session, log: int, first: int, end: int) -> None:
    """Entries from `first` to `end` came back: a block they begin and do not fill is one whose seed is not known."""
    block = end // BLOCK
    if end % BLOCK and block * BLOCK >= first:
        session.execute(
            "INSERT INTO seed (log, block, seed) VALUES (?, ?, ?) ON CONFLICT (log, block) DO NOTHING",
            (log, block, b""),
        )


def drop_seeds(session: Session, log: int, first: int, count: int) -> None:
    """Forget the seeds of blocks wholly inside a stored run: the run carries them now."""
    session.execute(
        "DELETE FROM seed WHERE log = ? AND block >= ? AND block < ?",
        (log, -(-first // BLOCK), (first + count) // BLOCK),
    )
