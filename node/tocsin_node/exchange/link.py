"""The session with one peer this node follows: Hello, the feeds it offers, one follower for each.

Retry is exponential with jitter while nothing works and starts anew after a session that did. One that ends within
SETTLED_S did not: a full disk on either side ends every session at its first acknowledgement. Feeds offered later are
noticed by asking again. A feed stopped for misbehaviour is not followed any more; everything else goes on.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, cast

import grpc
import grpc.aio
import structlog
import tenacity

from tocsin.v1 import exchange_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeStub
from tocsin_crypto.tls import Certificate, TlsIdentity
from tocsin_node.errors import NodeError, Refused, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.contact import Contacts
from tocsin_node.exchange.copy import OPEN, Copy, Tools, find
from tocsin_node.exchange.follower import Follower
from tocsin_node.exchange.greeting import Greeting, check_major
from tocsin_node.exchange.lag import Lag
from tocsin_node.limits import CONNECT_S, RETRY_MAX_S, RETRY_MIN_S, SETTLED_S
from tocsin_node.peers.book import Peer
from tocsin_node.peers.service import Peers
from tocsin_node.peers.words import Phase
from tocsin_node.workers import Workers

FOLLOW: Final = "/tocsin.v1.Exchange/Follow"
_NOT_THERE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_log: Any = structlog.get_logger("tocsin.exchange")

Jitter = Callable[[float], float]
"""From the longest a wait may be, in seconds, to how long it is."""


class Dial(Protocol):
    """Opens channels: see `network.Network.dial`."""

    def __call__(
        self, address: str, organisation: str, *, identity: TlsIdentity, certificates: Iterable[Certificate]
    ) -> grpc.aio.Channel:
        """A channel to one peer."""
        ...


class PausedByPeer(Refused):
    """The peer said in its Hello that it has paused the exchange."""


@dataclass(frozen=True, slots=True)
class FollowedState:
    """How far one followed feed is; times in ms UTC."""

    origin: str
    lag: Lag
    heard_at: int


@dataclass(frozen=True, slots=True)
class LinkState:
    """Where the session with one peer stands, and why where it does not."""

    organisation: str
    phase: Phase
    why: str
    heard_at: int
    feeds: tuple[FollowedState, ...]


@dataclass(frozen=True, slots=True)
class Linking:
    """What every link works with; the times are constructor parameters so that tests need not wait."""

    peers: Peers
    greeting: Greeting
    identity: Callable[[], TlsIdentity]
    dial: Dial
    tools: Tools
    contacts: Contacts
    workers: Workers
    clock: Callable[[], int]
    jitter: Jitter
    silence_s: float
    list_s: float


class Link:
    """One peer's session, again and again; `run` until cancelled."""

    def __init__(self, organisation: str, linking: Linking) -> None:
        self._organisation = organisation
        self._with = linking
        self._copies: dict[str, Copy] = {}
        self._lags: dict[str, Lag] = {}  # kept over sessions: a publisher out of reach is still as far ahead
        self._phase, self._why = Phase.CONNECTING, ""
        self._heard_at = 0

    def state(self) -> LinkState:
        """What this link is doing."""
        feeds = tuple(self._followed(copy) for _, copy in sorted(self._copies.items()))
        heard = max([self._heard_at, *(feed.heard_at for feed in feeds)])
        return LinkState(self._organisation, self._phase, self._why, heard, feeds)

    async def run(self) -> None:
        """Keep a session open."""
        while True:
            longest = tenacity.wait_exponential(multiplier=RETRY_MIN_S, max=RETRY_MAX_S)
            retrying = tenacity.AsyncRetrying(
                wait=lambda state, longest=longest: self._with.jitter(longest(state)),
                retry=tenacity.retry_if_exception_type((NodeError, grpc.aio.AioRpcError)),
                before_sleep=self._failed,
            )
            async for attempt in retrying:
                with attempt:
                    await self._session()
            await asyncio.sleep(RETRY_MIN_S)

    def _failed(self, retry: tenacity.RetryCallState) -> None:
        error = retry.outcome.exception() if retry.outcome else None
        self._phase, self._why = _phase(error), _sentence(error)
        _log.info("link waits", peer=self._organisation, why=self._why)

    async def _session(self) -> None:
        """One connection. Raises when it never worked, returns when it worked and then ended."""
        peer = self._with.peers.get(self._organisation)
        if not peer.endpoints:
            raise Unreachable("its card names no endpoint, and none was given")
        certificates = peer.certificates(self._with.clock())
        identity = self._with.identity()
        address = str(peer.endpoints[0])
        async with self._with.dial(address, peer.organisation, identity=identity, certificates=certificates) as channel:
            stub = ExchangeStub(channel)
            peer = await self._greet(stub, peer)
            offered = await self._offered(stub)
            self._phase, self._why = Phase.CONNECTED, ""
            began = asyncio.get_running_loop().time()
            try:
                await self._follow_all(channel, stub, peer, offered)
            except (NodeError, grpc.aio.AioRpcError) as error:
                self._phase, self._why = Phase.CONNECTING, _sentence(error)
                _log.info("link ended", peer=self._organisation, why=self._why)
                if asyncio.get_running_loop().time() - began < SETTLED_S:
                    raise

    async def _greet(self, stub: Any, peer: Peer) -> Peer:
        request = pb.HelloRequest(hello=wire.to_hello(self._with.greeting.hello(peer)))
        started, began = self._with.clock(), time.perf_counter()
        response: pb.HelloResponse = await stub.Hello(request, timeout=CONNECT_S)
        took = time.perf_counter() - began
        hello = wire.from_hello(response.hello)
        check_major(hello)
        self._heard_at = self._with.clock()
        self._with.contacts.skew(peer.organisation, hello.now - (started + self._heard_at) // 2)
        peer = await self._with.peers.refresh(peer.organisation, hello.card)
        self._with.contacts.trip(peer.organisation, "hello", took)
        if hello.paused:
            raise PausedByPeer("the peer has paused the exchange")
        return peer

    async def _offered(self, stub: Any) -> tuple[wire.Offered, ...]:
        began = time.perf_counter()
        response: pb.ListFeedsResponse = await stub.ListFeeds(pb.ListFeedsRequest(), timeout=CONNECT_S)
        self._with.contacts.trip(self._organisation, "list", time.perf_counter() - began)
        return tuple(one for one in wire.from_feeds(response) if one.origin.startswith(f"{self._organisation}/"))

    async def _follow_all(
        self, channel: grpc.aio.Channel, stub: Any, peer: Peer, offered: Iterable[wire.Offered]
    ) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for one in offered:
                    if one.origin not in tasks and await self._wanted(one.origin):
                        tasks[one.origin] = asyncio.create_task(self._follow(channel, peer, one.origin))
                running = [task for task in tasks.values() if not task.done()]
                if running:
                    await asyncio.wait(running, timeout=self._with.list_s, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(self._with.list_s)
                for task in tasks.values():
                    if task.done():
                        task.result()  # a stopped feed returned; anything else ends the session
                offered = await self._offered(stub)
                self._heard_at = self._with.clock()
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _wanted(self, origin: str) -> bool:
        copy = await find(self._with.tools, publisher=self._organisation, origin=origin)
        self._copies[origin] = copy
        self._lags.setdefault(origin, Lag()).stored(copy.size)
        return copy.state == OPEN

    async def _follow(self, channel: grpc.aio.Channel, peer: Peer, origin: str) -> None:
        key = peer.signing_key(self._with.clock())
        if key is None:
            raise Refused("its signing key is not valid now: it must renew its card")
        call: Any = cast("Any", channel).stream_stream(FOLLOW)()  # raw bytes both ways: `wire` reads and writes them
        try:
            follower = Follower(
                copy=self._copies[origin],
                key=key.raw,
                workers=self._with.workers,
                silence_s=self._with.silence_s,
                lag=self._lags[origin],
                clock=self._with.clock,
                read=call.read,
                write=call.write,
            )
            await follower.run()
        except (Unreachable, asyncio.InvalidStateError) as error:
            if call.done() and await call.code() is not grpc.StatusCode.OK:
                raise Unreachable(str(await call.details())) from error
            raise Unreachable(str(error)) from error
        finally:
            call.cancel()

    def _followed(self, copy: Copy) -> FollowedState:
        return FollowedState(copy.origin, replace(self._lags[copy.origin]), copy.heard_at)


def _phase(error: BaseException | None) -> Phase:
    """What a session that never worked says of the peer."""
    if isinstance(error, PausedByPeer):
        return Phase.PAUSED
    if isinstance(error, grpc.aio.AioRpcError):
        return Phase.UNREACHABLE if error.code() in _NOT_THERE else Phase.REFUSED
    return Phase.UNREACHABLE if isinstance(error, Unreachable) else Phase.REFUSED


def _sentence(error: BaseException | None) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return "it cannot be reached, or one side does not accept the other's certificate"
        return error.details() or error.code().name.lower()
    return str(error)
