"""Every peer as of the last commit: one immutable value, read by handlers, TLS and matching alike.

A peer is who its pinned TLS key says, never who a certificate names. Active and paused peers are pinned: a paused one
may say Hello and hear that it is paused, nothing else. Removed peers stand here for their history only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from tocsin_crypto.card import Card, SignedCard
from tocsin_crypto.ed25519 import PublicKey, fingerprint
from tocsin_crypto.tls import Certificate
from tocsin_node.card import card_endpoints
from tocsin_node.config import Address


class PeerState(StrEnum):
    """What the operator decided about a peer."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another organisation's node."""

    organisation: str
    root: PublicKey
    state: PeerState
    signed: SignedCard
    override: Address | None
    """Where the operator said to connect, instead of what the card says."""
    added_at: int
    changed_at: int

    @property
    def card(self) -> Card:
        """The card of the highest sequence seen."""
        return self.signed.card

    @property
    def fingerprint(self) -> str:
        """Of the pinned root key."""
        return fingerprint(self.root)

    @property
    def endpoints(self) -> tuple[Address, ...]:
        """Where to connect, first choice first; empty when this peer only calls us."""
        return (self.override,) if self.override else card_endpoints(self.card)

    def certificates(self, now: int) -> tuple[Certificate, ...]:
        """Those of its card that are in date at `now` (ms UTC)."""
        return tuple(c for c in self.card.certificates if c.not_before <= now < c.not_after)

    def signing_key(self, now: int) -> PublicKey | None:
        """The key that signs its checkpoints, epochs and invites, while that is valid."""
        signing = self.card.keys.signing
        return signing.public if signing.holds(now) else None


@dataclass(frozen=True, slots=True)
class PeerBook:
    """All peers, and whose TLS keys are whose."""

    peers: Mapping[str, Peer]
    pins: Mapping[bytes, str]
    """SHA-256 of a TLS public key (SPKI) -> organisation; active and paused peers."""

    @classmethod
    def of(cls, peers: Iterable[Peer]) -> Self:
        """From peers."""
        known = {peer.organisation: peer for peer in sorted(peers, key=lambda peer: peer.organisation)}
        pins = {
            certificate.spki_sha256: peer.organisation
            for peer in known.values()
            if peer.state is not PeerState.REMOVED
            for certificate in peer.card.certificates
        }
        return cls(MappingProxyType(known), MappingProxyType(pins))

    def put(self, peer: Peer) -> Self:
        """The book with one peer new or changed."""
        return self.of([*(other for other in self.peers.values() if other.organisation != peer.organisation), peer])

    def get(self, organisation: str) -> Peer | None:
        """A peer in any state."""
        return self.peers.get(organisation)

    def identify(self, spki_sha256: bytes, now: int) -> Peer | None:
        """The active or paused peer that holds this TLS key, its certificate in date at `now`; else None."""
        organisation = self.pins.get(spki_sha256)
        if organisation is None:
            return None
        peer = self.peers[organisation]
        return peer if any(c.spki_sha256 == spki_sha256 for c in peer.certificates(now)) else None

    def active(self) -> tuple[Peer, ...]:
        """Peers with which exchange goes on."""
        return tuple(peer for peer in self.peers.values() if peer.state is PeerState.ACTIVE)

    def is_active(self, organisation: str) -> bool:
        """Whether exchange goes on with this one."""
        peer = self.peers.get(organisation)
        return peer is not None and peer.state is PeerState.ACTIVE

    def trusted(self, now: int) -> tuple[Certificate, ...]:
        """What the TLS handshake lets in: certificates in date of active and paused peers."""
        return tuple(
            certificate
            for peer in self.peers.values()
            if peer.state is not PeerState.REMOVED
            for certificate in peer.certificates(now)
        )
