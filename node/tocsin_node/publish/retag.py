"""Carrying live signals into a community's next epoch.

A retag entry gives the same signal a further tag, under the new epoch's key; both tags live until the old epoch stops
matching. A feed is retagged before anything is published on it under a new epoch, so the natural key stays one.

A signal whose identifier was lost (`rebuild`) cannot be carried over and stays under its epoch. When the identifier is
published again while that epoch still matches, `reattach` finds the signal by its old tag and carries it over.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.errors import Unsound
from tocsin_node.log.envelope import SYSTEM
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.publish import records
from tocsin_node.publish.entries import Entries
from tocsin_node.publish.feeds import OwnFeed
from tocsin_node.publish.prepare import unseal
from tocsin_node.publish.records import OwnRecord
from tocsin_node.workers import Workers
from tocsin_signals.entry import Kind
from tocsin_signals.types import by_code

_AT_ONCE: Final = 1024  # signals per commit: a second of one core at most, and publishes go on between


class Retagger:
    """Retags own feeds."""

    def __init__(self, *, writer: Writer, workers: Workers, data_key: bytes, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._workers = workers
        self._data_key = data_key
        self._clock = clock
        self._done: set[tuple[int, int]] = set()  # (log, epoch) found complete
        self._reached: dict[int, int] = {}  # log -> newest epoch it is or was retagged for
        self._lost: dict[int, frozenset[int]] = {}  # log -> epochs of live signals whose identifier was lost

    async def ensure(self, feed: OwnFeed, key: EpochKey) -> int:
        """Retag what is live under earlier epochs; returns how many signals. Safe to repeat and to interrupt."""
        if (feed.log, key.epoch) in self._done:
            return 0
        self._reached[feed.log] = max(key.epoch, self._reached.get(feed.log, 0))
        retagged = 0
        while due := await self._writer.submit(
            lambda tx: records.to_retag(tx.sql, feed.log, key.epoch, tx.now, _AT_ONCE)
        ):
            tags = await self._workers.run(new_tags, due, key, feed.origin, self._data_key)
            pairs = list(zip(due, tags, strict=True))
            await self._writer.submit(lambda tx, pairs=pairs: _retag(tx, feed, key.epoch, pairs))
            retagged += len(due)
        lost = await self._writer.submit(lambda tx: records.without_identifier(tx.sql, feed.log, tx.now))
        self._lost[feed.log] = frozenset(epoch for epoch in lost if epoch < key.epoch)
        self._done.add((feed.log, key.epoch))
        return retagged

    def forget(self, log: int) -> None:
        """The feed's entries came from elsewhere: look anew at what is to be carried over."""
        self._done = {(other, epoch) for other, epoch in self._done if other != log}

    async def reattach(
        self,
        feed: OwnFeed,
        key: EpochKey,
        published: Sequence[tuple[int, bytes]],
        held: Callable[[], Sequence[EpochKey]],
    ) -> None:
        """Give (type, sealed identifier) pairs to live signals of earlier epochs that lost theirs; carry those over."""
        lost = self._lost.get(feed.log, frozenset())
        keys = [one for one in held() if one.epoch in lost] if lost else []
        for old in keys:
            tags = await self.tags(feed, old, published)
            sealed = {(code, tag): data for (code, data), tag in zip(published, tags, strict=True)}
            await self._writer.submit(lambda tx, sealed=sealed: _attach(tx, feed.log, sealed))
        if keys:
            self.forget(feed.log)
            await self.ensure(feed, key)

    async def tags(self, feed: OwnFeed, key: EpochKey, published: Sequence[tuple[int, bytes]]) -> list[bytes]:
        """The tags of (type, sealed identifier) pairs under another epoch."""
        unnamed = [OwnRecord(code, b"", key.epoch, 0, b"", 0, withdrawn=False, sealed=data) for code, data in published]
        return await self._workers.run(new_tags, unnamed, key, feed.origin, self._data_key)

    def overtaken(self, log: int, epoch: int) -> bool:
        """Whether the feed has moved on to a later epoch. Asked within the commit: then nothing slips in behind it."""
        return epoch < self._reached.get(log, 0)


def new_tags(due: Sequence[OwnRecord], key: EpochKey, origin: str, data_key: bytes) -> list[bytes]:
    """The tags of own records under another epoch; runs in a worker process."""
    requests: list[TagRequest] = []
    for record in due:
        kind = by_code(record.type)
        if kind is None:
            raise Unsound(f"an own record of {origin} has the unknown type {record.type:#06x}")
        requests.append(TagRequest(kind.profile, kind.scope, unseal(record.sealed, origin, record.type, data_key)))
    return tag_batch(key, requests)


def _attach(tx: Tx, log: int, sealed: Mapping[tuple[int, bytes], bytes]) -> None:
    found = records.by_tags(tx.sql, log, sealed)
    records.store(tx.sql, log, [one._replace(sealed=sealed[pair]) for pair, one in found.items() if not one.sealed])


def _retag(tx: Tx, feed: OwnFeed, epoch: int, pairs: Sequence[tuple[OwnRecord, bytes]]) -> None:
    held = records.by_signals(tx.sql, feed.log, [record.signal for record, _ in pairs])
    current = [(record, tag) for record, tag in pairs if held.get(record.signal) == record]  # else changed meanwhile
    moved = [record._replace(tag=tag, epoch=epoch) for record, tag in current]
    blobs = {details: tx.blob(details) for details in sorted({record.details for record in moved})}
    places = {details: place for place, details in enumerate(blobs)}
    entries = Entries()
    for record in moved:
        entries.add(Kind.RETAG, record, record.signal, places[record.details])
    if moved:
        tx.append(feed.log, entries.rows(), list(blobs.values()), np.asarray(entries.blobs, np.uint32))
        records.remove(tx.sql, feed.log, [record for record, _ in current])
        records.store(tx.sql, feed.log, moved)
        tx.audit("signal.retagged", actor=SYSTEM, counts={"signals": len(moved)}, about={"feed": feed.name})
