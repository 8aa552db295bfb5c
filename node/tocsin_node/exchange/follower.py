"""Following one feed over one stream: examine, conclude, commit, acknowledge, in a pipeline.

Three loops run side by side and end together. *Receive* reads messages and has every delivery examined by itself (a
worker process decodes and hashes all but small segments), several at a time. *Judge* takes them in their order: each is
concluded against the position after the one before it, and what the policy makes of it is counted. *Commit* stores
whatever is ready in one transaction, with an audit entry for each, and acknowledges what is durable.

A false message stops the feed, with that message as evidence, after what came before it is stored; an unreachable
publisher ends the stream, and the link tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tocsin_node.errors import Misbehaviour, Unreachable, Unsound
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import Fault, attempt, compare, place
from tocsin_node.exchange.copy import Copy, Verified
from tocsin_node.exchange.cutoff import first
from tocsin_node.exchange.lag import Lag
from tocsin_node.limits import INLINE_ENTRIES, UNACKNOWLEDGED
from tocsin_node.segment.verify import Examined
from tocsin_node.workers import Workers

_Found: TypeAlias = "asyncio.Future[Examined | Fault] | asyncio.Future[Examined | Fault | None]"


@dataclass(frozen=True, slots=True)
class _Received:
    """A message as it came, and what is being made of it."""

    data: bytes
    found: _Found
    message: wire.Delivery | wire.Heartbeat | None


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
        self._received: asyncio.Queue[_Received] = asyncio.Queue(UNACKNOWLEDGED)
        self._judged: asyncio.Queue[Verified] = asyncio.Queue(UNACKNOWLEDGED)
        lag.stored(copy.size)

    async def run(self) -> None:
        """Follow until the stream ends. Errors: Unreachable. A feed that misbehaves is stopped, and this returns."""
        await self._write(wire.to_open(wire.Open(self._copy.origin, self._position.size, self._copy.checkpoint())))
        try:
            await first(self._receive(), self._judge(), self._commit())
        finally:
            while not self._received.empty():
                self._received.get_nowait().found.cancel()

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    data = await self._read()
            except TimeoutError:
                raise Unreachable(f"nothing was heard of {self._copy.origin} for {self._silence_s:.0f} s") from None
            if not isinstance(data, bytes):
                raise Unreachable(f"the publisher ended the stream of {self._copy.origin}")
            await self._received.put(self._begin(data))

    def _begin(self, data: bytes) -> _Received:
        try:
            message = wire.from_publisher(data)
        except Misbehaviour as error:
            return _Received(data, _known(Fault(error.code, str(error))), None)
        if not isinstance(message, wire.Delivery):
            return _Received(data, _known(None), message)
        if message.count <= INLINE_ENTRIES:
            return _Received(data, _known(attempt(message.segment)), message)
        return _Received(data, asyncio.ensure_future(self._workers.run(attempt, message.segment)), message)

    async def _judge(self) -> None:
        while True:
            received = await self._received.get()
            try:
                await self._take(received.message, await received.found)
            except Misbehaviour as error:
                await self._judged.join()  # what came before the false message is good, and stored
                await self._copy.stop(error, received.data)
                return

    async def _take(self, message: wire.Delivery | wire.Heartbeat | None, found: Examined | Fault | None) -> None:
        match message:
            case wire.Delivery() as delivery:
                await self._judged.put(await self._conclude(delivery, found))
            case wire.Heartbeat(checkpoint):
                if checkpoint:
                    self._learned(compare(self._position, checkpoint, self._copy.root_at))
                await self._copy.heard()
            case None if isinstance(found, Fault):
                raise Misbehaviour(found.code, found.sentence)
            case None:
                pass

    async def _conclude(self, delivery: wire.Delivery, found: Examined | Fault | None) -> Verified:
        before = self._position
        signed = place(before, delivery.first, delivery.count, delivery.checkpoint)
        if not isinstance(found, Examined):
            raise Misbehaviour(found.code, found.sentence) if found else Unsound("a delivery was not examined")
        verified = await self._copy.judge(before, signed, found, delivery)
        self._position = before.after(verified.accepted)
        self._learned(verified.accepted.size)
        return verified

    async def _commit(self) -> None:
        while True:
            batch = [await self._judged.get()]
            batch += [self._judged.get_nowait() for _ in range(self._judged.qsize())]
            await self._copy.commit(batch)
            self._lag.stored(self._copy.size)
            for _ in batch:
                self._judged.task_done()
            last = batch[-1].accepted
            await self._write(wire.to_ack(wire.Ack(last.size, last.root)))

    def _learned(self, size: int) -> None:
        self._lag.learned(size, held=self._copy.size, now=self._clock())


def _known(found: Examined | Fault | None) -> "asyncio.Future[Examined | Fault | None]":
    future: asyncio.Future[Examined | Fault | None] = asyncio.get_running_loop().create_future()
    future.set_result(found)
    return future
