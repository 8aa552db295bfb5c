"""The network of a federation in memory: real messages as bytes, between real servicers and links, under a seed.

Every message takes a random time to arrive; messages of one call stay in order, calls overtake each other. A pair of
nodes can be cut (calls fail at once), frozen (nothing arrives and nobody is told) or healed; connections drop by
chance; a reader may be slow. What a liar answers goes through its lie before it is sent. `trace` says what arrived,
line by line; the same seed and the same steps give the same trace.

TLS is reduced to what it decides: a server must show one of the certificates its caller expects, and lets in who
shows one it was told of. What that key may do is decided by the node itself, as ever.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from tocsin.v1 import exchange_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeServicer, add_ExchangeServicer_to_server
from tocsin_crypto.tls import Certificate, TlsIdentity
from tocsin_node.config import Address
from tocsin_node.errors import Unreachable
from tocsin_node.exchange.credentials import ServerIdentity
from tocsin_node.testing.calls import GONE, Call, End, ServerSide

PORT: Final = 7443  # in every card; the host is the organisation

Lie = Callable[[Message, str], Iterable[Message | bytes]]
"""From an honest response and the organisation it is for to what is sent instead: any number of messages or bytes."""


@dataclass(slots=True)
class Weather:
    """What messages go through: delays in seconds from `fastest` to `slowest`, and the chance that one is the last."""

    fastest: float = 0.001
    slowest: float = 0.05
    drops: float = 0.0


@dataclass(frozen=True, slots=True)
class _Listener:
    handlers: Mapping[str, Any]
    identity: ServerIdentity
    context: Context


class Hub:
    """What is between the nodes."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, chance: Random) -> None:
        self.loop: Final = loop
        self.weather: Final = Weather()
        self.trace: Final[list[str]] = []
        self.lies: Final[dict[str, Lie]] = {}
        self.slow: Final[dict[str, float]] = {}
        """Seconds a node waits before it reads each message of a feed."""
        self.worked_at = 0.0
        """When a delivery or an acknowledgement last arrived."""
        self._chance = chance
        self._listeners: dict[str, _Listener] = {}
        self._calls: dict[Call, None] = {}
        self._cut: set[frozenset[str]] = set()
        self._frozen: set[frozenset[str]] = set()
        self._changed = asyncio.Event()

    # ---- faults

    def cut(self, one: str, other: str) -> None:
        """Break what runs between two nodes, and let nothing through."""
        self._cut.add(frozenset((one, other)))
        self.drop(one, other)

    def freeze(self, one: str, other: str) -> None:
        """Let nothing arrive between two nodes, and tell nobody."""
        self._frozen.add(frozenset((one, other)))

    def heal(self, one: str, other: str) -> None:
        """Undo `cut` and `freeze`; what a freeze held back arrives now."""
        pair = frozenset((one, other))
        self._cut.discard(pair)
        self._frozen.discard(pair)
        for call in [call for call in self._calls if not call.frozen]:
            call.thaw()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def heal_all(self) -> None:
        """The same for every pair."""
        for pair in sorted(map(sorted, self._cut | self._frozen)):
            self.heal(*pair)

    def drop(self, one: str, other: str) -> None:
        """Break what runs between two nodes; they may connect again."""
        for call in [call for call in self._calls if {call.client, call.server} == {one, other}]:
            call.break_off(GONE.code, GONE.details)

    def vanish(self, name: str) -> None:
        """A node is gone: nobody listens, and everything that ran with it breaks."""
        self._listeners.pop(name, None)
        for call in [call for call in self._calls if name in {call.client, call.server}]:
            call.lose(name)

    # ---- what nodes use

    def listen(self, name: str, servicer: ExchangeServicer, identity: ServerIdentity) -> None:
        """Serve a node's peers, in the context that asks for it."""
        table = _Table()
        add_ExchangeServicer_to_server(servicer, cast("Any", table))
        self._listeners[name] = _Listener(table.handlers, identity, copy_context())

    async def connect(
        self, client: str, address: str, method: str, *, identity: TlsIdentity, certificates: frozenset[bytes]
    ) -> Call:
        """A call to who listens at the address. Errors: AioRpcError UNAVAILABLE."""
        server = address.rpartition(":")[0]
        await asyncio.sleep(self.delay())
        while self.frozen(client, server):
            await self._changed.wait()
        listener = None if frozenset((client, server)) in self._cut else self._listeners.get(server)
        shown = None if listener is None else listener.identity.shown
        if listener is None or shown is None or shown.identity.certificate.der not in certificates:
            raise End(grpc.StatusCode.UNAVAILABLE, "failed to connect").error
        if all(identity.certificate.der != peer.der for peer in shown.peers):
            raise End(grpc.StatusCode.UNAVAILABLE, "the handshake was refused").error
        call = Call(client=client, server=server, method=method, between=self, on_end=self._forget)
        self._calls[call] = None
        handler = listener.handlers[method]
        side = ServerSide(
            call,
            identity.certificate.pem,
            handler,
            say=lambda message: self._say(server, client, message),
            note=lambda status: self._note(server, client, f"{_short(method)} ends {status.code.name}"),
        )
        call.handler = self.loop.create_task(side.run(), context=listener.context.copy())
        return call

    async def look(self, client: str, address: str, seconds: float) -> bytes:
        """The certificate that who listens at the address shows. Errors: Unreachable."""
        server = address.rpartition(":")[0]
        await asyncio.sleep(self.delay())
        if self.frozen(client, server):
            await asyncio.sleep(seconds)
            raise Unreachable(f"{address} does not answer at all within {seconds:.0f} s")
        listener = None if frozenset((client, server)) in self._cut else self._listeners.get(server)
        if listener is None:
            raise Unreachable(f"{address} refuses the connection: nothing listens there")
        return listener.identity.shown.identity.certificate.der

    def delay(self) -> float:
        """Seconds until the next message arrives."""
        return self._chance.uniform(self.weather.fastest, self.weather.slowest)

    def frozen(self, one: str, other: str) -> bool:
        """Whether nothing arrives between these."""
        return frozenset((one, other)) in self._frozen

    def arrived(self, call: Call, sender: str, data: bytes) -> bool:
        """Note an arrival; False when the connection broke instead."""
        receiver = call.server if sender == call.client else call.client
        words, works = _words(call, sender, data)
        self._note(sender, receiver, f"{_short(call.method)} {words}")
        if self.weather.drops and self._chance.random() < self.weather.drops:
            self._note(sender, receiver, "the connection breaks")
            self.drop(call.client, call.server)
            return False
        if works:
            self.worked_at = self.loop.time()
        return True

    # ---- parts

    def _say(self, server: str, client: str, message: Message) -> list[bytes]:
        lie = self.lies.get(server)
        said: Iterable[Message | bytes] = (message,) if lie is None else lie(message, client)
        return [item if isinstance(item, bytes) else item.SerializeToString() for item in said]

    def _note(self, sender: str, receiver: str, words: str) -> None:
        self.trace.append(f"{self.loop.time():.3f} {sender} > {receiver} {words}")

    def _forget(self, call: Call) -> None:
        self._calls.pop(call, None)


class MemoryNetwork:
    """One node's side of the hub; a `Network`."""

    def __init__(self, hub: Hub, name: str) -> None:
        self._hub = hub
        self._name = name

    def dial(
        self, address: str, organisation: str, *, identity: TlsIdentity, certificates: Iterable[Certificate]
    ) -> grpc.aio.Channel:
        """See `Network`. The organisation is whoever holds the certificate."""
        del organisation
        known = frozenset(certificate.der for certificate in certificates)
        return cast("Any", _Channel(self._hub, self._name, address, identity, known))

    async def look(self, address: Address, organisation: str, *, seconds: float) -> bytes:
        """See `Network`."""
        del organisation
        return await self._hub.look(self._name, str(address), seconds)

    async def listen(self, address: Address, servicer: ExchangeServicer, identity: ServerIdentity) -> "MemoryNetwork":
        """See `Network`. The address is the organisation's name, whatever its configuration says."""
        del address
        self._hub.listen(self._name, servicer, identity)
        return self

    async def stop(self, grace: float) -> None:
        """See `Listening`."""
        del grace
        self._hub.vanish(self._name)


class _Table:
    """Takes a servicer's handlers, as a server does."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """The same handlers in another form."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """By full name."""
        self.handlers.update((f"/{service}/{name}", handler) for name, handler in handlers.items())


class _Channel:
    """The part of a grpc.aio.Channel that the exchange uses."""

    def __init__(
        self, hub: Hub, client: str, address: str, identity: TlsIdentity, certificates: frozenset[bytes]
    ) -> None:
        self._hub = hub
        self._client = client
        self._address = address
        self._identity = identity
        self._certificates = certificates

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Its calls have ended: links cancel them."""

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        """One request, one response."""

        async def call(request: Message, timeout: float | None = None) -> Any:  # noqa: ASYNC109  as gRPC has it
            try:
                async with asyncio.timeout(timeout):
                    opened = await self._open(method)
                    await opened.up.send(request_serializer(request))
                    found = await opened.down.read()
            except TimeoutError:
                raise End(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded").error from None
            if isinstance(found, End):
                raise found.error
            return response_deserializer(found)

        return call

    def stream_stream(self, method: str, **_: Any) -> "Callable[[], _Stream]":
        """Bytes both ways."""
        return lambda: _Stream(self._hub, self._client, self._open(method))

    async def _open(self, method: str) -> Call:
        return await self._hub.connect(
            self._client, self._address, method, identity=self._identity, certificates=self._certificates
        )


class _Stream:
    """The part of a grpc.aio.StreamStreamCall that the exchange uses."""

    def __init__(self, hub: Hub, client: str, opening: Any) -> None:
        self._hub = hub
        self._client = client
        self._opened: asyncio.Future[Call] = asyncio.ensure_future(opening)
        self._end: End | None = None

    async def read(self) -> Any:
        """The next message, or EOF. Errors: AioRpcError for any status but OK."""
        call = await asyncio.shield(self._opened)
        if self._hub.slow.get(self._client):
            await asyncio.sleep(self._hub.slow[self._client])
        item = await call.down.read()
        if not isinstance(item, End):
            return item
        self._end = item
        if item.code is not grpc.StatusCode.OK:
            raise item.error
        return grpc.aio.EOF

    async def write(self, data: bytes) -> None:
        """Send a message. Errors: InvalidStateError once the call has ended."""
        if self._end is not None:
            raise asyncio.InvalidStateError("RPC already finished.")
        await (await asyncio.shield(self._opened)).up.send(data)

    def done(self) -> bool:
        """Whether the end has been read."""
        return self._end is not None

    async def code(self) -> grpc.StatusCode:
        """The status."""
        return grpc.StatusCode.UNKNOWN if self._end is None else self._end.code

    async def details(self) -> str:
        """Its sentence."""
        return "" if self._end is None else self._end.details

    def cancel(self) -> None:
        """End the call from this side."""
        if not self._opened.done():
            self._opened.cancel()
        elif not self._opened.cancelled() and self._opened.exception() is None:
            self._opened.result().up.end(End(grpc.StatusCode.CANCELLED))


def _short(method: str) -> str:
    return method.rpartition("/")[2]


def _words(call: Call, sender: str, data: bytes) -> tuple[str, bool]:
    """What a message is, without what a seed does not decide; and whether it moves a feed forward."""
    if not call.method.endswith("/Follow"):
        return ("asks" if sender == call.client else "answers"), False
    try:
        if sender == call.client:
            asked = pb.FollowRequest.FromString(data)
            opens = asked.WhichOneof("message") == "open"
            return (f"open {asked.open.next}", False) if opens else (f"ack {asked.ack.size}", True)
        said = pb.FollowResponse.FromString(data)
    except DecodeError:
        return f"{len(data)} bytes", True
    if said.WhichOneof("message") == "delivery":
        segment = said.delivery.segment
        return f"delivery {segment.first}+{segment.count}", True
    return "heartbeat", False
