"""`peer check`: dial a peer's endpoint once, as its link would, and name everything that stands between.

In order: what this node itself decided, the address, the certificate shown, then a Hello over the same mutual TLS and
with the same pins as any session, what the peer says in it, and whether it makes the same canonical forms. It stops
where going on cannot tell more. Like every Hello it takes a newer card of the peer, and keeps evidence of a false one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio

from tocsin.v1 import exchange_pb2 as pb
from tocsin.v1.exchange_pb2_grpc import ExchangeStub
from tocsin_node.card import OwnCard
from tocsin_node.config import Address
from tocsin_node.errors import NodeError, Unreachable
from tocsin_node.exchange import wire
from tocsin_node.exchange.agreement import Agreements
from tocsin_node.exchange.compare import Finding, card_findings, certificate_findings, hello_findings
from tocsin_node.exchange.contact import Contacts
from tocsin_node.exchange.greeting import Greeting
from tocsin_node.exchange.network import Network
from tocsin_node.exchange.probing import Prober
from tocsin_node.limits import CONNECT_S, PROBE_S, SKEW_MS
from tocsin_node.peers.book import Peer, PeerState
from tocsin_node.peers.service import Peers

_NO_ENDPOINT: Final = Finding("address", "its card names no endpoint, and none was given")
_REMOVED: Final = Finding("state", "this node has removed it: `tocsin peer add` takes it back")
_PAUSED: Final = Finding("state", "this node has paused the exchange with it: `tocsin peer resume` takes it up")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a check found; no finding means that nothing stands between. `endpoint` is what was dialled, if anything."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    endpoint: str = ""
    round_trip_us: int = 0


class Checker:
    """Checks one peer at a time."""

    def __init__(
        self,
        *,
        own: OwnCard,
        peers: Peers,
        greeting: Greeting,
        contacts: Contacts,
        agreements: Agreements,
        prober: Prober,
        network: Network,
        has_policy: Callable[[str], bool],
        clock: Callable[[], int],
        probe_s: float = PROBE_S,
    ) -> None:
        self._own = own
        self._peers = peers
        self._greeting = greeting
        self._contacts = contacts
        self._agreements = agreements
        self._prober = prober
        self._network = network
        self._has_policy = has_policy
        self._clock = clock
        self._probe_s = probe_s

    async def check(self, organisation: str) -> Probe:
        """Dial a peer and say what differs from what is pinned. Errors: NotFound."""
        peer = self._peers.get(organisation)
        if peer.state is PeerState.REMOVED:
            return Probe((_REMOVED,))
        ours = (_PAUSED,) if peer.state is PeerState.PAUSED else ()
        if not peer.endpoints:
            return Probe((*ours, _NO_ENDPOINT))
        address = peer.endpoints[0]  # the one its link dials
        found = await self._outside(peer, address)
        if found:
            return Probe((*ours, *found), endpoint=str(address))
        inside = await self._inside(peer, address)
        return Probe((*ours, *inside.findings), inside.notes, str(address), inside.round_trip_us)

    async def _outside(self, peer: Peer, address: Address) -> tuple[Finding, ...]:
        """The address, and the certificate it shows to anybody."""
        try:
            shown = await self._network.look(address, peer.organisation, seconds=self._probe_s)
        except Unreachable as error:
            return (Finding("address", str(error)),)
        book, own = self._peers.book, self._own.card
        return tuple(certificate_findings(shown, peer, book=book, own=own, now=self._clock()))

    async def _inside(self, peer: Peer, address: Address) -> Probe:
        """A Hello, what the peer says in it, and fresh probes where nothing else stands between."""
        identity, certificates = self._own.identity(), peer.certificates(self._clock())
        async with self._network.dial(
            str(address), peer.organisation, identity=identity, certificates=certificates
        ) as channel:
            started, began = self._clock(), time.perf_counter()
            try:
                hello = await self._hello(peer, channel)
            except grpc.aio.AioRpcError as error:
                return Probe((_refused(error),))
            except NodeError as error:
                return Probe((Finding("protocol", str(error)),))
            took = time.perf_counter() - began
            skew = hello.now - (started + self._clock()) // 2
            findings = [*hello_findings(hello), *card_findings(hello.card, peer)]
            try:
                taken = await self._peers.refresh(peer.organisation, hello.card)
            except NodeError as error:
                taken = peer
                findings += [] if any(one.what == "card" for one in findings) else [Finding("card", str(error))]
            self._contacts.skew(peer.organisation, skew)
            self._contacts.trip(peer.organisation, "hello", took)
            notes = self._notes(peer, taken, skew)
            if not findings and peer.state is PeerState.ACTIVE:
                told = await self._canon(peer, channel, hello)
                findings, notes = [*told.findings], [*notes, *told.notes]
            return Probe(tuple(findings), tuple(notes), round_trip_us=int(took * 1_000_000))

    async def _hello(self, peer: Peer, channel: grpc.aio.Channel) -> wire.Hello:
        request = pb.HelloRequest(hello=wire.to_hello(self._greeting.hello(peer)))
        stub: Any = ExchangeStub(channel)
        return wire.from_hello((await stub.Hello(request, timeout=CONNECT_S)).hello)

    async def _canon(self, peer: Peer, channel: grpc.aio.Channel, hello: wire.Hello) -> Probe:
        """Whether it makes the same canonical forms."""
        self._agreements.told(peer.organisation, hello)
        probed = await self._prober.probe(peer.organisation, channel, hello)
        alarms = self._agreements.of(peer.organisation).alarms()
        notes = (f"fresh probes could not be tried: {probed.why}",) if probed.why else ()
        return Probe(tuple(Finding("canon", sentence) for sentence in alarms), notes)

    def _notes(self, peer: Peer, taken: Peer, skew: int) -> list[str]:
        notes: list[str] = []
        if taken.card.sequence > peer.card.sequence:
            notes.append(f"its card was renewed: sequence {taken.card.sequence} taken, {peer.card.sequence} was held")
        if abs(skew) >= SKEW_MS:
            notes.append(f"its clock is {abs(skew) // 1000} s {'ahead of' if skew > 0 else 'behind'} ours")
        if not self._has_policy(peer.organisation):
            notes.append("no policy was applied for it: nothing of it is followed, nothing goes to it")
        return notes


def _refused(error: grpc.aio.AioRpcError) -> Finding:
    """What a Hello that failed says, the certificate being right."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            why = "it does not accept our certificate: has it added this node as a peer, with our present card?"
            return Finding("peer", why)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Finding("peer", f"it does not answer a Hello within {CONNECT_S:.0f} s")
        case grpc.StatusCode.UNIMPLEMENTED:
            return Finding("protocol", "it does not offer the exchange of this protocol")
        case grpc.StatusCode.FAILED_PRECONDITION:
            return Finding("protocol", f"it answers: {error.details()}")
        case _:
            return Finding("peer", f"it answers: {error.details()}")
