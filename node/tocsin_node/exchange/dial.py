"""Calling a peer: a channel on which it has said Hello, its card is taken, and it has not paused us."""

import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import grpc
import grpc.aio

from tocsin.v1 import exchange_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeStub
from tocsin_crypto.tls import Certificate, TlsIdentity
from tocsin_node.errors import Refused, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.agreement import Agreements
from tocsin_node.exchange.contact import Contacts
from tocsin_node.exchange.greeting import Greeting, check_major
from tocsin_node.limits import CONNECT_S
from tocsin_node.peers.book import Peer
from tocsin_node.peers.service import Peers

FOLLOW: Final = "/tocsin.v1.Exchange/Follow"


class PausedByPeer(Refused):
    """The peer said in its Hello that it has paused the exchange."""


class Dial(Protocol):
    """Opens channels: see `network.Network.dial`."""

    def __call__(
        self, address: str, organisation: str, *, identity: TlsIdentity, certificates: Iterable[Certificate]
    ) -> grpc.aio.Channel:
        """A channel to one peer."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """One open channel to a peer that said this Hello; `heard_at` is ms UTC."""

    peer: Peer
    channel: grpc.aio.Channel
    contacts: Contacts
    heard_at: int
    hello: wire.Hello

    async def offered(self) -> tuple[wire.Offered, ...]:
        """The feeds it offers us."""
        stub: Any = ExchangeStub(self.channel)
        began = time.perf_counter()
        response: pb.ListFeedsResponse = await stub.ListFeeds(pb.ListFeedsRequest(), timeout=CONNECT_S)
        self.contacts.trip(self.peer.organisation, "list", time.perf_counter() - began)
        return wire.from_feeds(response)

    def follow(self) -> Any:
        """A Follow stream of raw bytes both ways: `wire` reads and writes them."""
        return cast("Any", self.channel).stream_stream(FOLLOW)()


class Dialler:
    """Opens sessions."""

    def __init__(
        self,
        *,
        peers: Peers,
        greeting: Greeting,
        identity: Callable[[], TlsIdentity],
        dial: Dial,
        contacts: Contacts,
        agreements: Agreements,
        clock: Callable[[], int],
    ) -> None:
        self._peers = peers
        self._greeting = greeting
        self._identity = identity
        self._dial = dial
        self._contacts = contacts
        self._agreements = agreements
        self._clock = clock

    @asynccontextmanager
    async def session(self, organisation: str) -> AsyncGenerator[Session]:
        """A session with one peer. Errors: NotFound, Unreachable, Refused when it paused us, those of gRPC."""
        peer = self._peers.get(organisation)
        if not peer.endpoints:
            raise Unreachable("its card names no endpoint, and none was given")
        certificates, address = peer.certificates(self._clock()), str(peer.endpoints[0])
        async with self._dial(address, organisation, identity=self._identity(), certificates=certificates) as channel:
            yield await self._greet(channel, peer)

    async def _greet(self, channel: grpc.aio.Channel, peer: Peer) -> Session:
        stub: Any = ExchangeStub(channel)
        request = pb.HelloRequest(hello=wire.to_hello(self._greeting.hello(peer)))
        started, began = self._clock(), time.perf_counter()
        response: pb.HelloResponse = await stub.Hello(request, timeout=CONNECT_S)
        took = time.perf_counter() - began
        hello = wire.from_hello(response.hello)
        check_major(hello)
        heard_at = self._clock()
        self._contacts.skew(peer.organisation, hello.now - (started + heard_at) // 2)
        peer = await self._peers.refresh(peer.organisation, hello.card)
        self._contacts.trip(peer.organisation, "hello", took)
        self._agreements.told(peer.organisation, hello)
        if hello.paused:
            raise PausedByPeer("the peer has paused the exchange")
        return Session(peer, channel, self._contacts, heard_at, hello)


def sentence(error: BaseException | None) -> str:
    """Why a session did not work, in words."""
    if isinstance(error, grpc.aio.AioRpcError):
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return "it cannot be reached, or one side does not accept the other's certificate"
        return error.details() or error.code().name.lower()
    return str(error)
