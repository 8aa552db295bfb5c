"""One Follow stream at the side that serves: deliveries from the store, credit, heartbeats, acknowledgements.

Three loops run side by side and end together. *Deliver* sends the next stored run while fewer than UNACKNOWLEDGED
deliveries are under way, else waits for an ack or a commit, with a heartbeat for every `heartbeat_s` without either.
The audience is asked before every message, so that narrowing it counts at once: who was given entries and is no
recipient any more gets the rest *withheld*, but for the withdrawals of what it was given (`log/withheld`). *Receive*
checks each ack against what was sent and gives the credit back. *Record* makes acks durable: a delivery counts once the
follower says it is in *its* store, and both audit logs name its exchange id.

A stored run ends at a size this node has signed, so it travels as it is; a follower that stands inside one gets the
rest of it. The store is read in a thread.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import Message

from tocsin.v1 import signals_pb2
from tocsin_crypto.checkpoint import parse_checkpoint
from tocsin_crypto.ed25519 import Random
from tocsin_crypto.merkle import HASH_BYTES
from tocsin_crypto.note import parse
from tocsin_node.errors import Invalid, NotFound, Refused, Unsound
from tocsin_node.exchange import wire
from tocsin_node.exchange.cutoff import first
from tocsin_node.exchange.offers import NO_SUCH_FEED
from tocsin_node.limits import UNACKNOWLEDGED, UNRECORDED
from tocsin_node.log import runs
from tocsin_node.log.envelope import Actor
from tocsin_node.log.head import latest_checkpoint
from tocsin_node.log.tx import Tx
from tocsin_node.log.withheld import Gaps, forget_gaps, gaps_of, note_gap, withhold
from tocsin_node.log.writer import Writer
from tocsin_node.segment import codec
from tocsin_node.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery under way."""

    size: int
    root: bytes
    exchange: bytes
    entries: int
    bytes: int
    withheld: int = 0
    """Entries of it that travelled as leaf hashes only."""
    began: float = 0.0
    """When it was sent, by `time.perf_counter`."""


@dataclass(frozen=True, slots=True)
class Served:
    """Which feed is sent to whom; `allowed` and `full` are asked before every message.

    `own` says that the node here publishes it; `held` is how many entries the peer has shown to hold.
    """

    peer: str
    log: int
    origin: str
    allowed: Callable[[], bool]
    full: Callable[[], bool]
    own: bool
    held: int


class Sending:
    """One stream; `run` once."""

    def __init__(
        self,
        *,
        served: Served,
        start: int,
        proved: Sequence[Sent],
        store: Store,
        writer: Writer,
        reads: Executor,
        wake: asyncio.Event,
        random: Random,
        heartbeat_s: float,
        on_trip: Callable[[float], None],
        receive: Callable[[], AsyncIterator[wire.Ack]],
        send: Callable[[Message], Any],
    ) -> None:
        self._served = served
        self._peer, self._log = served.peer, served.log
        self._next = start
        self._held = served.held
        self._store = store
        self._writer = writer
        self._reads = reads
        self._wake = wake
        self._random = random
        self._heartbeat_s = heartbeat_s
        self._on_trip = on_trip
        self._receive = receive
        self._send = send
        self._under_way: deque[Sent] = deque()
        self._taken: asyncio.Queue[Sent] = asyncio.Queue(UNRECORDED)
        for sent in proved:
            self._taken.put_nowait(sent)

    async def run(self) -> None:
        """Serve until the follower closes the stream. Errors: NotFound, Invalid, Unsound, and those of the store."""
        try:
            await first(self._deliver(), self._take(), self._record())
        finally:
            await self._record_rest()

    async def _deliver(self) -> None:
        idle = False
        while True:
            self._wake.clear()
            if not self._served.allowed():
                raise NotFound(NO_SUCH_FEED)
            if self._may_send():
                await self._send_next()
            elif idle:
                await self._send(wire.to_heartbeat(await self._in_thread(self._latest)))
            idle = not await self._woken()

    async def _woken(self) -> bool:
        """Whether there is something to send, now or before the next heartbeat is due."""
        if self._may_send():
            return True
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return await self._wake.wait()
        except TimeoutError:
            return False

    def _may_send(self) -> bool:
        return self._next < self._writer.heads[self._served.log].size and len(self._under_way) < UNACKNOWLEDGED

    async def _send_next(self) -> None:
        exchange = self._random(wire.EXCHANGE_ID_BYTES)
        stored, note, end, gaps = await self._in_thread(self._read)
        if self._served.full():
            if gaps and gaps[-1][1] > self._next:
                await self._in_writer(lambda tx, start=self._next: forget_gaps(tx.sql, self._peer, self._log, start))
            segment, self._held = await self._in_thread(lambda: self._whole(stored)), max(self._held, end)
        else:
            gap = (max(self._next, self._held), end)
            if gap[0] < end:
                await self._in_writer(lambda tx: note_gap(tx.sql, self._peer, self._log, gap))
            segment = await self._in_thread(lambda: withhold(codec.decode(stored), self._next, self._held, gaps))
        if not self._served.allowed():
            raise NotFound(NO_SUCH_FEED)
        root, withheld = parse_checkpoint(parse(note).text).root, sum(len(one.leaves) for one in segment.absent)
        sent = Sent(end, root, exchange, end - self._next, segment.ByteSize(), withheld // HASH_BYTES)
        self._under_way.append(replace(sent, began=time.perf_counter()))
        self._next = end
        await self._send(wire.to_delivery(segment, note, exchange))

    def _whole(self, stored: signals_pb2.Segment) -> signals_pb2.Segment:
        return stored if stored.first == self._next else runs.cut(codec.decode(stored), self._next)

    async def _take(self) -> None:
        async for ack in self._receive():
            sizes = [sent.size for sent in self._under_way]
            if ack.size not in sizes:
                raise Invalid(f"an ack of size {ack.size}, which is not under way")
            acknowledged = self._under_way[sizes.index(ack.size)]
            if ack.root != acknowledged.root:
                raise Invalid(f"an ack of another root than was delivered for size {ack.size}")
            self._on_trip(time.perf_counter() - acknowledged.began)
            while self._under_way and self._under_way[0].size <= ack.size:
                await self._taken.put(self._under_way.popleft())
            self._wake.set()

    async def _record(self) -> None:
        while True:
            batch = [await self._taken.get(), *self._waiting()]
            await asyncio.shield(self._writer.submit(lambda tx, batch=batch: self._store_taken(tx, batch)))

    async def _record_rest(self) -> None:
        if batch := self._waiting():
            await asyncio.shield(self._writer.submit(lambda tx: self._store_taken(tx, batch)))

    def _waiting(self) -> list[Sent]:
        return [self._taken.get_nowait() for _ in range(self._taken.qsize())]

    def _store_taken(self, tx: Tx, batch: Sequence[Sent]) -> None:
        peer = self._served.peer
        tx.sql.execute(
            "INSERT INTO delivery (peer, log, size, at) VALUES (?, ?, ?, ?) ON CONFLICT (peer, log) DO UPDATE "
            "SET size = excluded.size, at = excluded.at WHERE excluded.size > delivery.size",
            (peer, self._served.log, batch[-1].size, tx.now),
        )
        for sent in batch:
            tx.audit(
                "signal.delivered",
                actor=Actor("peer", peer),
                peer=peer,
                exchange=sent.exchange,
                counts={"entries": sent.entries, "bytes": sent.bytes, "size": sent.size}
                | ({"withheld": sent.withheld} if sent.withheld else {}),
                about={"origin": self._served.origin},
            )

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._reads, function)

    async def _in_writer(self, operation: Callable[[Tx], None]) -> None:
        await asyncio.shield(asyncio.ensure_future(self._writer.submit(operation)))

    def _read(self) -> tuple[signals_pb2.Segment, bytes, int, Gaps]:
        log, index = self._served.log, self._next
        with self._store.read() as session:
            found = runs.read_run(session, log, index)
            if found is None:
                raise Unsound(f"{self._served.origin}: entry {index} is not in the store")
            segment, end = found
            note = session.one("SELECT note FROM checkpoint WHERE log = ? AND size = ?", (log, end))
            gaps = gaps_of(session, self._peer, log) if self._served.own else ()
        if note is None:
            raise Unsound(f"{self._served.origin}: size {end} has no checkpoint in the store")
        if segment.absent:
            raise Refused(f"entries of {self._served.origin} were withheld from this node, so it cannot serve them")
        return segment, bytes(note[0]), end, gaps

    def _latest(self) -> bytes:
        with self._store.read() as session:
            found = latest_checkpoint(session, self._served.log)
        return b"" if found is None else found[1]
