"""Publishing, revising and withdrawing on own feeds.

A chunk of rows is one operation of the group commit: the answer counts only rows that are durable, signed and
matchable. The natural key (feed, type, tag) makes it idempotent: a row whose signal is live with equal details is
*unchanged*, with other details *revised*, else *published*; so a file published again after a crash doubles nothing.
A signal that came back from a follower without its identifier has it again once that is published again.

Validity alone moves on a re-run of "90 days from now"; a live signal is revised for it only when an explicit end
differs by more than a day from the one that stands.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.clear import CLEAR_EPOCH, clear_tag
from tocsin_node.errors import Frozen, Invalid, Refused
from tocsin_node.guard.gate import Gate
from tocsin_node.guard.terms import Terms
from tocsin_node.limits import PUBLISH_ROWS, WITHDRAW_SIGNALS
from tocsin_node.log.envelope import Actor
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.match.query import Query
from tocsin_node.publish import records
from tocsin_node.publish.blobs import salted
from tocsin_node.publish.entries import Entries
from tocsin_node.publish.feeds import Feeds, OwnFeed
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.prepare import Batch, Prepared, Refusal, RowIn, Warned, Widest, blocked, prepare, wanted_record
from tocsin_node.publish.records import OwnRecord
from tocsin_node.publish.retag import Retagger
from tocsin_node.publish.revise import Revised, Revision, revise
from tocsin_node.publish.screen import read_details, screen
from tocsin_node.publish.trial import TrialResult, try_against
from tocsin_node.workers import Workers, are_few
from tocsin_signals.canon import canonicalise
from tocsin_signals.details import Withdrawal, digest
from tocsin_signals.entry import Kind, empty_rows
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_name

_ATTEMPTS: Final = 3  # to commit a chunk that new epochs overtake: rotations are days apart


class EpochKeys(Protocol):
    """The keys this node tags with."""

    def publishing(self, community: str, now: int) -> EpochKey:
        """The key of the community's newest epoch that may be published under at `now`. Errors: Refused."""
        ...

    def tagging(self, community: str) -> Sequence[EpochKey]:
        """Every key held of the community, of ended epochs too."""
        ...


class Profiles(Protocol):
    """Which types this node may publish."""

    def refused(self) -> Mapping[str, str]:
        """Why a type is not, by its name."""
        ...


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What one committed chunk did; `signals` holds an id for each row not refused, in order."""

    size: int
    published: int
    revised: int
    unchanged: int
    refused: tuple[Refusal, ...]
    warnings: tuple[Warned, ...]
    signals: tuple[int, ...]
    overridden: int
    """Rows that the guard blocks and a second person approved."""
    widest: Widest


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal did."""

    size: int
    withdrawn: tuple[int, ...]
    already: tuple[int, ...]
    not_found: int


class Publisher:
    """Turns rows into entries of own feeds."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        writer: Writer,
        keys: EpochKeys,
        profiles: Profiles,
        workers: Workers,
        retagger: Retagger,
        gate: Gate,
        data_key: bytes,
        lifetimes: Callable[[], Lifetimes],
        clock: Callable[[], int],
    ) -> None:
        self._feeds = feeds
        self._writer = writer
        self._keys = keys
        self._profiles = profiles
        self._workers = workers
        self._retagger = retagger
        self._gate = gate
        self._data_key = data_key
        self._lifetimes = lifetimes
        self._clock = clock

    async def publish(
        self,
        feed: str,
        fields: Sequence[bytes],
        rows: Sequence[RowIn],
        *,
        actor: Actor,
        after: Awaitable[object] | None = None,
    ) -> ChunkResult:
        """Publish one chunk, not before `after` is done; if that fails, so does this, with the same error.

        Errors: NotFound, Frozen, Exhausted; rows that cannot be published are in the result.
        """
        own = self._feeds.get(feed)
        _check_size(fields, rows)
        blobs, bad = await asyncio.to_thread(read_details, fields, self._data_key)
        for _ in range(_ATTEMPTS):
            result = await self._attempt(own, rows, blobs, bad, actor, after)
            if result is not None:
                return result
        raise Refused("the community moved on to a new epoch meanwhile: publish again")

    async def _attempt(
        self,
        own: OwnFeed,
        rows: Sequence[RowIn],
        blobs: Sequence[bytes],
        bad: dict[int, Rejected],
        actor: Actor,
        after: Awaitable[object] | None,
    ) -> ChunkResult | None:
        """Tag and commit under the epoch of now; None when a later epoch overtook the chunk on its way.

        In a clear feed nothing is tagged.
        """
        key = None if own.clear else self._keys.publishing(own.community, self._clock())
        epoch = CLEAR_EPOCH if key is None else key.epoch
        if key is not None:
            await self._retagger.ensure(own, key)
        lifetimes, now = self._lifetimes(), self._clock()
        batch = await self._prepared(own, key, rows, bad, lifetimes, now)
        if key is not None:
            published = [(item.code, item.sealed) for item in batch.ready]
            await self._retagger.reattach(own, key, published, lambda: self._keys.tagging(own.community))
        if after is not None:
            await after  # a row given twice is revised by the later one, whichever was ready first

        def operation(tx: Tx) -> ChunkResult | None:
            if self._retagger.overtaken(own.log, epoch):
                return None
            return _commit(tx, own, epoch, batch, blobs, lifetimes, actor)

        return await self._writer.submit(operation)

    async def try_out(self, feed: str, fields: Sequence[bytes], rows: Sequence[RowIn]) -> TrialResult:
        """What publishing a chunk would do now, were its rows alone in it; nothing is written.

        Errors: NotFound, Frozen, and what else publishing it would raise.
        """
        own = self._feeds.get(feed)
        if own.state == "frozen":
            raise Frozen(own.why)
        _check_size(fields, rows)
        blobs, bad = await asyncio.to_thread(read_details, fields, self._data_key)
        lifetimes, now = self._lifetimes(), self._clock()
        key = None if own.clear else self._keys.publishing(own.community, now)
        batch = await self._prepared(own, key, rows, bad, lifetimes, now)
        published = [(item.code, item.sealed) for item in batch.ready]
        older = [] if key is None else await self._older_tags(own, key, published)
        digests = [digest(blob) for blob in blobs]
        tried = await self._writer.submit(lambda tx: try_against(tx, own.log, batch.ready, older, digests, lifetimes))
        return TrialResult(tried, tuple(batch.refused), tuple(batch.warned), batch.overridden, batch.widest)

    async def _prepared(
        self,
        own: OwnFeed,
        key: EpochKey | None,
        rows: Sequence[RowIn],
        bad: dict[int, Rejected],
        lifetimes: Lifetimes,
        now: int,
    ) -> Batch:
        """What of a chunk may be published, by everything but what the feed holds."""
        good, refused = screen(rows, bad, self._profiles.refused(), now, lifetimes)
        terms = self._gate.terms(own.log)
        if are_few(good):
            await self._gate.ready(terms)
            batch = prepare(good, key, own.origin, self._data_key, now, terms)
        else:
            batch = await self._workers.run(prepare, good, key, own.origin, self._data_key, now, terms)
        batch = await self._within_reach(batch, terms)
        return batch._replace(refused=[*refused, *batch.refused])

    async def _within_reach(self, batch: Batch, terms: Terms) -> Batch:
        """The batch without rows that would hit too many own users, and with the row that hits the most."""
        reached = await self._gate.reach([item.key for item in batch.ready], terms.approved)
        ready: list[Prepared] = []
        refused = list(batch.refused)
        widest = Widest()
        for item, reach in zip(batch.ready, reached, strict=True):
            widest = max(widest, Widest(item.row.line, reach.users), key=lambda one: one.users)
            if reach.blocked is not None:
                refused.append(blocked(item.row, reach.blocked))
                continue
            ready.append(item._replace(overridden=item.overridden or reach.overridden))
        kept = {item.row.line for item in ready}
        warned = [one for one in batch.warned if one.line in kept]
        return batch._replace(ready=ready, refused=refused, warned=warned, widest=widest)

    async def _older_tags(
        self, own: OwnFeed, key: EpochKey, published: Sequence[tuple[int, bytes]]
    ) -> list[list[bytes]]:
        """The tags of (type, sealed identifier) pairs under the other epochs that live signals stand under."""
        live = await self._writer.submit(lambda tx: records.live_epochs(tx.sql, own.log, tx.now))
        keys = [one for one in self._keys.tagging(own.community) if one.epoch in live and one.epoch != key.epoch]
        return [await self._retagger.tags(own, old, published) for old in keys]

    async def withdraw(
        self,
        feed: str,
        *,
        signals: Sequence[int],
        identifiers: Sequence[Query],
        reason: str,
        required_action: str,
        actor: Actor,
    ) -> Withdrawn:
        """Take signals back, by id or by what was published. Errors: NotFound, Invalid, Refused, Frozen, Exhausted."""
        own = self._feeds.get(feed)
        if not 1 <= len(signals) + len(identifiers) <= WITHDRAW_SIGNALS:
            raise Invalid(f"a withdrawal names 1 to {WITHDRAW_SIGNALS} signals, not {len(signals) + len(identifiers)}")
        try:
            said = Withdrawal(reason, required_action).fields()
        except Rejected as error:
            raise Invalid(error.sentence) from error
        blob = salted(said, self._data_key)
        tags = await asyncio.to_thread(self._tags_of, own, identifiers)
        return await self._writer.submit(lambda tx: _withdraw(tx, own, signals, tags, blob, reason, actor))

    async def revise(
        self,
        feed: str,
        *,
        signals: Sequence[int],
        identifiers: Sequence[Query],
        changes: bytes,
        valid_until: int,
        actor: Actor,
    ) -> Revised:
        """Change details and end of live signals, by id or by what was published: all of them or none.

        `changes` is a JSON object: each key replaces that key of the details, null takes it away; empty: none.
        `valid_until` in ms UTC; 0: as it is. Errors: NotFound, Invalid, Refused, Frozen, Exhausted.
        """
        own = self._feeds.get(feed)
        revision = Revision.read(changes, valid_until, now=self._clock(), count=len(signals) + len(identifiers))
        tags = await asyncio.to_thread(self._tags_of, own, identifiers)
        lifetimes = self._lifetimes()
        return await self._writer.submit(
            lambda tx: revise(tx, own, signals, tags, revision, lifetimes=lifetimes, key=self._data_key, actor=actor)
        )

    def _tags_of(self, own: OwnFeed, identifiers: Sequence[Query]) -> list[list[tuple[int, bytes]]]:
        """For each identifier, its (type, tag) under every epoch of the own records; in a clear feed itself."""
        keys = self._keys.tagging(own.community) if identifiers and not own.clear else ()
        found: list[list[tuple[int, bytes]]] = []
        unsafe = self._profiles.refused()
        for query in identifiers:
            if query.type in unsafe:
                raise Refused(unsafe[query.type])
            try:
                kind = by_name(query.type)
                canonical = canonicalise(query.type, query.value, region=query.region or None)
            except Rejected as error:
                raise Invalid(f"one of the identifiers ({query.type}) is not valid: {error.sentence}") from error
            if kind.clear or own.clear:
                found.append([(kind.code, clear_tag(canonical))] if kind.clear and own.clear else [])
                continue
            request = [TagRequest(kind.profile, kind.scope, canonical)]
            found.append([(kind.code, tag_batch(key, request)[0]) for key in keys])
        return found


def _check_size(fields: Sequence[bytes], rows: Sequence[RowIn]) -> None:
    if len(rows) > PUBLISH_ROWS or any(row.fields >= len(fields) for row in rows):
        raise Invalid(f"a chunk of {len(rows)} rows with {len(fields)} details; at most {PUBLISH_ROWS} rows fit")


def _commit(
    tx: Tx,
    own: OwnFeed,
    epoch: int,
    batch: Batch,
    blobs: Sequence[bytes],
    lifetimes: Lifetimes,
    actor: Actor,
) -> ChunkResult:
    refused = batch.refused
    held = records.by_tags(tx.sql, own.log, [(item.code, item.tag) for item in batch.ready])
    digests = [digest(blob) for blob in blobs]
    entries, signals, counts = Entries(), list[int](), {"published": 0, "revised": 0, "unchanged": 0}
    changed: dict[tuple[int, bytes], OwnRecord] = {}
    first = tx.next_index(own.log)
    for item in batch.ready:
        current = held.get((item.code, item.tag))
        wanted = wanted_record(item, epoch, digests[item.row.fields], tx.now, lifetimes)
        if current is not None and current.live(tx.now) and not records.differs(current, wanted, item.row.valid_until):
            counts["unchanged"] += 1
            signals.append(current.signal)
            if item.sealed and not current.sealed:
                held[item.code, item.tag] = changed[item.code, item.tag] = current._replace(sealed=item.sealed)
            continue
        revises = current is not None and current.live(tx.now)
        signal = current.signal if current is not None and revises else first + len(entries.kinds)
        record = wanted._replace(signal=signal)
        entries.add(Kind.REVISE if revises else Kind.ASSERT, record, signal if revises else None, item.row.fields)
        counts["revised" if revises else "published"] += 1
        signals.append(signal)
        held[item.code, item.tag] = changed[item.code, item.tag] = record
    if entries.kinds:
        tx.append(own.log, entries.rows(), blobs, np.asarray(entries.blobs, np.uint32))
    records.store(tx.sql, own.log, changed.values())
    if entries.kinds or refused:
        extra = {"refused": len(refused), "overridden": batch.overridden}
        totals = {key: count for key, count in {**counts, **extra}.items() if count}
        result = "partial" if refused else "ok"
        tx.audit("signal.published", actor=actor, result=result, counts=totals, about={"feed": own.name})
    return ChunkResult(
        tx.next_index(own.log),
        **counts,
        refused=tuple(refused),
        warnings=tuple(batch.warned),
        signals=tuple(signals),
        overridden=batch.overridden,
        widest=batch.widest,
    )


def _withdraw(
    tx: Tx,
    own: OwnFeed,
    signals: Sequence[int],
    identifiers: Sequence[Sequence[tuple[int, bytes]]],
    blob: bytes,
    reason: str,
    actor: Actor,
) -> Withdrawn:
    asked = records.named(tx.sql, own.log, signals, identifiers)
    found = {record.signal: record for record in asked if record is not None}
    already = tuple(signal for signal, record in found.items() if record.withdrawn)
    taken = [record for record in found.values() if not record.withdrawn]
    if taken:
        rows = empty_rows(len(taken))
        rows["kind"], rows["ref"] = Kind.WITHDRAW, np.asarray([record.signal for record in taken], np.uint64)
        tx.append(own.log, rows, [blob], np.zeros(len(taken), np.uint32))
        records.store(tx.sql, own.log, [record._replace(withdrawn=True) for record in taken])
        counts = {"withdrawn": len(taken)}
        tx.audit("signal.withdrawn", actor=actor, why=reason, counts=counts, about={"feed": own.name})
    size = tx.next_index(own.log)
    return Withdrawn(size, tuple(record.signal for record in taken), already, asked.count(None))
