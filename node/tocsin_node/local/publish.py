"""Calls of role publish: Publish, Withdraw, ShowSignal."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from tocsin.v1 import node_pb2 as pb
from tocsin_node.errors import Invalid, NotFound
from tocsin_node.local import wire
from tocsin_node.local.calls import off_loop
from tocsin_node.log.envelope import Actor
from tocsin_node.log.runs import deliveries
from tocsin_node.match.feeds import FeedBook, FeedFacts
from tocsin_node.match.judge import Judge
from tocsin_node.policy.effect import Effect
from tocsin_node.publish import records
from tocsin_node.publish.life import LifeEvent, life, state_of
from tocsin_node.publish.prepare import unseal
from tocsin_node.publish.service import Publisher
from tocsin_node.store.protocol import Store
from tocsin_signals.details import decode
from tocsin_signals.errors import Rejected
from tocsin_signals.types import by_code


class PublishCalls:
    """Handlers of what publishers' applications may do."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        book: FeedBook,
        judge: Judge,
        store: Store,
        data_key: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._publisher = publisher
        self._book = book
        self._judge = judge
        self._store = store
        self._data_key = data_key
        self._clock = clock

    async def publish(
        self, requests: AsyncIterator[pb.PublishRequest], actor: Actor
    ) -> AsyncGenerator[pb.PublishResponse, None]:
        """One answer per chunk, after its commit."""
        feed = ""
        async for request in requests:
            match request.WhichOneof("message"):
                case "start" if not feed:
                    feed = self._own(request.start.feed)
                case "chunk" if feed:
                    fields, rows = await off_loop(len(request.chunk.rows), wire.chunk, request.chunk)
                    result = await self._publisher.publish(feed, fields, rows, actor=actor)
                    yield wire.chunk_result(result)
                case _:
                    raise Invalid("a Publish stream is one start, then chunks")

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
        return wire.withdrawn(result)

    async def show(self, request: pb.ShowSignalRequest, actor: Actor) -> pb.ShowSignalResponse:  # noqa: ARG002
        """A signal's whole life, own or followed."""
        return await asyncio.to_thread(self._show, wire.feed_name(request.feed), request.signal)

    def _show(self, feed: str, signal: int) -> pb.ShowSignalResponse:
        facts = self._book.find(feed)
        with self._store.read() as session:
            events = life(session, facts.log, facts.origin, signal)
            own = records.by_signals(session, facts.log, [signal]).get(signal)
            delivered = [one for one in deliveries(session) if one.log == facts.log and one.size > events[-1].index]
        asserted = [event for event in events if event.kind != "withdraw"][-1]
        kind = by_code(asserted.type)
        state = state_of(events, self._clock())
        effect, rule = self._decided(facts, asserted) if state == "live" else (Effect.IGNORE, "")
        identifier = unseal(own.sealed, facts.origin, own.type, self._data_key) if own else ""
        return pb.ShowSignalResponse(
            feed=facts.origin,
            publisher=facts.publisher,
            signal=signal,
            type=kind.name if kind else f"unknown type {asserted.type:#06x}",
            tag=asserted.tag[:4].hex(),
            state=state,
            effect=wire.effect(effect),
            rule=rule,
            events=wire.events(events),
            delivered=wire.deliveries(delivered),
            identifier=identifier,
        )

    def _decided(self, facts: FeedFacts, asserted: LifeEvent) -> tuple[Effect, str]:
        try:
            said = decode(asserted.details)
        except Rejected:
            said = None
        decision = self._judge.decide(facts, asserted.type, said)
        return (decision.effect, decision.rule) if decision else (Effect.IGNORE, "not-understood")
