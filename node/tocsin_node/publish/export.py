"""What an own feed published, read back page by page: identifiers, states, times, details.

Read from the own records, in the order of signals; the time of an assert from its stored run, of which one is held. A
page is one moment of the feed, the whole export is not: what is revised meanwhile is given as it is when its page is
read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tocsin_node.clear import CLEAR_EPOCH
from tocsin_node.life.state import State
from tocsin_node.log.runs import read_run
from tocsin_node.match.feeds import FeedFacts
from tocsin_node.publish import records
from tocsin_node.publish.prepare import identifier
from tocsin_node.publish.records import OwnRecord
from tocsin_node.segment import codec
from tocsin_node.store.protocol import Session
from tocsin_signals.probes import is_marked
from tocsin_signals.types import by_code


class Exported(NamedTuple):
    """One signal as its publisher knows it; times in ms UTC, `issued_at` 0 where its entry was erased."""

    signal: int
    type: str
    value: str
    state: State
    issued_at: int
    valid_until: int
    details: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an export: its signals, how many were left out for want of an identifier, and how many looked at."""

    signals: list[Exported]
    without_identifier: int
    looked_at: int
    last: int


class Pages:
    """Reads one feed's signals page by page."""

    def __init__(self, facts: FeedFacts, *, data_key: bytes, everything: bool) -> None:
        self._facts = facts
        self._data_key = data_key
        self._everything = everything
        self._times = _Times(facts.log)

    def read(self, session: Session, after: int, *, now: int, most: int) -> Page:
        """The signals beyond `after`, of at most `most` records; an empty page ends the feed."""
        found = records.after(session, self._facts.log, after, most)
        wanted = [one for one in found if self._everything or one.live(now)]
        kept = [one for one in wanted if one.sealed or one.epoch == CLEAR_EPOCH]
        blobs = _details(session, {one.details for one in kept})
        told = [one for one in kept if not _is_probe(blobs.get(one.details, b""))]
        signals = [self._exported(session, one, blobs.get(one.details, b""), now) for one in told]
        last = found[-1].signal if found else after
        return Page(signals, len(wanted) - len(kept), len(found), last)

    def _exported(self, session: Session, one: OwnRecord, details: bytes, now: int) -> Exported:
        kind = by_code(one.type)
        value = identifier(one, self._facts.origin, self._data_key)
        issued_at = self._times.issued_at(session, one.signal)
        name = kind.name if kind else f"{one.type:#06x}"
        return Exported(one.signal, name, value, one.state(now), issued_at, one.valid_until, details)


class _Times:
    """When signals were issued; holds the stored run it looked at last."""

    def __init__(self, log: int) -> None:
        self._log = log
        self._indices = np.empty(0, np.uint64)
        self._issued = np.empty(0, np.uint64)
        self._end = 0

    def issued_at(self, session: Session, signal: int) -> int:
        if signal >= self._end:
            self._load(session, signal)
        place = int(np.searchsorted(self._indices, np.uint64(signal)))
        if place < len(self._indices) and int(self._indices[place]) == signal:
            return int(self._issued[place])
        return 0

    def _load(self, session: Session, signal: int) -> None:
        found = read_run(session, self._log, signal)
        if found is None:
            return
        run = codec.decode(found[0])
        self._indices, self._issued = run.indices(), run.rows["issued_at"].copy()
        self._end = run.first + run.count


def _is_probe(details: bytes) -> bool:
    """Whether this node itself keeps the signal, for its followers' checks: nobody publishes it again."""
    return bool(details) and is_marked(json.loads(details))


def _details(session: Session, digests: set[bytes]) -> dict[bytes, bytes]:
    parts: Sequence[bytes] = sorted(digests)
    if not parts:
        return {}
    marks = ", ".join("?" * len(parts))
    query = f"SELECT digest, blob FROM details WHERE digest IN ({marks})"  # noqa: S608 -- marks only
    return {bytes(digest): bytes(blob or b"") for digest, blob in session.all(query, tuple(parts))}
