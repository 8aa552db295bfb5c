"""Calls of role publish: Publish, Withdraw, ReviseSignals, ShowSignal."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from tocsin.v1 import node_pb2 as pb
from tocsin_node.community.held import Epoch
from tocsin_node.errors import Invalid, NotFound
from tocsin_node.life.read import life
from tocsin_node.life.show import Shown, show
from tocsin_node.local import wire
from tocsin_node.local.calls import off_loop
from tocsin_node.local.turns import in_turn
from tocsin_node.log.envelope import Actor
from tocsin_node.log.runs import deliveries
from tocsin_node.match.feeds import FeedBook
from tocsin_node.match.index import MatchIndex
from tocsin_node.match.judge import Judge
from tocsin_node.meter import Meter
from tocsin_node.publish import records
from tocsin_node.publish.prepare import identifier
from tocsin_node.publish.service import Publisher
from tocsin_node.store.protocol import Store


class Epochs(Protocol):
    """What this node holds of communities."""

    def epochs(self, community: str) -> Sequence[Epoch]:
        """The epochs held of a community; none where this node is no member."""
        ...


class PublishCalls:
    """Handlers of what publishers' applications may do."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        book: FeedBook,
        judge: Judge,
        index: MatchIndex,
        epochs: Epochs,
        store: Store,
        data_key: bytes,
        clock: Callable[[], int],
        meter: Meter,
    ) -> None:
        self._meter = meter
        self._publisher = publisher
        self._book = book
        self._judge = judge
        self._index = index
        self._epochs = epochs
        self._store = store
        self._data_key = data_key
        self._clock = clock

    async def publish(
        self, requests: AsyncIterator[pb.PublishRequest], actor: Actor
    ) -> AsyncGenerator[pb.PublishResponse, None]:
        """One answer per chunk, after its commit; the next ones are made ready meanwhile. A dry run commits nothing."""
        feed, dry = "", False

        async def chunks() -> AsyncGenerator[pb.PublishChunk]:
            nonlocal feed, dry
            async for request in requests:
                match request.WhichOneof("message"):
                    case "start" if not feed:
                        feed, dry = self._own(request.start.feed), request.start.dry_run
                    case "chunk" if feed:
                        yield request.chunk
                    case _:
                        raise Invalid("a Publish stream is one start, then chunks")

        async def answer(
            chunk: pb.PublishChunk, before: "asyncio.Task[pb.PublishResponse] | None"
        ) -> pb.PublishResponse:
            fields, rows = await off_loop(len(chunk.rows), wire.chunk, chunk)
            if dry:
                return await off_loop(len(rows), wire.trial_result, await self._publisher.try_out(feed, fields, rows))
            result = await self._publisher.publish(feed, fields, rows, actor=actor, after=before)
            self._meter.published(
                published=result.published,
                revised=result.revised,
                unchanged=result.unchanged,
                refused=[one.reason for one in result.refused],
            )
            return await off_loop(len(rows), wire.chunk_result, result)

        async with aclosing(in_turn(chunks(), answer)) as answers:
            async for response in answers:
                yield response

    def _own(self, name: str) -> str:
        """The origin of an own feed, before any row is read. Errors: NotFound."""
        facts = self._book.find(wire.feed_name(name))
        if facts.kind != "own":
            raise NotFound(f"this node does not publish {facts.origin}")
        return facts.origin

    async def withdraw(self, request: pb.WithdrawRequest, actor: Actor) -> pb.WithdrawResponse:
        """Take signals back."""
        signals, identifiers = wire.withdrawal(request)
        result = await self._publisher.withdraw(
            wire.feed_name(request.feed),
            signals=signals,
            identifiers=identifiers,
            reason=request.reason,
            required_action=request.required_action,
            actor=actor,
        )
        self._meter.withdrawn(len(result.withdrawn))
        return wire.withdrawn(result)

    async def revise(self, request: pb.ReviseSignalsRequest, actor: Actor) -> pb.ReviseSignalsResponse:
        """Change live signals: all that are named, or none."""
        signals, identifiers = wire.revision(request)
        result = await self._publisher.revise(
            wire.feed_name(request.feed),
            signals=signals,
            identifiers=identifiers,
            changes=request.changes,
            valid_until=request.valid_until,
            actor=actor,
        )
        return wire.revised(result)

    async def show(self, request: pb.ShowSignalRequest, actor: Actor) -> pb.ShowSignalResponse:  # noqa: ARG002
        """A signal's whole life, own or followed."""
        found = await asyncio.to_thread(self._show, wire.feed_name(request.feed), request.signal)
        return wire.shown(found)

    def _show(self, feed: str, signal: int) -> Shown:
        facts = self._book.find(feed)
        with self._store.read() as session:
            events, left_out = life(session, facts.log, facts.origin, signal)
            own = records.by_signals(session, facts.log, [signal]).get(signal)
            delivered = [one for one in deliveries(session) if one.log == facts.log]
        return show(
            facts,
            events,
            left_out=left_out,
            holder=lambda event: self._index.signal_of(facts.log, event.entry.tag, event.entry.type, event.entry.epoch),
            judge=self._judge,
            book=self._book,
            epochs=self._epochs.epochs(facts.community),
            delivered=delivered,
            identifier=identifier(own, facts.origin, self._data_key) if own else "",
            now=self._clock(),
        )
