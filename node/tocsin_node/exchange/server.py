"""What peers may ask of this node: Hello, ListFeeds, Follow, Probe.

Each call is admitted by `pins`, runs beside the caller's *revoked* event, and ends with a status from the one table of
errors. Unknown and forbidden feeds get the same answer. Refused callers are counted, not logged one by one.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from tocsin.v1 import exchange_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeServicer
from tocsin_crypto.ed25519 import Random
from tocsin_node.errors import Denied, Exhausted, Misbehaviour, NodeError, Refused
from tocsin_node.exchange import opening, pins, wire
from tocsin_node.exchange.agreement import Agreements
from tocsin_node.exchange.contact import Contacts
from tocsin_node.exchange.copy import FORK, OPEN
from tocsin_node.exchange.cutoff import Context, answered, beside
from tocsin_node.exchange.greeting import Greeting, check_major
from tocsin_node.exchange.offers import Offer, Offers
from tocsin_node.exchange.own import OwnFeeds
from tocsin_node.exchange.probing import Answerer
from tocsin_node.exchange.sending import Sending, Sent, Served
from tocsin_node.exchange.wakes import Wakes
from tocsin_node.limits import STREAMS_PER_PEER
from tocsin_node.log.envelope import Actor
from tocsin_node.log.head import latest_checkpoint
from tocsin_node.log.prefix import noted_root, root_of
from tocsin_node.log.writer import Writer
from tocsin_node.meter import Meter
from tocsin_node.peers.book import Peer
from tocsin_node.peers.service import Peers
from tocsin_node.publish.feeds import Feeds
from tocsin_node.store.protocol import Store
from tocsin_node.tally import Kind, Tally

UNKNOWN_CALLER = Actor("peer", "(unknown)")


@dataclass(frozen=True, slots=True)
class Serving:
    """What the servicer works with."""

    peers: Peers
    feeds: Feeds
    own_feeds: OwnFeeds
    offers: Offers
    greeting: Greeting
    store: Store
    writer: Writer
    reads: Executor
    wakes: Wakes
    tally: Tally
    contacts: Contacts
    agreements: Agreements
    answerer: Answerer
    meter: Meter
    clock: Callable[[], int]
    random: Random
    heartbeat_s: float


class Servicer(ExchangeServicer):
    """The Exchange service; one per node."""

    def __init__(self, serving: Serving) -> None:
        self._with = serving
        self._streams: Counter[str] = Counter()

    async def Hello(self, request: pb.HelloRequest, context: Any) -> pb.HelloResponse:  # noqa: N802
        """Who this node is, for active and paused peers."""

        async def work() -> pb.HelloResponse:
            peer = self._caller(context)
            shown = wire.from_hello(request.hello)
            check_major(shown)
            self._with.contacts.skew(peer.organisation, shown.now - self._with.clock())
            peer = await self._with.peers.refresh(peer.organisation, shown.card)
            self._with.agreements.told(peer.organisation, shown)
            return pb.HelloResponse(hello=wire.to_hello(self._with.greeting.hello(peer)))

        return await answered(context, "Hello", work, self._with.meter)

    async def ListFeeds(self, request: pb.ListFeedsRequest, context: Any) -> pb.ListFeedsResponse:  # noqa: ARG002, N802
        """The feeds the caller may follow here, and its own ones that this node holds."""

        async def work() -> pb.ListFeedsResponse:
            peer = pins.require_active(self._caller(context))
            offers = self._with.offers.all(peer.organisation)
            return wire.to_feeds(wire.Offered(offer.origin, self._latest(offer.log)) for offer in offers)

        return await answered(context, "ListFeeds", work, self._with.meter)

    async def Probe(self, request: pb.ProbeRequest, context: Any) -> pb.ProbeResponse:  # noqa: N802
        """What this node makes of fresh probes."""

        async def work() -> pb.ProbeResponse:
            peer = pins.require_active(self._caller(context))
            question = wire.from_probe_request(request)
            return wire.to_probe_response(await self._with.answerer.answer(peer.organisation, question))

        return await answered(context, "Probe", work, self._with.meter)

    async def Follow(self, request_iterator: Any, context: Any) -> None:  # noqa: ARG002, N802  # pyright: ignore[reportIncompatibleMethodOverride]  reads and writes by the context
        """One feed from a given entry on."""

        async def work() -> None:
            peer = pins.require_active(self._caller(context))
            name = peer.organisation
            if self._streams[name] >= STREAMS_PER_PEER:
                raise Exhausted(f"a peer has at most {STREAMS_PER_PEER} streams at a time")
            self._streams[name] += 1
            try:
                await beside(self._with.peers.revoked(name), self._follow(name, context))
            finally:
                self._streams[name] -= 1

        await answered(context, "Follow", work, self._with.meter)

    async def _follow(self, peer: str, context: Context) -> None:
        first: Any = await context.read()
        if not isinstance(first, pb.FollowRequest):
            return  # closed before it said anything
        opened = wire.from_open(first)
        offer = self._with.offers.find(opened.origin, peer)
        try:
            proved = await asyncio.get_running_loop().run_in_executor(self._with.reads, self._judge, offer, opened)
        except opening.Contradicted as error:
            raise await self._contradicted(offer, opened, error, peer, context) from error
        with self._with.wakes.waiting(offer.log) as wake:
            await Sending(
                served=self._served(offer, peer, proved),
                start=opened.next,
                proved=self._proved(offer, peer, proved),
                store=self._with.store,
                writer=self._with.writer,
                reads=self._with.reads,
                wake=wake,
                random=self._with.random,
                heartbeat_s=self._with.heartbeat_s,
                on_trip=lambda seconds: self._with.contacts.trip(peer, "ack", seconds),
                receive=lambda: _acks(context),
                send=lambda message: _send(context, message),
            ).run()

    def _served(self, offer: Offer, peer: str, proved: int) -> Served:
        with self._with.store.read() as session:
            record = session.one("SELECT size FROM delivery WHERE peer = ? AND log = ?", (peer, offer.log))
        held = max(proved, int(record[0]) if record else 0)
        return Served(peer, offer.log, offer.origin, offer.allowed, offer.full, offer.copy is None, held)

    def _judge(self, offer: Offer, opened: wire.Open) -> int:
        head = self._with.writer.heads[offer.log].size
        key = self._with.offers.verifier(offer)
        return opening.judge(opened, key=key, head=head, root_at=lambda size: self._root(offer, size))

    async def _contradicted(
        self, offer: Offer, opened: wire.Open, error: opening.Contradicted, peer: str, context: Context
    ) -> NodeError:
        """A checkpoint of the publisher's that the copy here does not lead to: what it means, and the answer."""
        if offer.copy is None:
            note = opened.checkpoint
            feed, own = self._with.feeds.get(offer.origin), self._with.own_feeds
            return await own.contradicted(feed, own.open(offer.origin, note), note, peer)
        held = offer.copy.note(error.size)
        if isinstance(error, opening.SecondRoot) and held is not None:
            # Two signatures of one publisher: both are kept here, and the follower is shown the other one.
            if offer.copy.state == OPEN:
                await offer.copy.stop(
                    Misbehaviour(FORK, str(error)), wire.to_heartbeat(opened.checkpoint).SerializeToString()
                )
            await _send(context, wire.to_heartbeat(held))
        return Refused(str(error))

    def _caller(self, context: Context) -> Peer:
        try:
            peer = pins.caller(context.auth_context(), self._with.peers.book, self._with.clock())
        except Denied:
            self._with.tally.add(Kind("security.denied", UNKNOWN_CALLER, "denied", "not_a_peer"), {"calls": 1})
            raise
        self._with.contacts.called(peer.organisation)
        return peer

    def _proved(self, offer: Offer, peer: str, size: int) -> list[Sent]:
        """What the opening proves the follower to hold beyond what it acknowledged before."""
        with self._with.store.read() as session:
            record = session.one("SELECT size FROM delivery WHERE peer = ? AND log = ?", (peer, offer.log))
            root = noted_root(session, offer.log, size)
        if root is None or size <= (record[0] if record else 0):
            return []
        return [Sent(size, root, b"", 0, 0)]

    def _root(self, offer: Offer, size: int) -> bytes | None:
        """The root of a size; of an own feed always, so that nothing signed by another life of it is passed over."""
        with self._with.store.read() as session:
            noted = noted_root(session, offer.log, size)
            return root_of(session, offer.log, size) if noted is None and offer.copy is None else noted

    def _latest(self, log: int) -> bytes:
        with self._with.store.read() as session:
            found = latest_checkpoint(session, log)
        return b"" if found is None else found[1]


async def _acks(context: Context) -> AsyncIterator[wire.Ack]:
    while isinstance(message := await context.read(), pb.FollowRequest):
        ack = wire.from_ack(message)
        if ack is not None:
            yield ack


async def _send(context: Context, message: Message) -> None:
    await context.write(message)
