"""Following one feed over one stream: verify, commit, acknowledge, in a pipeline.

The reader verifies each delivery against the position after the last one (a worker process does the hashing of all but
small segments) and hands it on; the committer stores it, with its audit entry, in order, and acknowledges what is
durable. So the next segment is hashed while the last one is written. A false message stops the feed, with that message
as evidence; an unreachable publisher ends the stream, and the link tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tocsin_node.errors import Misbehaviour, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import Descriptor, Fault, attempt, compare, read_descriptor
from tocsin_node.exchange.copy import Copy
from tocsin_node.exchange.cutoff import first
from tocsin_node.exchange.lag import Lag
from tocsin_node.limits import INLINE_ENTRIES, UNACKNOWLEDGED
from tocsin_node.segment.verify import Accepted, Position
from tocsin_node.workers import Workers


@dataclass(frozen=True, slots=True)
class _Verified:
    delivery: wire.Delivery
    accepted: Accepted
    descriptor: Descriptor | None


class Follower:
    """One stream of one feed; `run` once."""

    def __init__(
        self,
        *,
        copy: Copy,
        key: bytes,
        workers: Workers,
        silence_s: float,
        lag: Lag,
        clock: Callable[[], int],
        read: Callable[[], Awaitable[Any]],
        write: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._copy = copy
        self._position = copy.position(key)
        self._workers = workers
        self._silence_s = silence_s
        self._lag = lag
        self._clock = clock
        self._read = read
        self._write = write
        self._waiting: asyncio.Queue[_Verified] = asyncio.Queue(UNACKNOWLEDGED)
        lag.stored(copy.size)

    async def run(self) -> None:
        """Follow until the stream ends. Errors: Unreachable. A feed that misbehaves is stopped, and this returns."""
        await self._write(wire.to_open(wire.Open(self._copy.origin, self._position.size, self._copy.checkpoint())))
        await first(self._receive(), self._commit())

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    data = await self._read()
            except TimeoutError:
                raise Unreachable(f"nothing was heard of {self._copy.origin} for {self._silence_s:.0f} s") from None
            if not isinstance(data, bytes):
                raise Unreachable(f"the publisher ended the stream of {self._copy.origin}")
            try:
                await self._take(data)
            except Misbehaviour as error:
                await self._waiting.join()  # what came before the false message is good, and stored
                await self._copy.stop(error, data)
                return

    async def _take(self, data: bytes) -> None:
        match wire.from_publisher(data):
            case wire.Delivery() as delivery:
                await self._waiting.put(await self._verify(delivery))
            case wire.Heartbeat(checkpoint):
                if checkpoint:
                    self._learned(compare(self._position, checkpoint, self._copy.root_at))
                await self._copy.heard()
            case None:
                pass

    async def _verify(self, delivery: wire.Delivery) -> _Verified:
        before: Position = self._position
        work = (before, delivery.segment, delivery.checkpoint)
        small = delivery.count <= INLINE_ENTRIES
        accepted = attempt(*work) if small else await self._workers.run(attempt, *work)
        if isinstance(accepted, Fault):
            raise Misbehaviour(accepted.code, accepted.sentence)
        descriptor = None
        if before.size == 0:
            descriptor = read_descriptor(accepted, publisher=self._copy.publisher, origin=self._copy.origin)
        self._position = before.after(accepted)
        self._learned(accepted.size)
        return _Verified(delivery, accepted, descriptor)

    async def _commit(self) -> None:
        while True:
            verified = await self._waiting.get()
            await self._copy.commit(verified.delivery, verified.accepted, verified.descriptor)
            self._lag.stored(self._copy.size)
            self._waiting.task_done()
            await self._write(wire.to_ack(wire.Ack(verified.accepted.size, verified.accepted.root)))

    def _learned(self, size: int) -> None:
        self._lag.learned(size, held=self._copy.size, now=self._clock())
