"""One group of operations inside one transaction: what they may do, and what sealing makes of it.

An operation appends entries to own feeds, stores deliveries of followed ones, adds audit events and runs SQL. `seal`
then gives every appended entry its time, salt and details digest, extends the trees, signs a checkpoint at every cut
and at the end, and writes it all. Nothing outside the transaction changes before the commit: new heads are handed back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tocsin_crypto.checkpoint import sign_checkpoint
from tocsin_crypto.ed25519 import Random
from tocsin_crypto.merkle import HASH_BYTES, CompactRange, leaf_hash
from tocsin_crypto.note import Signer
from tocsin_crypto.salts import expand_seed
from tocsin_node.errors import Exhausted, Frozen, Misbehaviour, Unsound
from tocsin_node.limits import BLOCK, GROUP_ENTRIES
from tocsin_node.log import runs
from tocsin_node.log.envelope import SYSTEM, Actor, Event, Result
from tocsin_node.log.head import Head, store_blocks, store_checkpoint, store_head
from tocsin_node.log.runs import DetailsTable
from tocsin_node.segment import codec
from tocsin_node.segment.codec import U32, U64
from tocsin_node.segment.verify import Accepted
from tocsin_node.store.protocol import Session
from tocsin_signals.details import digest
from tocsin_signals.entry import ROW_SIZE, Rows, details_column, salt_column

_SALTS: Final = 16


@dataclass(frozen=True, slots=True)
class Stored:
    """Entries that just became durable: what the match index and the audit of a feed are fed with."""

    log: int
    rows: Rows
    indices: U64
    details: U32
    """The details id of every row."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    rows: Rows
    numbers: U32
    blobs: Sequence[bytes]


@dataclass(slots=True)
class Group:
    """What the operations of one commit have asked for so far. Owned by the writer thread."""

    chunks: dict[int, list[_Chunk]] = field(default_factory=dict[int, list[_Chunk]])
    events: list[Event] = field(default_factory=list[Event])
    callbacks: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    followed: list[Stored] = field(default_factory=list[Stored])

    def mark(self) -> "Mark":
        """Where each list ends now."""
        sizes = {log: len(chunks) for log, chunks in self.chunks.items()}
        return Mark(sizes, len(self.events), len(self.callbacks), len(self.followed))

    def cut_back(self, mark: "Mark") -> None:
        """Forget what was added since the mark."""
        for log, chunks in self.chunks.items():
            del chunks[mark.chunks.get(log, 0) :]
        del self.events[mark.events :], self.callbacks[mark.callbacks :], self.followed[mark.followed :]

    def entries(self, log: int) -> int:
        """Entries waiting for one feed."""
        return sum(len(chunk.rows) for chunk in self.chunks.get(log, ()))


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in a group that a failed operation is cut back to."""

    chunks: Mapping[int, int]
    events: int
    callbacks: int
    followed: int


class Tx:
    """What one operation sees. `now` is ms UTC and never decreases from group to group."""

    def __init__(
        self,
        *,
        session: Session,
        now: int,
        heads: dict[int, Head],
        frozen: Mapping[int, str],
        group: Group,
        details: DetailsTable,
        room: Callable[[], bool],
    ) -> None:
        self.now = now
        self.sql = session
        self._heads = heads
        self._frozen = frozen
        self._group = group
        self._details = details
        self._room = room

    def audit(
        self,
        event: str,
        *,
        actor: Actor = SYSTEM,
        result: Result = "ok",
        why: str = "",
        peer: str = "",
        exchange: bytes = b"",
        counts: Mapping[str, int] | None = None,
        policy: bytes = b"",
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Add one envelope to the audit log, in the same transaction."""
        self._group.events.append(Event(event, actor, result, why, peer, exchange, counts, policy, about))

    def after(self, callback: Callable[[], None]) -> None:
        """Run on the writer thread once the commit is durable, before the operation's caller hears of it."""
        self._group.callbacks.append(callback)

    def head(self, log: int) -> Head:
        """The log's end as of the last commit or delivery; entries appended in this group are not in it."""
        return self._heads[log]

    def next_index(self, log: int) -> int:
        """The index the next appended entry of an own feed gets, this group's entries counted."""
        return self._heads[log].size + self._group.entries(log)

    def new_log(self, origin: str, kind: str, publisher: str, **columns: str | int | None) -> int:
        """Add an empty log; further columns of table `log` by name."""
        names = ["origin", "kind", "publisher", "created_at", *columns]
        marks = ", ".join("?" * len(names))
        values = (origin, kind, publisher, self.now, *columns.values())
        self.sql.execute(f"INSERT INTO log ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 -- own names
        record = self.sql.one("SELECT id FROM log WHERE origin = ?", (origin,))
        assert record is not None
        head = Head(int(record[0]), origin, kind, CompactRange(), 0)
        store_head(self.sql, head)
        self._heads[head.log] = head
        return head.log

    def append(self, log: int, rows: Rows, blobs: Sequence[bytes], numbers: U32) -> int:
        """Append rows to an own feed; returns the index of the first. `numbers` is each row's place in `blobs`.

        Time, salt and details digest are filled in by sealing. Errors: Frozen, Exhausted.
        """
        if log in self._frozen:
            raise Frozen(self._frozen[log])
        if not self._room():
            raise Exhausted("the disk is nearly full; nothing is published until there is room")
        first = self.next_index(log)
        if len(rows) > GROUP_ENTRIES:
            raise Exhausted(f"{len(rows)} entries at once; at most {GROUP_ENTRIES} fit one commit")
        self._group.chunks.setdefault(log, []).append(_Chunk(rows, numbers, blobs))
        return first

    def blob(self, details: bytes) -> bytes:
        """The details blob of a digest, of entries appended in this group too. Errors: Unsound when there is none."""
        record = self.sql.one("SELECT blob FROM details WHERE digest = ?", (details,))
        if record is not None and record[0] is not None:
            return bytes(record[0])
        waiting = (blob for chunks in self._group.chunks.values() for chunk in chunks for blob in chunk.blobs)
        found = next((blob for blob in waiting if digest(blob) == details), None)
        if found is None:
            raise Unsound("the details of a live own signal are missing")
        return found

    def follow(self, log: int, accepted: Accepted) -> None:
        """Store a verified delivery: of a followed feed, or of an own one that comes back from a follower.

        Errors: Misbehaviour when it does not extend our copy.
        """
        head, run = self._heads[log], accepted.run
        if run.first != head.size:
            raise Misbehaviour("gap", f"entries from {run.first} on, where {head.size} comes next")
        ids = np.asarray(self._details.ids(self.sql, run.details, run.digests), np.uint32)
        runs.store_run(self.sql, log, run.first, run.count, accepted.body, ids.tolist())
        store_blocks(self.sql, log, head.size // BLOCK, accepted.blocks)
        store_checkpoint(self.sql, log, accepted.size, accepted.checkpoint, self.now)
        tree = CompactRange.from_bytes(accepted.size, accepted.stack)
        self._heads[log] = Head(log, head.origin, head.kind, tree, accepted.last_time)
        store_head(self.sql, self._heads[log])
        if head.kind == "own":
            runs.forget_seed(self.sql, log, head.size, accepted.size)
        runs.merge_tail(self.sql, log, accepted.size)
        self._group.followed.append(Stored(log, run.rows, run.indices(), ids[run.numbers] if len(ids) else ids))


def seal_feed(
    session: Session,
    head: Head,
    chunks: Sequence[_Chunk],
    *,
    now: int,
    signer: Signer,
    details: DetailsTable,
    random: Random,
) -> tuple[Head, Stored]:
    """Make the appended chunks of one feed durable within the transaction: entries, tiles, checkpoints, new head."""
    rows, numbers, blobs = _join(chunks)
    first, at = head.size, max(now, head.last_time)
    rows["issued_at"] = at
    digests = b"".join(map(digest, blobs))
    details_column(rows)[:] = np.frombuffer(digests, np.uint8).reshape(-1, HASH_BYTES)[numbers]
    ids = np.asarray(details.ids(session, blobs, digests), np.uint32)
    seeds = _salt(session, head.log, first, rows, random)
    tree, start = head.tree, 0
    for stop in runs.cuts(first, numbers, blobs):
        part, (own_numbers, used) = rows[start:stop], runs.compact(numbers[start:stop])
        grown = tree.extend_rows(codec.leaf_bytes(part), ROW_SIZE)
        body = runs.body_of(first + start, part, own_numbers, seeds)
        runs.store_run(session, head.log, first + start, stop - start, body, ids[used].tolist())
        runs.drop_seeds(session, head.log, first + start, stop - start)
        store_blocks(session, head.log, tree.size // BLOCK, grown.blocks)
        tree, start = grown.range, stop
        note = sign_checkpoint(head.origin, tree.size, tree.root(), signer)
        store_checkpoint(session, head.log, tree.size, note, now)
        runs.merge_tail(session, head.log, tree.size)
    sealed = Head(head.log, head.origin, head.kind, tree, at)
    store_head(session, sealed)
    indices = np.arange(first, first + len(rows), dtype=np.uint64)
    return sealed, Stored(head.log, rows, indices, ids[numbers])


def seal_audit(session: Session, head: Head, events: Sequence[Event], *, now: int, signer: Signer) -> Head:
    """Make the audit events durable within the transaction, under a signed checkpoint."""
    at = max(now * 1000, head.last_time)
    envelopes = [event.encode(at) for event in events]
    grown = head.tree.extend_hashes(b"".join(map(leaf_hash, envelopes)))
    session.execute_many(
        "INSERT INTO audit_entry (log, idx, envelope) VALUES (?, ?, ?)",
        [(head.log, head.size + place, envelope) for place, envelope in enumerate(envelopes)],
    )
    store_blocks(session, head.log, head.size // BLOCK, grown.blocks)
    note = sign_checkpoint(head.origin, grown.range.size, grown.range.root(), signer)
    store_checkpoint(session, head.log, grown.range.size, note, now)
    sealed = Head(head.log, head.origin, head.kind, grown.range, at)
    store_head(session, sealed)
    return sealed


def _join(chunks: Sequence[_Chunk]) -> tuple[Rows, U32, list[bytes]]:
    blobs: dict[bytes, int] = {}
    numbers: list[U32] = []
    for chunk in chunks:
        places = np.asarray([blobs.setdefault(blob, len(blobs)) for blob in chunk.blobs], np.uint32)
        numbers.append(places[chunk.numbers])
    return np.concatenate([chunk.rows for chunk in chunks]), np.concatenate(numbers), list(blobs)


def _salt(session: Session, log: int, first: int, rows: Rows, random: Random) -> dict[int, bytes]:
    """Give every row its block's salt; remember the seeds of blocks that are not whole yet. Returns all seeds used.

    The rest of a block whose first entries came back without their seed is salted from a seed that is used once.
    """
    last = first + len(rows) - 1
    seeds: dict[int, bytes] = {}
    salts = salt_column(rows)
    for block in range(first // BLOCK, last // BLOCK + 1):
        seed, whole_block = random(runs.SEED_BYTES), True
        if block * BLOCK < first:
            known = runs.seed_of(session, log, block)
            seed, whole_block = known or seed, bool(known)
        if whole_block:
            seeds[block] = seed
        start, stop = max(first, block * BLOCK), min(last + 1, (block + 1) * BLOCK)
        whole = np.frombuffer(expand_seed(seed), np.uint8).reshape(BLOCK, _SALTS)
        salts[start - first : stop - first] = whole[start - block * BLOCK : stop - block * BLOCK]
    edges = [(log, block, seed) for block, seed in seeds.items()]
    session.execute_many(
        "INSERT INTO seed (log, block, seed) VALUES (?, ?, ?) ON CONFLICT (log, block) DO NOTHING", edges
    )
    return seeds
