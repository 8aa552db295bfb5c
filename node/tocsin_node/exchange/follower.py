"""Following one feed over one stream: examine, conclude, commit, acknowledge, in a pipeline.

Three loops run side by side and end together. *Receive* reads messages and has every delivery examined by itself (a
worker process decodes, hashes and decides all but small segments), several at a time. *Judge* takes them in their
order: each is concluded against the position after the one before it, and decided here where it was not yet, or by a
policy that does not stand any more. *Commit* stores whatever is ready in one transaction, with an audit entry for each,
and acknowledges what is durable.

A false message ends it, with that message as evidence, after what came before it is stored; an unreachable source ends
the stream, and the link tries again.

What is done with entries, signs of life and lies is the target's affair: a copy that its publisher or a relay serves,
or an own feed that a follower returns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from tocsin_node.errors import Misbehaviour, Unreachable, Unsound
from tocsin_node.exchange import wire
from tocsin_node.exchange.checking import Fault, Looked, attempt, compare, place
from tocsin_node.exchange.copy import Verified
from tocsin_node.exchange.cutoff import first
from tocsin_node.limits import INLINE_ENTRIES, UNACKNOWLEDGED
from tocsin_node.policy.bulk import Question
from tocsin_node.segment.verify import Position, Signed
from tocsin_node.workers import Workers

_Found: TypeAlias = "asyncio.Future[Looked | Fault] | asyncio.Future[Looked | Fault | None]"


class Target(Protocol):
    """Where one feed's entries go, from one source."""

    @property
    def publisher(self) -> str:
        """Whose feed it is."""
        ...

    @property
    def origin(self) -> str:
        """Of the feed."""
        ...

    def checkpoint(self) -> bytes:
        """The note of the size held; empty while there is no entry."""
        ...

    def root_at(self, size: int) -> bytes | None:
        """The root of a size that has a checkpoint here."""
        ...

    def told(self, size: int) -> None:
        """The source has shown the publisher's signature for a feed of this size."""
        ...

    def question(self) -> Question | None:
        """What is asked of the policy about every entry; None where nothing is."""
        ...

    async def judge(self, position: Position, signed: Signed, looked: Looked, delivery: wire.Delivery) -> Verified:
        """Conclude an examined delivery that may come from this source. Errors: Misbehaviour."""
        ...

    async def commit(self, batch: Sequence[Verified]) -> None:
        """Store judged deliveries; durable on return. Errors: Unreachable when the feed has moved on meanwhile."""
        ...

    async def heard(self) -> None:
        """The source spoke."""
        ...

    async def stop(self, error: Misbehaviour, proof: bytes) -> None:
        """The source sent something false: keep it, and take no more."""
        ...


@dataclass(frozen=True, slots=True)
class _Received:
    """A message as it came, and what is being made of it."""

    data: bytes
    found: _Found
    message: wire.Delivery | wire.Heartbeat | None


class Follower:
    """One stream of one feed from a position on; `run` once."""

    def __init__(
        self,
        *,
        target: Target,
        position: Position,
        workers: Workers,
        silence_s: float,
        read: Callable[[], Awaitable[Any]],
        write: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._target = target
        self._position = position
        self._workers = workers
        self._silence_s = silence_s
        self._read = read
        self._write = write
        self._received: asyncio.Queue[_Received] = asyncio.Queue(UNACKNOWLEDGED)
        self._judged: asyncio.Queue[Verified] = asyncio.Queue(UNACKNOWLEDGED)

    async def run(self) -> None:
        """Follow until the stream ends. Errors: Unreachable. After a false message the target stops, this returns."""
        await self._write(wire.to_open(wire.Open(self._target.origin, self._position.size, self._target.checkpoint())))
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
                raise Unreachable(f"nothing was heard of {self._target.origin} for {self._silence_s:.0f} s") from None
            if not isinstance(data, bytes):
                raise Unreachable(f"the stream of {self._target.origin} was ended at its source")
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
        return _Received(data, asyncio.ensure_future(self._look(message.segment)), message)

    def _look(self, segment: bytes) -> Awaitable[Looked | Fault]:
        return self._workers.run(attempt, segment, self._target.question())

    async def _judge(self) -> None:
        while True:
            received = await self._received.get()
            try:
                await self._take(received.message, await received.found)
            except Misbehaviour as error:
                await self._judged.join()  # what came before the false message is good, and stored
                await self._target.stop(error, received.data)
                return

    async def _take(self, message: wire.Delivery | wire.Heartbeat | None, found: Looked | Fault | None) -> None:
        match message:
            case wire.Delivery() as delivery:
                await self._judged.put(await self._conclude(delivery, found))
            case wire.Heartbeat(checkpoint):
                if checkpoint:
                    self._target.told(compare(self._position, checkpoint, self._target.root_at))
                await self._target.heard()
            case None if isinstance(found, Fault):
                raise Misbehaviour(found.code, found.sentence)
            case None:
                pass

    async def _conclude(self, delivery: wire.Delivery, found: Looked | Fault | None) -> Verified:
        before = self._position
        signed = place(before, delivery.first, delivery.count, delivery.checkpoint)
        if not isinstance(found, Looked):
            raise Misbehaviour(found.code, found.sentence) if found else Unsound("a delivery was not examined")
        verified = await self._target.judge(before, signed, found, delivery)
        self._position = before.after(verified.accepted)
        self._target.told(verified.accepted.size)
        return verified

    async def _commit(self) -> None:
        while True:
            batch = [await self._judged.get()]
            batch += [self._judged.get_nowait() for _ in range(self._judged.qsize())]
            await self._target.commit(batch)
            for _ in batch:
                self._judged.task_done()
            last = batch[-1].accepted
            await self._write(wire.to_ack(wire.Ack(last.size, last.root)))


def _known(found: Looked | Fault | None) -> "asyncio.Future[Looked | Fault | None]":
    future: asyncio.Future[Looked | Fault | None] = asyncio.get_running_loop().create_future()
    future.set_result(found)
    return future
