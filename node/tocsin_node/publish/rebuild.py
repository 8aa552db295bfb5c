"""Own records made anew from entries that came back from a follower.

Everything but the identifier stands in the entries: type, tag, epoch, signal, details, end, withdrawal. The identifier
is kept where an older record of the same tag still has it; else `sealed` is empty until it is published again. In a
clear feed the tag is the identifier, and nothing was sealed.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from tocsin_crypto.merkle import HASH_BYTES
from tocsin_node.publish import records
from tocsin_node.publish.records import OwnRecord
from tocsin_node.segment.codec import Run
from tocsin_node.store.protocol import Session
from tocsin_signals.entry import VERSION, Kind, tag_column

_KINDS: Final = (Kind.ASSERT, Kind.REVISE, Kind.WITHDRAW, Kind.RETAG)


class Said(NamedTuple):
    """One entry of an own feed: what it does, the signal it names, and what it says of that; `signal` its own index."""

    kind: Kind
    ref: int
    record: OwnRecord


def rebuild(session: Session, log: int, run: Run) -> int:
    """Bring the own records of a feed up to a run of its entries; returns how many signals it asserts."""
    rows = run.rows
    mine = np.flatnonzero((rows["version"] == VERSION) & np.isin(rows["kind"], [int(kind) for kind in _KINDS]))
    indices, tags = run.indices(), tag_column(rows)

    def digest_of(place: int) -> bytes:
        """Of the run, not of the row: a delivery's rows come without their digests."""
        start = int(run.numbers[place]) * HASH_BYTES
        return run.digests[start : start + HASH_BYTES]

    entries = [
        Said(
            kind=Kind(int(rows["kind"][place])),
            ref=int(rows["ref"][place]),
            record=OwnRecord(
                type=int(rows["type"][place]),
                tag=tags[place].tobytes(),
                epoch=int(rows["epoch"][place]),
                signal=int(indices[place]),
                details=digest_of(place),
                valid_until=int(rows["valid_until"][place]),
                withdrawn=False,
                sealed=b"",
            ),
        )
        for place in mine.tolist()
    ]
    named = [entry.ref for entry in entries if entry.kind is not Kind.ASSERT and entry.ref < 2**63]
    keys = [(entry.record.type, entry.record.tag) for entry in entries if entry.kind in {Kind.ASSERT, Kind.RETAG}]
    held = {record.signal: record for record in records.by_tags(session, log, keys).values()}
    held.update(records.by_signals(session, log, list(dict.fromkeys(named))))
    records.remove(session, log, held.values())
    records.store(session, log, fold(held.values(), entries))
    return sum(entry.kind is Kind.ASSERT for entry in entries)


def fold(held: Iterable[OwnRecord], entries: Iterable[Said]) -> list[OwnRecord]:
    """The records after the entries, in log order; one per natural key, the newest signal's."""
    signals = {record.signal: record for record in held}
    by_key = {(record.type, record.tag): record.signal for record in signals.values()}
    for entry in entries:
        said = entry.record
        key = (said.type, said.tag)
        known = signals.get(entry.ref)
        match entry.kind:
            case Kind.ASSERT:
                before = signals.pop(by_key.get(key, -1), None)
                signals[said.signal] = said._replace(sealed=before.sealed if before else b"")
                by_key[key] = said.signal
            case Kind.RETAG if known is not None:
                by_key.pop((known.type, known.tag), None)
                signals.pop(by_key.get(key, -1), None)
                signals[entry.ref] = known._replace(tag=said.tag, epoch=said.epoch, valid_until=said.valid_until)
                by_key[key] = entry.ref
            case Kind.REVISE if known is not None:
                signals[entry.ref] = known._replace(details=said.details, valid_until=said.valid_until)
            case Kind.WITHDRAW if known is not None:
                signals[entry.ref] = known._replace(withdrawn=True)
            case _:
                pass  # names a signal this feed has no record of: nothing to keep
    return list(signals.values())
