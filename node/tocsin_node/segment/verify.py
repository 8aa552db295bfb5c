"""Accepting a delivery: from a peer's bytes to entries a node may store, or Misbehaviour.

The rules, in order. (1) The checkpoint is signed by the feed's key and names the feed. (2) The segment starts where the
follower's copy ends (no gap, no overlap) and ends at the checkpoint's size. (3) Every column fits. (4) Structure: entry
0 and only it is `open`; the ref of a revise, withdraw or retag is a smaller index, of an assert none; issued_at never
decreases. (5) The rows hash to the checkpoint's root. Only then is anything of it believed.

`accept` is all of it. In two halves, for many segments at a time: `examine_run` hashes one decoded segment without
knowing what stands before it, in a worker process; `conclude` holds what it found against the follower's position and
the signed root, which takes a few dozen hashes.

What a peer may add later is no misbehaviour: entries of unknown version, kind or type, and details that are not the
JSON they should be, are hashed, stored, counted, and never matched.

Pure functions from values to values.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tocsin_crypto.checkpoint import open_checkpoint
from tocsin_crypto.ed25519 import PublicKey
from tocsin_crypto.errors import CryptoError
from tocsin_crypto.merkle import HASH_BYTES, CompactRange, Span, hash_rows, span_of
from tocsin_crypto.note import NoteVerifier
from tocsin_node.errors import Misbehaviour
from tocsin_node.segment import codec
from tocsin_node.segment.codec import Run
from tocsin_signals.entry import NAMES_SIGNAL, NO_REF, ROW_SIZE, VERSION, Kind, Rows

_TIME: Final = "an entry issued before the one in front of it"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a follower's verified copy of a feed ends, and whose signature extends it."""

    origin: str
    key_name: str
    key: bytes
    size: int
    stack: bytes
    last_time: int

    def after(self, accepted: "Accepted") -> "Position":
        """The position once `accepted` is stored."""
        return Position(
            self.origin, self.key_name, self.key, accepted.size, accepted.stack, max(self.last_time, accepted.last_time)
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A verified delivery in the forms the store and the index want."""

    run: Run
    body: bytes
    size: int
    root: bytes
    stack: bytes
    blocks: bytes
    last_time: int
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Examined:
    """What a segment shows by itself: its hashes and times, small enough to pass between processes.

    `first_time` is None where no entry is present; `digests` are those of its details.
    """

    span: Span
    first_time: int | None
    last_time: int
    digests: bytes


def accept(position: Position, segment: bytes, checkpoint: bytes) -> Accepted:
    """Verify one delivery against the follower's position. Errors: Misbehaviour with a stable code."""
    signed = open_signed(position.origin, position.key_name, position.key, checkpoint)
    message = codec.parse(segment)
    check_place(position, signed, message.first, message.count)
    run = codec.decode(message)
    return conclude(position, signed, examine_run(run), segment, checkpoint, run)


def check_place(position: Position, signed: "Signed", first: int, count: int) -> None:
    """Rule 2. Errors: Misbehaviour `gap` or `malformed`."""
    if first != position.size:
        raise Misbehaviour("gap", f"entries from {first} on, where {position.size} comes next")
    if first + count != signed.size:
        raise Misbehaviour("malformed", f"entries up to {first + count} under size {signed.size}")


def conclude(
    position: Position,
    signed: "Signed",
    examined: Examined,
    segment: bytes,
    checkpoint: bytes,
    run: Run | None = None,
) -> Accepted:
    """Rule 4 across deliveries and rule 5, for a segment whose place was checked. Errors: Misbehaviour.

    Without `run`, the accepted rows lack salts and digests, which nobody needs once they are hashed.
    """
    if examined.first_time is not None and examined.first_time < position.last_time:
        raise Misbehaviour("time", _TIME)
    grown, blocks = CompactRange.from_bytes(position.size, position.stack).join(examined.span)
    root = grown.root()
    if root != signed.root:
        raise Misbehaviour("wrong-root", f"entries up to {signed.size} do not hash to the signed root")
    message = codec.parse(segment)
    run = run or replace(
        codec.skim(message, len(message.details)), details=tuple(message.details), digests=examined.digests
    )
    del message.details[:]
    last_time = max(position.last_time, examined.last_time)
    body = message.SerializeToString()
    return Accepted(run, body, signed.size, root, grown.to_bytes(), blocks, last_time, checkpoint)


def examine_run(run: Run) -> Examined:
    """Rule 4 within a decoded segment, and its hashes. Errors: Misbehaviour."""
    first_time, last_time = _check_structure(run)
    return Examined(span_of(run.first, run_leaves(run)), first_time, last_time, run.digests)


def run_leaves(run: Run) -> bytes:
    """The leaf hashes of a run, concatenated; absent entries give the hashes they came with."""
    present = hash_rows(codec.leaf_bytes(run.rows), ROW_SIZE)
    if not run.absent:
        return present
    leaves = np.zeros((run.count, HASH_BYTES), np.uint8)
    places = (run.indices() - np.uint64(run.first)).astype(np.int64)
    leaves[places] = np.frombuffer(present, np.uint8).reshape(-1, HASH_BYTES)
    for absent in run.absent:
        given = np.frombuffer(absent.leaves, np.uint8).reshape(-1, HASH_BYTES)
        leaves[absent.offset : absent.offset + absent.count] = given
    return leaves.tobytes()


def leaves_between(run: Run, start: int, stop: int) -> bytes:
    """The leaf hashes of the entries from index `start` up to `stop`, which lie within the run."""
    first, last = start - run.first, stop - run.first
    if run.absent:
        return run_leaves(run)[first * HASH_BYTES : last * HASH_BYTES]
    return hash_rows(codec.leaf_bytes(run.rows[first:last]), ROW_SIZE)


@dataclass(frozen=True, slots=True)
class Signed:
    """What a checkpoint says."""

    size: int
    root: bytes


def open_signed(origin: str, key_name: str, key: bytes, checkpoint: bytes) -> Signed:
    """A checkpoint of this feed by this key. Errors: Misbehaviour `bad-signature`."""
    try:
        opened = open_checkpoint(checkpoint, origin, NoteVerifier(key_name, PublicKey(key)))
    except CryptoError as error:
        raise Misbehaviour("bad-signature", f"a checkpoint of {origin} that does not verify: {error}") from error
    return Signed(opened.size, opened.root)


def _check_structure(run: Run) -> tuple[int | None, int]:
    """Rule 4 within a run; returns its first and last time."""
    rows = run.rows
    if not len(rows):
        return None, 0
    times = rows["issued_at"]
    if bool((times[1:] < times[:-1]).any()):
        raise Misbehaviour("time", _TIME)
    if int(times[-1]) >= 2**63:
        raise Misbehaviour("time", "an entry issued beyond the year 292 million")
    indices = run.indices()
    opens = rows["kind"] == Kind.OPEN
    expected = (indices == 0) & (rows["version"] == VERSION)
    if bool((opens != (indices == 0))[rows["version"] == VERSION].any()) or (indices[0] == 0 and not expected[0]):
        raise Misbehaviour("malformed", "entry 0, and no other, opens a feed")
    _check_refs(rows, indices)
    return int(times[0]), int(times[-1])


def _check_refs(rows: Rows, indices: codec.U64) -> None:
    known = rows["version"] == VERSION
    names = known & np.isin(rows["kind"], [int(kind) for kind in NAMES_SIGNAL])
    if bool((rows["ref"][names] >= indices[names]).any()):
        raise Misbehaviour("malformed", "an entry that names a signal not before itself")
    asserts = known & (rows["kind"] == Kind.ASSERT)
    if bool((rows["ref"][asserts] != np.uint64(NO_REF)).any()):
        raise Misbehaviour("malformed", "an assert entry with a ref")
