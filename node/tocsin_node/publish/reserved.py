"""Keeping probe signals in own feeds: for every type a feed uses, the reserved values of that type.

Rules:

1. They are ordinary own records and entries: tagged under the newest epoch, sealed, carried over by `retag`; their
   details are the mark and the stance `test`. Neither guard nor `[lifetimes]` looks at them.
2. A feed has them for the types it has live signals of, and keeps them when those end; an empty feed has none. A type
   whose profile fails its self-check gets none.
3. To do it again changes nothing; what was withdrawn by hand or ends soon is asserted or extended again.
4. A value that an earlier version let somebody publish stays theirs.
5. At the first look after a start, probes under other tags than this software makes are withdrawn: a version that made
   them wrongly would be an alarm at every follower for as long as they lived.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_node.errors import NodeError
from tocsin_node.log.envelope import SYSTEM
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.publish import records
from tocsin_node.publish.blobs import salted
from tocsin_node.publish.entries import Entries
from tocsin_node.publish.feeds import OwnFeed
from tocsin_node.publish.lifetimes import DAY_MS
from tocsin_node.publish.prepare import seal
from tocsin_node.publish.records import OwnRecord
from tocsin_node.publish.retag import Retagger
from tocsin_node.store.protocol import Store
from tocsin_signals.details import Withdrawal, digest
from tocsin_signals.entry import Kind, empty_rows
from tocsin_signals.probes import MARK, MARK_KEY, RESERVED, Reserved, reserved_for
from tocsin_signals.types import by_name

LIFE_MS: Final = 365 * DAY_MS
RENEW_MS: Final = 60 * DAY_MS  # before the end: a node that is down for weeks still has them
_DETAILS: Final = {MARK_KEY: MARK, "stance": "test"}
_CODES: Final = tuple(by_name(name).code for name in RESERVED)


class Profiles(Protocol):
    """Which types this node may publish."""

    def refused(self) -> Mapping[str, str]:
        """Why a type is not, by its name."""
        ...


class ProbeKeeper:
    """Keeps them; `keep` may be repeated and interrupted."""

    def __init__(
        self,
        *,
        store: Store,
        writer: Writer,
        retagger: Retagger,
        profiles: Profiles,
        publishing: Callable[[str, int], EpochKey],
        data_key: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._writer = writer
        self._retagger = retagger
        self._profiles = profiles
        self._publishing = publishing
        self._data_key = data_key
        self._clock = clock
        self._blob = salted(_DETAILS, data_key)
        self._digest = digest(self._blob)
        self._withdrawal = salted(Withdrawal("test_data", "stop_matching").fields(), data_key)
        self._looked: set[int] = set()  # logs looked through for strays

    async def keep(self, feed: OwnFeed) -> int:
        """Append what is missing; returns how many entries. Errors: Refused without an epoch, those of the writer."""
        values = await asyncio.to_thread(self._values, feed.log)
        if not values:
            return 0
        key = self._publishing(feed.community, self._clock())
        await self._retagger.ensure(feed, key)
        wanted = self._records(values, feed, key)
        strays = [] if feed.log in self._looked else await asyncio.to_thread(self._strays, feed.log, wanted)

        def operation(tx: Tx) -> int:
            if self._retagger.overtaken(feed.log, key.epoch):
                return 0  # the next look does it under the newer epoch
            return self._retire(tx, feed, strays) + self._append(tx, feed, wanted)

        done = await self._writer.submit(operation)
        self._looked.add(feed.log)
        return done

    def count(self, feed: OwnFeed) -> int:
        """How many live signals of an own feed are probes; 0 where no epoch is open to tell by."""
        now = self._clock()
        try:
            key = self._publishing(feed.community, now)
        except NodeError:
            return 0
        wanted = [(one.type, one.tag) for one in self._records(reserved_for(_CODES), feed, key)]
        with self._store.read() as session:
            held = records.by_tags(session, feed.log, wanted).values()
        return sum(one.live(now) and one.details == self._digest for one in held)

    def _values(self, log: int) -> tuple[Reserved, ...]:
        with self._store.read() as session:
            codes = records.live_types(session, log, _CODES, self._clock())
        refused = self._profiles.refused()
        return tuple(one for one in reserved_for(codes) if one.type_name not in refused)

    def _strays(self, log: int, wanted: Sequence[OwnRecord]) -> list[int]:
        """Live probe signals of the same types that are not among those wanted."""
        tags = {(one.type, one.tag) for one in wanted}
        with self._store.read() as session:
            held = records.live_with(session, log, self._digest, self._clock())
        types = {one.type for one in wanted}
        return [one.signal for one in held if one.type in types and (one.type, one.tag) not in tags]

    def _retire(self, tx: Tx, feed: OwnFeed, strays: Sequence[int]) -> int:
        held = records.by_signals(tx.sql, feed.log, strays).values()
        taken = [one for one in held if not one.withdrawn and one.details == self._digest]
        if taken:
            rows = empty_rows(len(taken))
            rows["kind"], rows["ref"] = Kind.WITHDRAW, np.asarray([one.signal for one in taken], np.uint64)
            tx.append(feed.log, rows, [self._withdrawal], np.zeros(len(taken), np.uint32))
            records.store(tx.sql, feed.log, [one._replace(withdrawn=True) for one in taken])
            tx.audit("probe.withdrawn", actor=SYSTEM, counts={"entries": len(taken)}, about={"feed": feed.name})
        return len(taken)

    def _records(self, values: Sequence[Reserved], feed: OwnFeed, key: EpochKey) -> list[OwnRecord]:
        """Their records under a key, without id and end."""
        kinds, forms = [by_name(one.type_name) for one in values], [one.canonical for one in values]
        requests = [TagRequest(kind.profile, kind.scope, form) for kind, form in zip(kinds, forms, strict=True)]
        return [
            OwnRecord(
                kind.code,
                tag,
                key.epoch,
                0,
                self._digest,
                0,
                withdrawn=False,
                sealed=seal(form, feed.origin, kind.code, self._data_key),
            )
            for kind, form, tag in zip(kinds, forms, tag_batch(key, requests), strict=True)
        ]

    def _append(self, tx: Tx, feed: OwnFeed, wanted: Sequence[OwnRecord]) -> int:
        held = records.by_tags(tx.sql, feed.log, [(one.type, one.tag) for one in wanted])
        first, until = tx.next_index(feed.log), tx.now + LIFE_MS
        entries, changed = Entries(), list[OwnRecord]()
        for one in wanted:
            current = held.get((one.type, one.tag))
            if current is None or not current.live(tx.now):
                changed.append(one._replace(signal=first + len(entries.kinds), valid_until=until))
                entries.add(Kind.ASSERT, changed[-1], None, 0)
            elif current.details != self._digest:
                continue
            elif current.valid_until - tx.now < RENEW_MS:
                changed.append(current._replace(valid_until=until, sealed=one.sealed))
                entries.add(Kind.REVISE, changed[-1], current.signal, 0)
            elif not current.sealed:  # came back from a follower
                changed.append(current._replace(sealed=one.sealed))
        if entries.kinds:
            tx.append(feed.log, entries.rows(), [self._blob], np.zeros(len(entries.kinds), np.uint32))
            counts = {"entries": len(entries.kinds)}
            tx.audit("probe.published", actor=SYSTEM, counts=counts, about={"feed": feed.name})
        records.store(tx.sql, feed.log, changed)
        return len(entries.kinds)
