"""What a peer that is no recipient of an own feed any more still gets of it: the withdrawals of what it was given.

Everything else is withheld: it travels as leaf hashes, so that roots and checkpoints verify as ever. *Given* is what
was sent while the peer was a recipient: every entry it holds beside the gaps. A gap is noted before it leaves, and
forgotten where its entries are sent after all. Entry 0, which opens the feed, every follower has and gets again.
"""

import numpy as np

from tocsin.v1 import signals_pb2 as wire
from tocsin_crypto.merkle import HASH_BYTES, hash_rows
from tocsin_node.segment import codec
from tocsin_node.segment.codec import Absent, Run
from tocsin_node.store.protocol import Session
from tocsin_signals.entry import ROW_SIZE, VERSION, Kind

Gap = tuple[int, int]
"""Entries from the first index up to the second."""

Gaps = tuple[Gap, ...]


def given(index: int, size: int, gaps: Gaps) -> bool:
    """Whether the entry is one that a holder of `size` entries with these gaps was given."""
    return index < size and not any(first <= index < stop for first, stop in gaps)


def withhold(run: Run, start: int, size: int, gaps: Gaps) -> wire.Segment:
    """The run from index `start` on without all that is withheld from a holder of `size` entries with these gaps.

    `run` is a whole one of the publisher's own: without absent entries.
    """
    skip = start - run.first
    rows, indices = run.rows[skip:], run.indices()[skip:]
    refs = rows["ref"].astype(np.uint64)
    named = refs < np.uint64(size)
    for first, stop in gaps:
        named &= (refs < np.uint64(first)) | (refs >= np.uint64(stop))
    kept = (rows["version"] == VERSION) & (rows["kind"] == Kind.WITHDRAW) & named | (indices == 0)
    leaves = hash_rows(rows.tobytes(), ROW_SIZE)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], kept, [True]]).astype(np.int8))).reshape(-1, 2)
    absent = [Absent(a, leaves[a * HASH_BYTES : b * HASH_BYTES]) for a, b in edges.tolist()]
    used, numbers = np.unique(run.numbers[skip:][kept], return_inverse=True)
    details = [run.details[int(number)] for number in used]
    return codec.encode(start, rows[kept], numbers.astype(np.uint32), details, run.seeds, absent)


def gaps_of(session: Session, peer: str, log: int) -> Gaps:
    """What was withheld from a peer, in order."""
    query = "SELECT first, stop FROM withheld WHERE peer = ? AND log = ? ORDER BY first"
    return tuple((int(first), int(stop)) for first, stop in session.all(query, (peer, log)))


def note_gap(session: Session, peer: str, log: int, gap: Gap) -> None:
    """Entries are about to be sent withheld."""
    first, stop = gap
    update = "UPDATE withheld SET stop = ? WHERE peer = ? AND log = ? AND first <= ? AND stop >= ? AND stop < ?"
    session.execute(update, (stop, peer, log, first, first, stop))
    session.execute(
        "INSERT INTO withheld (peer, log, first, stop) SELECT ?, ?, ?, ? WHERE NOT EXISTS "
        "(SELECT 1 FROM withheld WHERE peer = ? AND log = ? AND first <= ? AND stop >= ?)",
        (peer, log, first, stop, peer, log, first, stop),
    )


def forget_gaps(session: Session, peer: str, log: int, start: int) -> None:
    """Entries from `start` on are about to be sent in full."""
    session.execute("DELETE FROM withheld WHERE peer = ? AND log = ? AND first >= ?", (peer, log, start))
    update = "UPDATE withheld SET stop = ? WHERE peer = ? AND log = ? AND stop > ?"
    session.execute(update, (start, peer, log, start))
